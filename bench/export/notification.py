"""What a command found, as a message for people: JSON, an incoming webhook of Slack, and an issue on GitHub.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.github.com/rest/issues/issues

The JSON has these keys:

    schema_version  1
    title           what was looked at, with the names that were asked for; the same in every run of the command
    verdict         how it ended, in words
    exit_code       the exit code of the command
    lines           what was found, the worst first, as a list of texts
    command         the command, without the address of the message
    when            when it ended (ISO 8601, UTC)
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.errors import ExitCode

SCHEMA_VERSION = 1
LABEL = "levelfield"  # of an issue
MOST_LINES, LONGEST_LINE = 10, 300
LONGEST_HEADER = 150  # characters that Slack takes in a heading
LONGEST_SECTION = 3000  # and in a text below it
LONGEST_TITLE = 200  # of an issue
FENCE = 3  # backticks, and more if the text has as many

VERDICTS = {
    ExitCode.DONE: "all well",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.REGRESSED: "got worse",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.NOT_COMPARABLE: "not comparable",
    ExitCode.NOTHING_MEASURED: "nothing was measured",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a command found; the fields are those of the JSON."""

    title: str
    verdict: str
    exit_code: int
    lines: tuple[str, ...]
    command: str
    when: str


def as_json(message: Message) -> dict[str, Any]:
    """The message with the keys that are named above."""
    return {"schema_version": SCHEMA_VERSION, **asdict(message), "lines": _shortened(message.lines)}


def for_slack(message: Message) -> dict[str, Any]:
    """The message as incoming webhooks of Slack take it; `text` is what a notification on a telephone shows."""
    head = headline(message)
    lines = _fitting([f"• {_for_slack(line)}" for line in _shortened(message.lines)])
    command = _for_slack(_cut(message.command, LONGEST_LINE)).replace("`", " ")
    about = f"exit code {message.exit_code}, {message.when}: `{command}`"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(head, LONGEST_HEADER)}},
        *([{"type": "section", "text": {"type": "mrkdwn", "text": lines}}] if lines else []),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": about}]},
    ]
    return {"text": _for_slack(head), "blocks": blocks}


def issue(message: Message) -> dict[str, Any]:
    """The message as a new issue on GitHub."""
    return {"title": _cut(headline(message), LONGEST_TITLE), "body": body(message), "labels": [LABEL]}


def body(message: Message) -> str:
    """The text of an issue or of a comment; what was found is in a block of code, where names mean nothing else."""
    lines = "\n".join(_shortened(message.lines))
    parts = (
        f"Exit code {message.exit_code}: {message.verdict}, {message.when}",
        *([_block(lines, "text")] if lines else []),
        _block(message.command, "sh"),
    )
    return "\n\n".join(parts) + "\n"


def headline(message: Message) -> str:
    """The title with the verdict, on one line; by it an issue is found again."""
    return f"{' '.join(message.title.split())}: {message.verdict}"


def _shortened(lines: Sequence[str]) -> list[str]:
    """At most ten lines, each of at most 300 characters; the last one says how many more there are."""
    plain = [_cut(" ".join(line.split()), LONGEST_LINE) for line in lines]
    if len(plain) <= MOST_LINES:
        return plain
    return [*plain[: MOST_LINES - 1], f"{len(plain) - MOST_LINES + 1} more are in the output of the command"]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _for_slack(text: str) -> str:
    """Text in which nothing is a link, a mention or a command to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fitting(lines: Sequence[str]) -> str:
    """As many of the first lines as Slack takes in one text."""
    return "\n".join(line for number, line in enumerate(lines, 1) if len("\n".join(lines[:number])) <= LONGEST_SECTION)


def _block(text: str, language: str) -> str:
    fence = "`" * max(FENCE, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"
