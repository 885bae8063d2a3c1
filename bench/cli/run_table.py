"""The runs that are stored, as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import BenchError
from bench.plan.options import Options
from bench.records.machine_files import baselines
from bench.records.remote_results import address_of
from bench.records.store import RunFolder
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left

NEWEST = 30


def table(results: Path, runs: Sequence[RunFolder]) -> Table:
    """A row for each run, the newest first, and no more than 30 of them: what it is called, what it was asked for."""
    held = {item.run for item in baselines(results)}
    columns = (
        *left("run", "began (UTC)", "machine", "options"),
        Column(title="records"),
        Column(title="planned"),
        *left("baseline"),
    )
    place = address_of(results) or results
    where = "" if results == Path("results") else f" --results {place}"
    notes = [f"`levelfield report RUN{where}` shows one: its id, the beginning of it, or `latest`."]
    if len(runs) > NEWEST:
        notes.append(f"{formatting.grouped(len(runs) - NEWEST)} older runs are not shown.")
    return Table(
        title=f"Runs in {place}",
        columns=columns,
        rows=tuple(_row(run, is_baseline=run.name in held) for run in runs[:NEWEST]),
        notes=tuple(notes),
    )


def _row(run: RunFolder, *, is_baseline: bool) -> tuple[Entry, ...]:
    run.fetch()
    asked, planned = _plan(run)
    stored = len(run.read(warn=lambda _: None))
    return (
        Entry(run.name),
        Entry(_began(run.name)),
        Entry(run.folder.parent.name),
        Entry(asked),
        Entry(str(stored), stored),
        Entry(formatting.UNKNOWN if planned is None else str(planned), planned),
        Entry("yes" if is_baseline else ""),
    )


def _plan(run: RunFolder) -> tuple[str, int | None]:
    """The options of a run, and how many cases it planned.

    Records that were copied have no plan, and another version may have other options.
    """
    try:
        plan = run.load_plan()
    except BenchError:
        return formatting.UNKNOWN, None
    try:
        return " ".join(Options(**plan.options["options"]).words()), len(plan.cases)
    except (KeyError, TypeError):
        return formatting.UNKNOWN, len(plan.cases)


def _began(name: str) -> str:
    """The time in a run's name."""
    try:
        return f"{datetime.strptime(name.partition('-')[0], '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC):%Y-%m-%d %H:%M}"
    except ValueError:
        return formatting.UNKNOWN
