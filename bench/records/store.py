"""Writes and reads results: one record per line in <machine>/<run>/records.jsonl, other files in <run>/artifacts."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, final

from pydantic import Field, TypeAdapter, ValidationError

from bench.errors import BenchError, NothingMeasuredError, UsageError, unreadable
from bench.records import remote_results, sending
from bench.records.measuring_process import MeasuringProcess, this_process, unknown_process
from bench.records.record import Case, Record, last_attempts, to_json
from bench.records.record_lines import to_line
from bench.records.records_file import Warn, read
from bench.records.shared_lines import append, locked

RECORDS = "records.jsonl"
PLAN = Path("artifacts", "plan.json")
PROCESS = Path("artifacts", "process.json")
LOGS = Path("artifacts", "logs")  # of the libraries, in the folder of a run
BEGUN_HERE = "begun-here"  # the empty file of a run in a mirror that was begun with this mirror; it is never sent
LATEST = ("latest", "last")
SEVERAL = "several-machines"  # in place of a machine: the plan of a run whose parts are in the folders of machines
SHOWN = 5
TOO_SHORT = 2  # parents of a folder: with fewer, there is no folder of results above the machine's

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cases of a run, and its options, with which the run can be resumed.

    `estimates_s` are the seconds that each case was expected to take; older plans have none.
    """

    cases: tuple[Case, ...]
    options: Mapping[str, Any]  # JSON
    estimates_s: tuple[float, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run, given by its records file; only `append`, `save_plan` and `measuring` write."""

    records: Path

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.records.parent

    @property
    def name(self) -> str:
        """The id of the run."""
        return self.folder.name

    @property
    def results(self) -> Path | None:
        """The folder of results, two above that of the run; None for a records file so near `/` that there is none."""
        near = self.folder if len(self.folder.parents) >= TOO_SHORT else self.folder.absolute()
        return near.parents[1] if len(near.parents) >= TOO_SHORT else None

    @property
    def place(self) -> str:
        """Where the records are, as people name it: the path of their file, or the address that its folder mirrors."""
        address, is_whole = remote_results.address_of(self.results), self.folder.parent.name != SEVERAL
        if address is None:
            return str(self.records if is_whole else self.folder.parent.parent / "*" / self.name)
        return f"{address}/{remote_results.RUNS}/{self.name}@{self.folder.parent.name if is_whole else '*'}"

    @property
    def plan(self) -> Path:
        """The path of the run's plan; the file may not exist."""
        return self.folder / PLAN

    @property
    def files(self) -> remote_results.RunFiles:
        """The files of the run that a mirror shares with its address."""
        return remote_results.RunFiles(self.folder, self.records, self.plan)

    @property
    def process(self) -> Path:
        """The path of the file that says which process measures the run; a process that is killed leaves it."""
        return self.folder / PROCESS

    def append(self, record: Record) -> None:
        """Append the record as one line; when this returns, the complete line is on disk.

        Several processes may append at the same time. If a killed process left an incomplete line, that line is ended
        first. Raises BenchError if the file cannot be written.

        A mirror also writes the record to its address. If that fails, `measuring` tries again at the end. Raises
        TakenError if another process has written another record there.
        """
        line = to_line(record)
        with writing(self.records), locked(self.records) as descriptor:
            append(descriptor, f"{line}\n".encode())
        remote = remote_results.of(self.results)
        if remote is not None:
            sending.send_record(remote, self.files, line=line)

    def read(self, *, warn: Warn) -> list[Record]:
        """The records in the order in which they were stored; of a repeated case only the last attempt.

        `warn` is called with a text for each line that is not a record. In a mirror, `fetch` comes first.
        """
        found = (read(run.records, warn=warn) for run in self.parts())
        return last_attempts([record for records in found for record in records])

    def parts(self) -> "tuple[RunFolder, ...]":
        """The run itself; of a run on several machines its part on each machine."""
        if self.folder.parent.name != SEVERAL or self.results is None:
            return (self,)
        folders = sorted(path for path in self.results.glob(f"*/{self.name}") if path.parent.name != SEVERAL)
        return tuple(RunFolder(folder / RECORDS) for folder in folders)

    def fetch(self) -> None:
        """Bring what a mirror lacks of this run; nothing for a local folder. Raises BenchError if that fails."""
        remote = remote_results.of(self.results)
        if remote is None or self.results is None:
            return
        remote_results.fetch(remote, self.files)
        if self.folder.parent.name == SEVERAL:
            for machine, name in remote_results.runs(remote):
                if name == self.name and machine != SEVERAL:
                    RunFolder(self.results / machine / name / RECORDS).fetch()

    def has_records(self) -> bool:
        """Whether a record was stored."""
        self.fetch()
        return any(run.records.is_file() for run in self.parts())

    def next_order(self) -> int:
        """The `order` of the next record of the run: one more than the largest stored one."""
        return 1 + max((record.order for record in read(self.records, warn=lambda _: None)), default=-1)

    def save_plan(self, plan: Plan) -> None:
        """Store the plan of the run, in place of an earlier one. Raises BenchError if it cannot be written."""
        cases = [to_json(case) for case in plan.cases]
        content = {"cases": cases, "options": dict(plan.options), "estimates_s": plan.estimates_s}
        with writing(self.plan):
            replaced(self.plan, content)
        remote = remote_results.of(self.results)
        if remote is not None:
            sending.send_plan(remote, self.files)

    def load_plan(self) -> Plan:
        """The plan of the run. Raises UsageError if there is no plan that this version can read."""
        try:
            content = json.loads(self.plan.read_text(encoding="utf-8"))
            cases = TypeAdapter(tuple[Case, ...]).validate_python(content["cases"])
            seconds = _estimates(content.get("estimates_s", ()))
            return Plan(cases=cases, options=dict(content["options"]), estimates_s=seconds)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            reason = unreadable(error) if isinstance(error, OSError) else "the file is damaged"
            raise UsageError(
                f"{self.plan}: found no plan that can be resumed ({reason}), expected one; start a new run"
            ) from None

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """For as long as the context lasts, a file says that this process measures the run.

        The file stays if the process is killed, or if it names another one by then. Raises BenchError if it cannot be
        written.

        At the end a mirror sends what its address lacks. Raises BenchError if that fails; after another exception, that
        one is kept, and an UnsentWarning is given.
        """
        this = this_process()
        with writing(self.process):
            replaced(self.process, TypeAdapter(MeasuringProcess).dump_python(this, mode="json"))
        problem: BaseException | None = None
        try:
            yield
        except BaseException as error:
            problem = error
            raise
        finally:
            if self.measured_by() == this:
                with suppress(OSError):  # what is left says the same: the process is gone
                    self.process.unlink(missing_ok=True)
            remote = remote_results.of(self.results)
            if remote is not None:
                parts = dict.fromkeys((self, *self.parts()))
                sending.send_after(problem, remote, runs=[run.files for run in parts])

    def measured_by(self) -> MeasuringProcess | None:
        """The process that measures the run, or that was killed while it did; None if there is no file.

        Without the file the run has ended in order, or has not begun. A file that cannot be read names an unknown
        process, whose state is `unseen`.
        """
        try:
            return TypeAdapter(MeasuringProcess).validate_json(self.process.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            return unknown_process()

    def missing(self, *, warn: Warn) -> list[Case]:
        """The planned cases without a record of any outcome. Raises UsageError if there is no plan."""
        measured = {record.case for record in self.read(warn=warn)}
        return [case for case in self.planned() if case not in measured]

    def planned(self) -> tuple[Case, ...]:
        """The cases of the plan. Raises UsageError if there is none.

        Where a machine has begun a workload, its own plan counts: it has the threads of that machine.
        """
        begun = [case for run in self.parts() if run != self for case in run.load_plan().cases]
        names = {case.workload for case in begun}
        return (*begun, *(case for case in self.load_plan().cases if case.workload not in names))


def new_run(results: Path, *, machine: str) -> RunFolder:
    """A new empty folder, named by the current time, so that names sort by start. Raises BenchError."""
    while True:
        now = datetime.now(tz=UTC)
        folder = results / machine / f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond * 2**16 // 10**6:04x}"
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:  # another process started a run within the same 15 microseconds
                continue
            if remote_results.address_of(results) is not None:
                (folder / BEGUN_HERE).touch()
        return RunFolder(folder / RECORDS)


def runs(results: Path) -> list[RunFolder]:
    """Every run under `results`, the newest first; of a mirror those at its address, and those that were begun here."""
    found = _folders(results)
    return _newest_first(found if remote_results.of(results) is None else _at_address(results) | _begun_here(found))


def unsent(results: Path) -> list[RunFolder]:
    """The runs that were begun in a mirror and are not at its address; none in a local folder."""
    return _newest_first(_begun_here(_folders(results)) - _at_address(results))


def find_run(results: Path, name: str) -> RunFolder:
    """The run for `name`: an id, the beginning of exactly one id, a run folder, a records file, or `latest`.

    Raises UsageError, with a list of the newest runs, if no run or several runs fit. Raises NothingMeasuredError for
    `latest` if no run has stored a record yet.
    """
    path, expected = Path(name), "an id, the beginning of one id, a run folder, a records file or 'latest'"
    try:
        if path.is_file():
            return RunFolder(path)
        if (path / RECORDS).is_file():
            return RunFolder(path / RECORDS)
        is_folder = bool(name) and path.is_dir()
    except OSError as error:  # as for a name that is too long for a path
        raise UsageError(f"run {name!r}: {unreadable(error)}, expected {expected}") from None
    begun = runs(results)
    if name in LATEST:
        newest = next((run for run in begun if run.has_records()), None)
        if newest is None:
            where = remote_results.address_of(results) or results
            raise NothingMeasuredError(f"{where}: no runs yet; measure one with `levelfield run`")
        return newest
    fitting = [run for run in begun if name and run.name.startswith(name)]  # including runs that have only a plan yet
    exact = [run for run in fitting if run.name == name]
    if len(exact or fitting) == 1:
        (found_run,) = exact or fitting
        found_run.fetch()
        return found_run
    found = f"the ids of {len(fitting)} runs begin with it" if fitting else "no such run, folder or records file"
    if is_folder and not fitting:
        found = f"a folder without a file {RECORDS}"
    known = fitting or [run for run in begun if run.records.is_file() or remote_results.of(results)]
    where = remote_results.address_of(results) or results
    raise UsageError(f"run {name!r}: {found}; {where} has {_newest(known)}; expected {expected}")


def unfinished(results: Path, *, warn: Warn) -> RunFolder | None:
    """The newest run whose plan has cases without a record, or None; in a mirror, of those that were begun here."""
    found = _folders(results)  # a mirror has the plans of others, too
    begun = found if remote_results.address_of(results) is None else _begun_here(found)
    return next((run for run in _newest_first(begun) if run.plan.is_file() and run.missing(warn=warn)), None)


def _at_address(results: Path) -> set[Path]:
    """The folders, here, of the runs at the address of a mirror."""
    remote = remote_results.of(results)
    return {results / machine / run for machine, run in remote_results.runs(remote)} if remote is not None else set()


def _begun_here(folders: Iterable[Path]) -> set[Path]:
    """Those that were begun in this mirror, and not fetched from its address."""
    return {folder for folder in folders if (folder / BEGUN_HERE).exists()}


def _folders(results: Path) -> set[Path]:
    """The folders of all runs under `results`."""
    found = {path.parent for path in results.glob(f"*/*/{RECORDS}")}
    return found | {path.parents[1] for path in results.glob(f"*/*/{PLAN}")}


def _newest_first(folders: Iterable[Path]) -> list[RunFolder]:
    """The runs in these folders, the newest first; parts on several machines stand for one run."""
    found = set(folders)
    joined = {folder.name for folder in found if folder.parent.name == SEVERAL}
    whole = [folder for folder in found if folder.parent.name == SEVERAL or folder.name not in joined]
    return [RunFolder(folder / RECORDS) for folder in sorted(whole, key=lambda folder: folder.name, reverse=True)]


def _estimates(found: object) -> tuple[float, ...]:
    """The seconds of a plan; none if they cannot be added up, since only the time that is left is told from them."""
    try:
        seconds = TypeAdapter(tuple[Seconds, ...]).validate_python(found)
    except ValidationError:
        return ()
    return seconds if math.isfinite(sum(seconds)) else ()


def _newest(known: Sequence[RunFolder]) -> str:
    names = ", ".join(run.name for run in known[:SHOWN])
    return (names if len(known) <= SHOWN else f"{names} and {len(known) - SHOWN} older ones") or "no runs"


def replaced(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small file so that other processes never see an incomplete one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error while something is written there into a BenchError that says so."""
    try:
        yield
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be written ({error.strerror or error}); what was stored before is still readable; "
            "choose another folder with --results DIR, or make this one writable"
        ) from None
