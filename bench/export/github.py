"""Verdicts as workflow commands of GitHub Actions: annotations for what became worse, the worst first.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions

GitHub shows ten annotations of one kind for a step, and refuses a summary of more than 1 MiB.
"""

import math

from bench.analysis import environments
from bench.analysis.budgets import Check, Checks
from bench.analysis.compare import Comparison
from bench.records.cell import names

MOST = 10  # annotations
LONGEST = 1000  # characters of one annotation
LARGEST_SUMMARY = 1024 * 1024  # bytes
CUT = "\n\nThis page is cut here: GitHub shows at most 1 MiB. `--format markdown` prints all of it.\n"


def annotations(found: Comparison | Checks) -> str:
    """One line for each error, at most ten, the last of which says how many more there are; empty if there is none."""
    messages = _broken(found) if isinstance(found, Checks) else _worse(found)
    together = "" if isinstance(found, Checks) else _common(found)
    if len(messages) + bool(together) > MOST:
        shown = messages[: MOST - 1]
        last = f"{len(messages) - len(shown)} more are in the summary of the job"
        messages = [*shown, f"{last}; {together}" if together else last]
    elif together:
        messages = [*messages, together]
    lines = [f"::error title=levelfield::{_escaped(message)}\n" for message in messages]
    if isinstance(found, Comparison) and found.environments:
        notice = f"the sides differ in {environments.text(found.environments)} (baseline / candidate)"
        lines.append(f"::notice title=levelfield::{_escaped(notice)}\n")
    return "".join(lines)


def problems(found: Comparison | Checks) -> list[str]:
    """A line for everything that became worse, or for every limit that is not kept; the worst first."""
    if isinstance(found, Checks):
        return _broken(found)
    together = _common(found)
    return [*_worse(found), *([together] if together else [])]


def summary(page: str, *, before: int = 0) -> str:
    """What to add to a job's summary of so many bytes: the page, cut at the end of a line if it would not fit."""
    content = f"{page}\n".encode(errors="backslashreplace")
    room = LARGEST_SUMMARY - before
    if len(content) <= room:
        return content.decode()
    kept = content[: max(0, room - len(CUT.encode()))].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1] + CUT if len(CUT.encode()) <= room else ""


def _worse(found: Comparison) -> list[str]:
    """Everything that became worse: what is not comparable, then times by their ratio, then the rest."""
    missing = [item.cell for item in found.missing]
    places = names([*(row.cell for row in found.rows), *(item.cell for item in found.changes), *missing])
    messages = list(found.not_comparable)
    for row in sorted(found.rows, key=lambda row: -row.ratio if row.verdict == "regressed" else 0.0):
        if row.verdict == "regressed":
            metric, bounds = row.metric.removesuffix("_s"), f"{row.low:.2f} to {row.high:.2f}"
            messages.append(f"{places[row.cell]}: {metric} {row.ratio:.2f} times as long ({bounds})")
    for item in found.changes:
        if item.verdict == "regressed":
            values = f"{item.baseline:.4g} before, {item.candidate:.4g} now"
            messages.append(f"{places[item.cell]}: {item.metric} {values} ({item.reason})")
    messages += found.newly_failed
    compared = bool(found.rows or found.changes)
    lost = [f"{places[item.cell]}: {item.sentence}" for item in found.missing]
    return [*messages, *(lost if compared else [f"nothing in common: {line}" for line in found.apart])]


def _common(found: Comparison) -> str:
    """The verdict on all cells together, if it is worse."""
    if found.common is None or found.common.verdict != "regressed":
        return ""
    return f"all cells together: {found.common.ratio:.2f} times as long"


def _broken(found: Checks) -> list[str]:
    """Every limit that is not kept: the broken ones first, those that are farthest from their limit at the top."""
    ordered = sorted((item for item in found.checks if item.verdict != "kept"), key=_distance, reverse=True)
    messages = []
    for item in ordered:
        value = "no value" if item.found is None else f"{item.found:.4g}"
        why = f"undecided: {item.doubt}" if item.verdict == "undecided" else item.reason if item.run else ""
        reason = f" ({why})" if why else ""
        messages.append(f"{item.where}: {item.key} found {value}, expected {item.allowed} {item.limit:g}{reason}")
    return messages


def _distance(item: Check) -> tuple[bool, float]:
    """How far a value is from its limit, as a share of the limit; a value that is not finite is the farthest."""
    if item.found is None:
        return False, 0.0
    apart = abs(item.found - item.limit) / (abs(item.limit) or 1.0)
    return True, math.inf if math.isnan(apart) else apart


def _escaped(message: str) -> str:
    shown = message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
