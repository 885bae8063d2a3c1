"""Verdicts as workflow commands of GitHub Actions: an annotation for everything that became worse.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterator

from bench.analysis import environments
from bench.analysis.budgets import Checks
from bench.analysis.compare import Comparison


def annotations(found: Comparison | Checks) -> str:
    """One line for each error, and one notice if the environments of the two sides differ; empty if there is none."""
    messages = _broken(found) if isinstance(found, Checks) else _worse(found)
    lines = [f"::error title=levelfield::{_escaped(message)}\n" for message in messages]
    if isinstance(found, Comparison) and found.environments:
        notice = f"the sides differ in {environments.text(found.environments)} (baseline / candidate)"
        lines.append(f"::notice title=levelfield::{_escaped(notice)}\n")
    return "".join(lines)


def _worse(found: Comparison) -> Iterator[str]:
    for row in found.rows:
        if row.verdict == "regressed":
            metric, bounds = row.metric.removesuffix("_s"), f"{row.low:.2f} to {row.high:.2f}"
            yield f"{row.cell.place}: {metric} {row.ratio:.2f} times as long ({bounds})"
    for item in found.changes:
        if item.verdict == "regressed":
            values = f"{item.baseline:.4g} before, {item.candidate:.4g} now"
            yield f"{item.cell.place}: {item.metric} {values} ({item.reason})"
    if found.common is not None and found.common.verdict == "regressed":
        yield f"all cells together: {found.common.ratio:.2f} times as long"
    yield from found.newly_failed
    yield from found.not_comparable


def _broken(found: Checks) -> Iterator[str]:
    for item in found.checks:
        if item.verdict != "kept":
            value = "no value" if item.found is None else f"{item.found:.4g}"
            yield f"{item.where}: {item.key} found {value}, expected {item.allowed} {item.limit:g}"


def _escaped(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
