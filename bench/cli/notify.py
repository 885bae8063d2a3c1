"""Sends a message about what a command found: to a webhook, to Slack, or as an issue on GitHub.

A target is a secret (see `message_targets`). So warnings name its scheme and its host alone, the libraries that send
it write no log, and a redirect is not followed.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from bench.cli.console import FAILED, fail, warn
from bench.cli.message_targets import OPTION, TARGETS, Kind, Target, parse
from bench.cli.options import as_option
from bench.errors import BenchError, UsageError
from bench.plan.options import Help

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

    from bench.export.notification import Message

GROUP = "Send a message"
WORSE = "got worse"

Notify = Annotated[
    str | None, as_option("notify", Help(f"Send what was found, unless all is well. {TARGETS}.", "TARGET", GROUP))
]
NotifyAlways = Annotated[
    bool, as_option("notify_always", Help("Send it with --notify even if all is well.", group=GROUP))
]

QUERY = re.compile(r"^(\w+://[^?]*)\?.*$")  # of an address, which may be a signature
TRIES = 3
LIMIT_S = 10.0  # for a connection, and for each answer
BACKOFF_S = 1.0
LONGEST_WAIT_S = 30  # whatever a server asks for in Retry-After
AGAIN = frozenset({429, *range(500, 600)})  # answers after which it is tried again
MOST_PAGES, PER_PAGE = 10, 100  # of open issues

LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.connection")


class UndeliveredError(Exception):
    """Raised if a message could not be delivered; the message is the reason, without any secret."""


def notify(target: str, message: "Message") -> bool:
    """Send a message, and return whether it was delivered; if it was not, a warning says why.

    Raises UsageError if the target is none.
    """
    found = parse(target)
    try:
        with _silent():
            SENDERS[found.kind](found, message)
    except UndeliveredError as error:
        warn(f"{OPTION}: {found.shown}: {error}; the message was not delivered")
        return False
    return True


@contextmanager
def announced(target: str | None, title: str, *, always: bool = False, worse: str = WORSE) -> Iterator[list[str]]:
    """Send how the command inside ends, with the lines that it adds to the list, once it has printed all it found.

    `worse` says what the exit code 3 means. It is sent if the exit code is not 0, or always. If it cannot be delivered,
    0 becomes 1. Raises UsageError at once if the target is none.
    """
    lines: list[str] = []
    if target is None:
        if always:
            raise UsageError(f"--notify-always: found no {OPTION}, expected one: {TARGETS}")
        yield lines
        return
    parse(target)
    try:
        try:
            yield lines
        except BenchError as error:
            lines.append(str(error))
            fail(str(error), error.exit_code)
        except Exception as error:
            notify(target, _message(title, FAILED, [*lines, f"internal error: {type(error).__name__}"], worse=worse))
            raise
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        lines += [str(note) for note in getattr(end, "__notes__", ()) if note not in lines]
        delivered = notify(target, _message(title, code, lines, worse=worse)) if code or always else True
        raise SystemExit(code if delivered else code or FAILED) from None


def _message(title: str, code: int, lines: list[str], *, worse: str) -> "Message":
    from datetime import UTC, datetime

    from bench.errors import ExitCode
    from bench.export.notification import VERDICTS, Message

    when = datetime.now(tz=UTC).isoformat(timespec="seconds")
    verdict = worse if code == ExitCode.REGRESSED else VERDICTS[ExitCode(code)]
    return Message(title=title, verdict=verdict, exit_code=code, lines=tuple(lines), command=command(), when=when)


def command() -> str:
    """The command as it was typed, without its target and without passwords in addresses."""
    import shlex

    from bench.records.remote_files import shown

    words = list(sys.argv[1:])
    while OPTION in words:
        place = words.index(OPTION)
        del words[place : place + 2]
    kept = [word for word in words if not word.startswith(f"{OPTION}=")]
    return shlex.join(["levelfield", *(QUERY.sub(r"\1", shown(word)) for word in kept)])


def _to_webhook(target: Target, message: "Message") -> None:
    from bench.export import notification

    with _session() as session:
        _answer(session, "POST", target.address, json=notification.as_json(message))


def _to_slack(target: Target, message: "Message") -> None:
    from bench.export import notification

    with _session() as session:
        _answer(session, "POST", target.address, json=notification.for_slack(message))


def _to_github(target: Target, message: "Message") -> None:
    """Open an issue, or comment on the one that is open with the same title and our label."""
    from bench.export import notification

    new = notification.issue(message)
    with _session(target.token) as session:
        number = _open_issue(session, target.address, new["title"])
        if number is None:
            _answer(session, "POST", target.address, json=new)
        else:
            _answer(session, "POST", f"{target.address}/{number}/comments", json={"body": new["body"]})


def _open_issue(session: "Session", address: str, title: str) -> int | None:
    """The number of the newest open issue with this title and our label."""
    from bench.export.notification import LABEL

    for page in range(1, MOST_PAGES + 1):
        asked = {"state": "open", "labels": LABEL, "per_page": PER_PAGE, "page": page}
        try:
            found = _answer(session, "GET", address, params=asked).json()
            numbers = [int(item["number"]) for item in found if item["title"] == title and "pull_request" not in item]
        except (ValueError, KeyError, TypeError):
            raise UndeliveredError("found no list of issues in the answer, expected that of GitHub's API") from None
        if numbers or len(found) < PER_PAGE:
            return next(iter(numbers), None)
    return None


SENDERS: dict[Kind, Callable[[Target, "Message"], None]] = {
    "json": _to_webhook,
    "slack": _to_slack,
    "github": _to_github,
}


def _session(token: str = "") -> "Session":
    """What sends a request up to three times."""
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    from bench.version import __version__

    retry = Retry(
        total=TRIES - 1,
        backoff_factor=BACKOFF_S,
        status_forcelist=AGAIN,
        allowed_methods=None,  # POST too: a message that arrives twice is better than none
        raise_on_status=False,
        retry_after_max=LONGEST_WAIT_S,
    )
    session = Session()
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = f"levelfield/{__version__}"
    if token:
        session.headers["Accept"] = "application/vnd.github+json"
        session.auth = _with(token)
    return session


def _with(token: str) -> "Callable[[PreparedRequest], PreparedRequest]":
    """What signs a request; a header of the session would give way to a password in ~/.netrc."""

    def sign(request: "PreparedRequest") -> "PreparedRequest":
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign


def _answer(session: "Session", method: str, address: str, **content: Any) -> "Response":  # noqa: ANN401 (JSON)
    """The answer to a request. Raises UndeliveredError with a reason of our own: libraries name the whole address."""
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        found = session.request(method, address, timeout=LIMIT_S, allow_redirects=False, **content)
    except (RequestException, HTTPError, OSError, ValueError) as error:
        raise UndeliveredError(_reason(error)) from None
    if not found.ok:
        tried = f" {TRIES} times" if found.status_code in AGAIN else ""
        raise UndeliveredError(f"it answered {found.status_code}{tried}{HELP.get(found.status_code, '')}")
    if found.status_code >= 300:  # noqa: PLR2004 (redirects)
        raise UndeliveredError(f"it answered {found.status_code}, a redirect, which is not followed: name the last one")
    return found


HELP = {
    401: "; check the secret",
    403: "; check the secret, and what it may do",
    404: "; check the address, and that the secret may write there",
}


def _reason(error: Exception) -> str:
    """What went wrong, in words that have no part of the address."""
    from requests import exceptions

    words = {
        exceptions.SSLError: "its certificate is not trusted",
        exceptions.ProxyError: "the proxy could not be reached",
        exceptions.ConnectTimeout: f"no connection within {LIMIT_S:g} s, in {TRIES} tries",
        exceptions.ConnectionError: f"no connection, or no answer within {LIMIT_S:g} s, in {TRIES} tries",
    }
    return next((text for kind, text in words.items() if isinstance(error, kind)), "the request could not be sent")


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing is logged by the libraries that send: their lines have the whole address."""
    import logging

    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
