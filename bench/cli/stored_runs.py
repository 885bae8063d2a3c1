"""The runs that are stored, found by the names that people give to a command."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import NOTHING, USAGE, fail, warn
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.analysis.verdicts import Spreads
    from bench.plan.options import Options
    from bench.records.record import Record
    from bench.records.store import Plan, RunFolder

Tell = Callable[[str], None]

WRITABLE = "expected a folder with write permission"


def read(
    names: Sequence[str],
    *,
    results: Path,
    machine: str | None = None,
    incomplete: Tell = warn,
    unfinished: Tell | None = warn,
) -> tuple[list["Record"], str | None]:
    """The records of the named runs, and the commands that repeat them, one in a line; None if none is known.

    If there are several runs, each command ends with the id of its run in a comment.

    With a `machine`, `baseline` is the name of the run that others on it are held against.

    `incomplete` is called with a sentence for the lines of a records file that could not be read, and `unfinished` with
    one for the cases of a plan that have no record.
    """
    from bench.records import named_runs

    stored = named_runs.read(named_runs.find(names, results=results, machine=machine), warn=incomplete)
    records = named_runs.together(stored)
    commands = {}
    for run, found in stored.items():
        if run.plan.is_file():
            plan = run.load_plan()
            if unfinished is not None:
                _tell_of_missing(run, found, unfinished)
            commands[run.name] = options_of(run, plan).command()
    if not records:
        fail(f"{', '.join(names)}: found no records", NOTHING)
    lines = commands.values() if len(set(names)) == 1 else (f"{line}  # {run}" for run, line in commands.items())
    return records, "\n".join(lines) or None


def _tell_of_missing(run: "RunFolder", stored: Sequence["Record"], incomplete: Tell) -> None:
    measured, planned = {record.case for record in stored}, run.planned()
    missing = [case for case in planned if case not in measured]
    if missing and stored:
        incomplete(
            f"{run.name}: {len(missing)} of {len(planned)} planned cases have no record: the run was interrupted, "
            f"or its records file was cut off. `{resuming(run)}` measures them"
        )


def options_of(run: "RunFolder", plan: "Plan") -> "Options":
    """The options of a run. Raises UsageError if the plan has options that this version does not know."""
    from bench.plan.options import Options

    try:
        return Options(**plan.options["options"])
    except (KeyError, TypeError):
        raise UsageError(
            f"{run.plan}: found options that this version of Levelfield does not have, expected those of `levelfield "
            "run`; move the file away to read the records without it"
        ) from None


def resuming(run: "RunFolder", *, reports: Path = Path("reports"), mlflow: str | None = None) -> str:
    """The command that measures what a run still lacks, with the folders that are not the usual ones."""
    logged = () if mlflow is None else ("--mlflow", mlflow)
    return shlex.join(("levelfield", "run", "--resume", *place_of(run, reports=reports), *logged))


def place_of(run: "RunFolder", *, reports: Path) -> tuple[str, ...]:
    """The words of a command that name a run, with the folders that are not the usual ones."""
    if run.results is None:  # the run is in no folder of results, so only its own folder names it
        return (str(run.folder), *at(reports=reports))
    return (run.name, *at(results=run.results, reports=reports))


def at(**folders: Path) -> tuple[str, ...]:
    """The options for the folders that are not the usual ones: `--results DIR`; a mirror is named by its address."""
    from bench.records.remote_results import address_of

    unusual = ((name, folder) for name, folder in folders.items() if folder.absolute() != Path(name).absolute())
    return tuple(word for name, folder in unusual for word in (f"--{name}", address_of(folder) or str(folder)))


def named(results: Path) -> str:
    """A folder of results as people name it: its path, or the address that it mirrors."""
    from bench.records.remote_results import address_of

    return address_of(results) or str(results)


def names(records: Sequence["Record"]) -> str:
    """The ids of the runs that these records are of."""
    return ", ".join(dict.fromkeys(record.run for record in records))


def known_spreads(results: Path, machine: str) -> "Spreads":
    """What is known of the machine's noise from a calibration."""
    from bench.analysis import calibration
    from bench.records import machine_files

    return calibration.spreads_in(machine_files.load_calibration(results, machine))


def warn_of_another_environment(run: "RunFolder") -> None:
    """Say in what the shell, the limits and the system of now differ from those of the records that a run has."""
    from dataclasses import replace

    from bench.analysis import environments
    from bench.records.environment import changed_to_now

    first = next(iter(run.read(warn=lambda _: None)), None)
    if first is None:
        return
    now = replace(first, environment=changed_to_now(first.environment))
    if changed := environments.differences([first], [now]):
        warn(
            f"{run.name} was begun in another environment: its records and those of now differ in "
            f"{environments.text(changed)}"
        )


def check_can_be_written(*folders: Path) -> None:
    """Refuse what `check_writable` would refuse, and make nothing: a plan of a run leaves no trace."""
    import os

    for folder in folders:
        try:
            there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
            is_folder, is_writable = there.is_dir(), os.access(there, os.W_OK | os.X_OK)
        except OSError as error:  # a name that is too long, or a parent that may not be searched
            fail(f"{folder}: cannot be written ({error.strerror}); {WRITABLE}", USAGE)
        if not (is_folder and is_writable):
            reason = "Permission denied" if is_folder else "Not a directory"
            fail(f"{folder}: cannot be written ({reason}); {WRITABLE}", USAGE)


def known_noise(records: Sequence["Record"], *, results: Path | None) -> dict[str, float]:
    """How far processes of a cell differ on the machines of these records, in percent, where a calibration knows it.

    Without a folder of results there is none. A damaged one is skipped with a warning: the page of a run does not
    depend on it.
    """
    from bench.analysis import calibration
    from bench.errors import BenchError
    from bench.records import machine_files

    found: dict[str, float] = {}
    if results is None:
        return found
    for machine in dict.fromkeys(record.environment.machine for record in records):
        try:
            found |= calibration.noise_in(machine_files.load_calibration(results, machine), machine=machine)
        except BenchError as error:
            warn(str(error))
    return found


def check_writable(*folders: Path) -> None:
    """Refuse a folder that cannot be written to now, and not after everything is measured."""
    from tempfile import TemporaryFile

    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                pass
        except OSError as error:
            fail(f"{folder}: cannot be written ({error.strerror}); {WRITABLE}", USAGE)
