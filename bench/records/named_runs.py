"""Finds and reads the runs that people name, as one list of records or as the two sides of a comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import NothingMeasuredError, UsageError
from bench.records import machine_files, store
from bench.records.record import Case, Record
from bench.records.records_file import Warn
from bench.records.store import RunFolder

BASELINE = "baseline"

Stored = Mapping[RunFolder, Sequence[Record]]  # the records of each run


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: the records of its runs, and the planned cases that none of these runs measured."""

    records: tuple[Record, ...]
    unmeasured: tuple[Case, ...] = ()


def find(names: Sequence[str], *, results: Path, machine: str | None = None) -> list[RunFolder]:
    """The folders of the named runs. With a `machine`, `baseline` is the name of its baseline run.

    Raises UsageError that tells of all names that are wrong, and NothingMeasuredError for `latest` without any run.
    """
    found, wrong = [], []
    for name in dict.fromkeys(names):
        try:
            is_baseline = machine is not None and name == BASELINE
            found.append(
                machine_files.baseline_of(results, machine or "") if is_baseline else store.find_run(results, name)
            )
        except UsageError as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError("; ".join(wrong))
    return found


def read(runs: Sequence[RunFolder], *, warn: Warn) -> Stored:
    """The records of each of these runs. `warn` is called with a text for the lines of a file that are not records."""
    return {run: run.read(warn=warn) for run in runs}


def together(stored: Stored) -> list[Record]:
    """The records of several runs, each once: a run may be named by its id and by its folder.

    Raises UsageError if a case of a run is there with two results: one of the files is not that run.
    """
    records: list[Record] = []
    for run, found in stored.items():
        known = {(record.run, record.case): record for record in records}
        for record in found:
            other = known.get((record.run, record.case))
            if other is not None and other != record:
                raise UsageError(f"{run.name}: found run {record.run} again with other results, expected each run once")
            if other is None:
                records.append(record)
    return records


def side(stored: Stored, *, warn: Warn) -> Side:
    """These runs as one side of a comparison. `warn` is called with a text for each plan that cannot be read."""
    records = together(stored)
    measured = {record.case for record in records}
    planned = [case for run in stored if run.plan.is_file() for case in _planned(run, warn)]
    return Side(records=tuple(records), unmeasured=tuple(case for case in planned if case not in measured))


def machine_of(records: Sequence[Record]) -> str:
    """The machine of these records, by which its baseline and its calibration are found; `several-machines` for more.

    Raises IndexError if there are no records.
    """
    machines = {record.environment.machine for record in records}
    return records[0].environment.machine if len(machines) == 1 else store.SEVERAL


def _planned(run: RunFolder, warn: Warn) -> tuple[Case, ...]:
    try:
        return run.planned()
    except UsageError:
        warn(
            f"{run.plan}: found a plan that cannot be read, expected that of `levelfield run`, so nobody knows whether "
            "planned cases have no record; move the file away to use the records without it"
        )
        return ()


def read_side(names: Sequence[str], *, results: Path, machine: str | None = None, warn: Warn) -> Side:
    """The named runs as one side of a comparison; see `find`. Raises NothingMeasuredError if they have no record."""
    found = side(read(find(names, results=results, machine=machine), warn=warn), warn=warn)
    if not found.records:
        raise NothingMeasuredError(f"{', '.join(names)}: found no records")
    return found
