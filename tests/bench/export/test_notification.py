"""A message has the same content as JSON, in Slack and as an issue, within the limits of each."""

from dataclasses import asdict, replace

import pytest

from bench.errors import ExitCode
from bench.export import notification
from bench.export.notification import VERDICTS, Message

MESSAGE = Message(
    title="levelfield compare: baseline, latest",
    verdict="got worse",
    exit_code=3,
    lines=("run-2 compared with run-1", "digits-dnn pytorch: 1.20 times as long"),
    command="levelfield compare baseline latest",
    when="2026-01-01T00:00:00+00:00",
)


def test_the_json_has_the_keys_that_the_module_describes() -> None:
    found = notification.as_json(MESSAGE)
    assert found == {"schema_version": 1, **asdict(MESSAGE), "lines": list(MESSAGE.lines)}
    described = {line.split()[0] for line in (notification.__doc__ or "").splitlines() if line.startswith("    ")}
    assert described == found.keys()


def test_slack_gets_a_heading_the_lines_and_the_command() -> None:
    found = notification.for_slack(MESSAGE)
    header, section, context = found["blocks"]
    assert found["text"] == header["text"]["text"] == "levelfield compare: baseline, latest: got worse"
    assert section["text"]["text"] == "• run-2 compared with run-1\n• digits-dnn pytorch: 1.20 times as long"
    assert "exit code 3" in context["elements"][0]["text"]
    assert "`levelfield compare baseline latest`" in context["elements"][0]["text"]
    assert [block["type"] for block in notification.for_slack(replace(MESSAGE, lines=()))["blocks"]] == [
        "header",
        "context",
    ]


def test_nothing_in_a_line_is_a_command_to_slack() -> None:
    found = notification.for_slack(replace(MESSAGE, title="<!here>", lines=("<!channel> & <http://x|y>",)))
    assert found["blocks"][1]["text"]["text"] == "• &lt;!channel&gt; &amp; &lt;http://x|y&gt;"
    assert "<" not in found["text"]


def test_an_issue_has_a_title_that_is_the_same_in_every_run() -> None:
    first = notification.issue(MESSAGE)
    later = notification.issue(replace(MESSAGE, lines=("run-3 compared with run-1",), when="2026-01-02T00:00:00+00:00"))
    assert first["title"] == later["title"] == "levelfield compare: baseline, latest: got worse"
    assert first["body"] != later["body"]
    assert first["labels"] == ["levelfield"]
    assert notification.issue(replace(MESSAGE, verdict="inconclusive"))["title"] != first["title"]


def test_lines_of_an_issue_cannot_leave_their_block() -> None:
    body = notification.body(replace(MESSAGE, lines=("```", "@ada `````")))
    assert "\n``````text\n```\n@ada `````\n``````\n" in body
    assert "\n```text\n" in notification.body(MESSAGE)


def test_long_messages_are_cut() -> None:
    long = replace(MESSAGE, title="x" * 900, lines=tuple("<" * 900 for _ in range(30)))
    found = notification.as_json(long)
    assert len(found["lines"]) == 10
    assert found["lines"][-1] == "21 more are in the output of the command"
    assert {len(line) for line in found["lines"][:-1]} == {300}
    slack = notification.for_slack(long)["blocks"]
    assert len(slack[0]["text"]["text"]) == 150
    assert len(slack[1]["text"]["text"]) <= 3000
    assert len(notification.issue(long)["title"]) == 200
    assert len(notification.as_json(replace(MESSAGE, lines=("a",) * 10))["lines"]) == 10


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_words(code: ExitCode) -> None:
    assert VERDICTS[code]
