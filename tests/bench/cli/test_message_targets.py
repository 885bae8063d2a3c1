"""A text means a target, or an error says what is expected without showing a secret."""

import pytest

from bench.cli.message_targets import parse
from bench.errors import UsageError

SECRET = "T0-B0-hunter2"  # noqa: S105 (of no real place)
TOKEN = {"GITHUB_TOKEN": SECRET}


@pytest.mark.parametrize(
    ("text", "kind", "shown", "address"),
    [
        (f"https://example.org/{SECRET}", "json", "https://example.org", f"https://example.org/{SECRET}"),
        (f"https://ada:{SECRET}@example.org:8443/", "json", "https://example.org", f"https://ada:{SECRET}@example.org:8443/"),
        (f"slack:https://hooks.slack.com/{SECRET}", "slack", "https://hooks.slack.com", f"https://hooks.slack.com/{SECRET}"),
        ("github:ada/net.works", "github", "https://api.github.com, ada/net.works", "https://api.github.com/repos/ada/net.works/issues"),
        ("http://localhost:8000/x", "json", "http://localhost", "http://localhost:8000/x"),
    ],
)  # fmt: skip
def test_a_text_means_a_target(text: str, kind: str, shown: str, address: str) -> None:
    found = parse(text, TOKEN)
    assert (found.kind, found.shown, found.address) == (kind, shown, address)
    assert parse("env:HOOK", {"HOOK": f"{text}\n", **TOKEN}) == found
    assert SECRET not in repr(found) + found.shown


def test_the_address_of_githubs_api_may_be_another() -> None:
    found = parse("github:ada/networks", {**TOKEN, "GITHUB_API_URL": "https://git.example.org/api/v3/"})
    assert found.address == "https://git.example.org/api/v3/repos/ada/networks/issues"
    assert found.token == SECRET


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SECRET, "found a target of an unknown kind, expected https://… (JSON), slack:https://…, github:OWNER/REPO"),
        (f"ftp://example.org/{SECRET}", "found a target of an unknown kind"),
        ("", "found a target of an unknown kind"),
        (f"http://example.org/{SECRET}", "found http://example.org, expected https://: the address is a secret"),
        (f"https:///{SECRET}", "https://…: found no address, expected one that begins with https:// and a host"),
        (f"https://example.org:{SECRET}/", "https://…: found no address"),
        (f"https://[{SECRET}/", "https://…: found no address"),
        (f"https://example.org/a {SECRET}", "https://…: found no address"),
        (f"slack:{SECRET}", "slack:https://…: found no address"),
        (f"github:{SECRET}", "found no repository after `github:`, expected github:OWNER/REPO"),
        (f"github:ada/networks/{SECRET}", "found no repository after `github:`"),
        (f"env:https://{SECRET}", "found no name of a variable after `env:`, expected one as in env:CHAT_URL"),
        ("env:NOT_SET", "NOT_SET: found no such variable, or an empty one, expected a target"),
        ("env:EMPTY", "EMPTY: found no such variable, or an empty one, expected a target"),
        ("env:ROUND", "ROUND: found another variable in it, expected a target"),
        ("env:WRONG", "WRONG: found a target of an unknown kind"),
    ],
)
def test_a_text_that_means_none_is_refused_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(UsageError) as found:
        parse(text, {"EMPTY": " ", "ROUND": "env:ROUND", "WRONG": SECRET, **TOKEN})
    assert said in str(found.value)
    assert str(found.value).startswith("--notify: ")
    assert SECRET not in str(found.value)


def test_an_issue_needs_a_token_and_an_api_that_is_an_address() -> None:
    with pytest.raises(UsageError, match=r"GITHUB_TOKEN: found no token, expected one that may write issues of a/b"):
        parse("github:a/b", {})
    with pytest.raises(UsageError, match=r"GITHUB_API_URL: found http://git\.example\.org, expected https://"):
        parse("github:a/b", {**TOKEN, "GITHUB_API_URL": "http://git.example.org"})
