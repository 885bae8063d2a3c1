"""Where a message goes: a webhook, Slack, or the issues of a repository on GitHub.

A target is a secret: whoever knows the address of a webhook can write there. So an error names its scheme and its host
alone, and a text that is no target is not shown.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, final
from urllib.parse import urlsplit

from bench.errors import UsageError

OPTION = "--notify"
TARGETS = "https://… (JSON), slack:https://…, github:OWNER/REPO, or env:NAME (a variable that has one of these)"

LOOPBACK = ("127.0.0.1", "::1", "localhost")
REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TOKEN, API, USUAL_API = "GITHUB_TOKEN", "GITHUB_API_URL", "https://api.github.com"

Kind = Literal["json", "slack", "github"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a message goes. `shown` is what may be printed of it; `address` and `token` may not."""

    kind: Kind
    shown: str
    address: str = field(repr=False)
    token: str = field(default="", repr=False)


def parse(text: str, environment: Mapping[str, str] = os.environ) -> Target:
    """The target that a text means. Raises UsageError, without the text, if it means none."""
    kind, _, rest = text.strip().partition(":")
    if kind == "env":
        return _in_variable(rest, environment)
    if kind == "github":
        return _repository(rest, environment)
    if kind == "slack":
        return _webhook("slack", rest, form="slack:https://…")
    if kind in {"http", "https"}:
        return _webhook("json", text.strip(), form="https://…")
    raise UsageError(f"{OPTION}: found a target of an unknown kind, expected {TARGETS}")


def _in_variable(name: str, environment: Mapping[str, str]) -> Target:
    if not VARIABLE.fullmatch(name):  # it may be the secret itself, so it is not shown
        raise UsageError(f"{OPTION}: found no name of a variable after `env:`, expected one as in env:CHAT_URL")
    value = environment.get(name, "").strip()
    if not value or value.startswith("env:"):
        found = "another variable in it" if value else "no such variable, or an empty one"
        raise UsageError(f"{OPTION}: {name}: found {found}, expected a target")
    try:
        return parse(value, environment)
    except UsageError as error:
        raise UsageError(f"{OPTION}: {name}: {str(error).removeprefix(f'{OPTION}: ')}") from None


def _repository(name: str, environment: Mapping[str, str]) -> Target:
    if not REPOSITORY.fullmatch(name):
        raise UsageError(f"{OPTION}: found no repository after `github:`, expected github:OWNER/REPO")
    token = environment.get(TOKEN, "").strip()
    if not token:
        raise UsageError(f"{OPTION}: {TOKEN}: found no token, expected one that may write issues of {name}")
    api = environment.get(API, "").strip().rstrip("/") or USUAL_API
    shown = f"{_shown(api, API)}, {name}"
    return Target(kind="github", shown=shown, address=f"{api}/repos/{name}/issues", token=token)


def _webhook(kind: Kind, address: str, *, form: str) -> Target:
    return Target(kind=kind, shown=_shown(address, form), address=address)


def _shown(address: str, form: str) -> str:
    """Scheme and host of an address. Raises UsageError if it is none, or if it would be sent for all to read."""
    try:
        parts = urlsplit(address)
        scheme, host, _ = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme, host = "", ""
    if not host or scheme not in {"http", "https"} or any(letter.isspace() for letter in address):
        raise UsageError(f"{OPTION}: {form}: found no address, expected one that begins with https:// and a host")
    if scheme == "http" and host not in LOOPBACK:
        raise UsageError(f"{OPTION}: {form}: found http://{host}, expected https://: the address is a secret")
    return f"{scheme}://{host}"
