"""The runs that are stored, found by the names that people give to a command."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import NOTHING, USAGE, fail, warn

if TYPE_CHECKING:
    from bench.analysis.verdicts import Spreads
    from bench.records.record import Record
    from bench.records.store import RunFolder


def read(names: Sequence[str], *, results: Path, machine: str | None = None) -> tuple[list["Record"], str | None]:
    """The records of the named runs, and the commands that repeat them, one in a line; None if none is known.

    If there are several runs, each command ends with the id of its run in a comment.

    With a `machine`, `baseline` is the name of the run that others on it are held against.
    """
    from bench.plan.options import Options
    from bench.records import store

    records: list[Record] = []
    commands = {}
    for name in dict.fromkeys(names):
        if machine is not None and name == "baseline":
            run = store.baseline_of(results, machine)
        else:
            run = store.find_run(results, name)
        records += _unread(run.read(warn=warn), records, name=name)
        if run.plan.is_file():
            commands[run.name] = Options(**run.load_plan().options["options"]).command()
    if not records:
        fail(f"{', '.join(names)}: found no records", NOTHING)
    lines = commands.values() if len(set(names)) == 1 else (f"{line}  # {run}" for run, line in commands.items())
    return records, "\n".join(lines) or None


def _unread(found: Sequence["Record"], before: Sequence["Record"], *, name: str) -> list["Record"]:
    """The records that were not read before, as where a run is named by its id and by its folder.

    Fails if a case of a run was read before with another result: one of the files is not that run.
    """
    known = {(record.run, record.case): record for record in before}
    new = []
    for record in found:
        other = known.get((record.run, record.case))
        if other is not None and other != record:
            fail(f"{name}: found run {record.run} again with other results, expected each run once", USAGE)
        if other is None:
            new.append(record)
    return new


def names(records: Sequence["Record"]) -> str:
    """The ids of the runs that these records are of."""
    return ", ".join(dict.fromkeys(record.run for record in records))


def known_spreads(results: Path, machine: str) -> "Spreads":
    """What is known of the machine's noise from a calibration."""
    from bench.analysis import calibration
    from bench.records import store

    content = store.load_calibration(results, machine)
    return {} if content is None else calibration.from_json(content).spreads()


def warn_of_another_environment(run: "RunFolder", *, machine: str) -> None:
    """Say in what the shell, the limits and the system of now differ from those of the records that a run has."""
    from dataclasses import replace

    from bench.analysis import environments
    from bench.records.environment import environment

    first = next(iter(run.read(warn=lambda _: None)), None)
    if first is None:
        return
    now = replace(first, environment=environment(first.environment.versions, machine=machine))
    if changed := environments.differences([first], [now]):
        warn(
            f"{run.name} was begun in another environment: its records and those of now differ in "
            f"{environments.text(changed)}"
        )


def check_writable(*folders: Path) -> None:
    """Refuse a folder that cannot be written to now, and not after everything is measured."""
    from tempfile import TemporaryFile

    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                pass
        except OSError as error:
            fail(f"{folder}: cannot be written ({error.strerror}); expected a folder with write permission", USAGE)
