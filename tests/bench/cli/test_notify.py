"""A message arrives at a webhook, in Slack or as an issue, after a few tries, and no secret of its target is shown."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli import notify
from bench.cli.message_targets import parse
from bench.cli.notify import announced
from bench.errors import UsageError
from bench.export.notification import Message
from tests.bench.cli import stored_files
from tests.bench.cli.conftest import Command
from tests.bench.cli.message_server import HANG_UP, Answer, GitHub, Server, serving
from tests.bench.cli.stored_files import store
from tests.bench.sample_records import quick_run

SECRET = "T0-B0-hunter2"  # noqa: S105 (of no real place)
MESSAGE = Message(
    title="levelfield check: latest against budgets.toml",
    verdict="got worse",
    exit_code=3,
    lines=("digits-dnn pytorch: found 2, expected at most 1",),
    command="levelfield check budgets.toml",
    when="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(notify, "BACKOFF_S", 0.0)
    with serving() as found:
        yield found


@pytest.fixture
def github(server: Server, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    found = GitHub(token=SECRET)
    server.route = found.answer
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("GITHUB_API_URL", server.address)
    return found


def test_a_webhook_gets_json(server: Server) -> None:
    assert notify.notify(f"{server.address}/{SECRET}?key={SECRET}", MESSAGE)
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", f"/{SECRET}", {"key": SECRET})
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("levelfield/")
    assert (request.content["verdict"], request.content["lines"]) == (MESSAGE.verdict, list(MESSAGE.lines))


def test_slack_gets_text_and_blocks(server: Server) -> None:
    assert notify.notify(f"slack:{server.address}/services/{SECRET}", MESSAGE)
    (request,) = server.requests
    assert request.path == f"/services/{SECRET}"
    assert request.content["text"] == "levelfield check: latest against budgets.toml: got worse"
    assert [block["type"] for block in request.content["blocks"]] == ["header", "section", "context"]


def test_the_target_may_be_in_a_variable(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_URL", f" slack:{server.address}/{SECRET}\n")
    assert notify.notify("env:CHAT_URL", MESSAGE)
    assert [request.path for request in server.requests] == [f"/{SECRET}"]
    assert "blocks" in server.requests[0].content


def test_an_issue_is_opened_once_and_commented_on_from_then_on(github: GitHub) -> None:
    for _ in range(3):
        assert notify.notify("github:ada/networks", MESSAGE)
    assert [issue["labels"] for issue in github.issues] == [["levelfield"]]
    assert github.issues[0]["title"] == "levelfield check: latest against budgets.toml: got worse"
    assert "expected at most 1" in github.issues[0]["body"]
    assert len(github.comments[1]) == 2
    assert "expected at most 1" in github.comments[1][0]


@pytest.mark.parametrize(
    "difference", [{"state": "closed"}, {"title": "another"}, {"labels": ["bug"]}, {"pull_request": {}}]
)
def test_an_issue_that_is_not_open_or_not_the_same_is_left_alone(difference: dict[str, object], github: GitHub) -> None:
    assert notify.notify("github:ada/networks", MESSAGE)
    github.issues[0].update(difference)
    assert notify.notify("github:ada/networks", MESSAGE)
    assert (len(github.issues), github.comments) == (2, {})


def test_an_issue_is_found_behind_a_hundred_others(github: GitHub) -> None:
    assert notify.notify("github:ada/networks", MESSAGE)
    github.issues += [{**github.issues[0], "number": number, "title": "another"} for number in range(2, 203)]
    assert notify.notify("github:ada/networks", MESSAGE)
    assert (len(github.issues), list(github.comments)) == (202, [1])


def test_the_token_is_sent_even_if_the_users_netrc_has_a_password(
    github: GitHub, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password another\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert notify.notify("github:ada/networks", MESSAGE)
    assert len(github.issues) == 1


def test_a_list_of_issues_that_is_none_is_a_warning(
    github: GitHub, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [Answer(content={"message": "no list"})]
    assert not notify.notify("github:ada/networks", MESSAGE)
    assert "found no list of issues in the answer" in capsys.readouterr().err
    assert github.issues == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_a_server_that_has_trouble_is_asked_three_times(
    status: int, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [Answer(status)] * 2
    assert notify.notify(server.address, MESSAGE)
    assert len(server.requests) == 3
    server.answers = [Answer(status)] * 9
    assert not notify.notify(server.address, MESSAGE)
    assert len(server.requests) == 6
    assert f"--notify: http://127.0.0.1: it answered {status} 3 times; the message was not" in capsys.readouterr().err


def test_a_connection_that_breaks_is_tried_three_times(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers = [HANG_UP] * 2
    assert notify.notify(server.address, MESSAGE)
    assert len(server.requests) == 3
    server.answers = [HANG_UP] * 9
    assert not notify.notify(server.address, MESSAGE)
    assert len(server.requests) == 6
    assert "no connection, or no answer within 10 s, in 3 tries; the message was not deliv" in capsys.readouterr().err


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_repeated(status: int, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers = [Answer(status)]
    assert not notify.notify(server.address, MESSAGE)
    assert len(server.requests) == 1
    assert f"it answered {status}; " in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("3600", 30)])
def test_what_retry_after_asks_for_is_waited_for_up_to_a_limit(
    asked: str, waited: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    server.answers = [Answer(429, {"Retry-After": asked})]
    assert notify.notify(server.address, MESSAGE)
    assert waits == [waited]


def _refused(_: Server) -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _failing(server: Server) -> str:
    server.answers = [Answer(500)] * 3
    return server.address


def _moved(server: Server) -> str:
    server.answers = [Answer(302, {"Location": f"{server.address}/elsewhere-{SECRET}"})]
    return server.address


@pytest.mark.parametrize("trouble", [_refused, _failing, _moved])
@pytest.mark.parametrize("kind", ["", "slack:", "github:"])
def test_no_secret_is_in_any_output(  # noqa: PLR0913, PLR0917 (what may show it)
    kind: str,
    trouble: object,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    address = trouble(server)  # type: ignore[operator]
    userinfo = address.replace("http://", f"http://ada:{SECRET}@")
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("GITHUB_API_URL", f"{userinfo}/{SECRET}")
    monkeypatch.setenv("HOOK", f"{kind}ada/networks" if kind == "github:" else f"{kind}{userinfo}/{SECRET}?k={SECRET}")
    with pytest.raises(SystemExit) as end, announced("env:HOOK", "a check"):
        raise SystemExit(3)
    found = capsys.readouterr()
    assert end.value.code == 3
    assert found.err.startswith("warning: --notify: http://127.0.0.1")
    assert SECRET not in found.out + found.err + caplog.text + repr(parse("env:HOOK"))
    assert len(server.requests) == {"_refused": 0, "_failing": 3, "_moved": 1}[trouble.__name__]  # type: ignore[attr-defined]


def test_without_our_care_the_log_would_show_the_secret(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(notify, "LOGGERS", ())
    assert notify.notify(f"{server.address}/{SECRET}", MESSAGE)
    assert SECRET in caplog.text


def test_loggers_of_others_are_as_they_were(server: Server) -> None:
    before = [logging.getLogger(name).disabled for name in notify.LOGGERS]
    assert notify.notify(server.address, MESSAGE)
    assert [logging.getLogger(name).disabled for name in notify.LOGGERS] == before


@pytest.mark.parametrize(("code", "always", "sent"), [(0, False, 0), (0, True, 1), (3, False, 1), (4, True, 1)])
def test_a_message_is_sent_unless_all_is_well(code: int, always: bool, sent: int, server: Server) -> None:  # noqa: FBT001 (a case of the table)
    with pytest.raises(SystemExit) as end, announced(server.address, "a check", always=always):
        raise SystemExit(code)
    assert end.value.code == code
    assert [request.content["exit_code"] for request in server.requests] == [code] * sent


@pytest.mark.parametrize(("code", "then"), [(0, 1), (3, 3), (4, 4), (6, 6)])
def test_a_message_that_is_lost_makes_0_to_1_and_changes_no_other_code(code: int, then: int, server: Server) -> None:
    server.answers = [Answer(404)]
    with pytest.raises(SystemExit) as end, announced(server.address, "a check", always=True):
        raise SystemExit(code)
    assert end.value.code == then


def test_an_error_is_printed_and_sent(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, announced(server.address, "a check"):
        raise UsageError("budgets.toml: no such file")
    assert end.value.code == 2
    assert capsys.readouterr().err == "levelfield: budgets.toml: no such file\n"
    assert server.requests[0].content["lines"] == ["budgets.toml: no such file"]


def test_without_a_target_nothing_changes(server: Server) -> None:
    with pytest.raises(UsageError), announced(None, "a check"):
        raise UsageError("as it was")
    with pytest.raises(UsageError, match="--notify-always: found no --notify"), announced(None, "x", always=True):
        pytest.fail("the command was begun")
    assert server.requests == []


def test_the_command_in_a_message_has_no_target_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["check", "--notify", SECRET, "a b.toml", f"--notify=https://x/{SECRET}", "--notify-always"]
    monkeypatch.setattr("sys.argv", ["levelfield", *words, "--results", f"s3://ada:{SECRET}@lab/results"])
    assert notify.command() == "levelfield check 'a b.toml' --notify-always --results s3://lab/results"


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    """A run like the quick suite that is a fifth slower."""
    return store(tmp_path / "slower.jsonl", quick_run(run="run-2"), change=stored_files.slower)


def test_compare_sends_what_got_worse(levelfield: Command, baseline: Path, slower: Path, server: Server) -> None:
    target = ("--notify", f"{server.address}/{SECRET}")
    found = levelfield("compare", baseline, slower, *target)
    assert (found.code, "regressed" in found.out, "warning" in found.err) == (3, True, False)
    (request,) = server.requests
    assert request.content["title"] == "levelfield compare: baseline.jsonl, slower.jsonl"
    assert request.content["verdict"] == "got worse"
    assert "run-2 compared with run-1" in request.content["lines"][0]
    assert "times as long" in request.content["lines"][1]
    assert SECRET not in str(request.content)
    assert levelfield("compare", baseline, baseline, *target).code == 0
    assert len(server.requests) == 1, "all is well"
    assert levelfield("compare", baseline, baseline, *target, "--notify-always").code == 0
    assert any(line.startswith("What got worse? nothing") for line in server.requests[1].content["lines"])


def test_check_sends_broken_limits(levelfield: Command, baseline: Path, tmp_path: Path, server: Server) -> None:
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('[[budget]]\nworkload = "digits-dnn"\nscenario = "inference"\nlatency_p90_ms = 1e-9\n')
    found = levelfield("check", budgets, baseline, "--notify", server.address)
    assert found.code == 3
    assert server.requests[0].content["title"] == "levelfield check: baseline.jsonl against budgets.toml"
    assert server.requests[0].content["verdict"] == "a budget is broken"
    assert "latency_p90_ms found " in server.requests[0].content["lines"][1]
    server.answers = [Answer(410)]
    budgets.write_text('[[budget]]\nworkload = "digits-dnn"\nscenario = "inference"\nlatency_p90_ms = 1e9\n')
    lost = levelfield("check", budgets, baseline, "--notify", server.address, "--notify-always")
    assert (lost.code, "it answered 410" in lost.err) == (1, True)
    assert levelfield("check", budgets, baseline, "--notify", server.address).code == 0


def test_a_run_that_does_not_exist_is_sent_too(levelfield: Command, tmp_path: Path, server: Server) -> None:
    found = levelfield("compare", "baseline", "latest", "--results", tmp_path, "--notify", server.address)
    assert found.code == server.requests[0].content["exit_code"] == 6
    assert "no runs yet" in found.err
    assert "no runs yet" in server.requests[0].content["lines"][0]


def test_a_target_that_is_none_ends_before_anything_is_compared(
    levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    found = levelfield("compare", baseline, baseline, "--notify", SECRET)
    assert (found.code, found.out) == (2, "")
    assert SECRET not in found.err
    assert not (tmp_path / "reports").exists()


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_takes_no_target_since_its_command_is_stored(levelfield: Command) -> None:
    found = levelfield("run", "digits-dnn", "--notify", SECRET)
    assert (found.code, SECRET in found.err) == (2, False)
    assert "No such option" in found.err
