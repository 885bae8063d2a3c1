"""Writes and reads results: one record per line in <machine>/<run>/records.jsonl, other files in <run>/artifacts."""

import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, final

from pydantic import Field, TypeAdapter, ValidationError

from bench.errors import BenchError, NothingMeasuredError, UsageError, unreadable
from bench.records.measuring_process import MeasuringProcess, this_process, unknown_process
from bench.records.record import Case, Record, last_attempts, to_json
from bench.records.record_lines import to_line
from bench.records.records_file import Warn, read

RECORDS = "records.jsonl"
PLAN = Path("artifacts", "plan.json")
PROCESS = Path("artifacts", "process.json")
BASELINE, CALIBRATION = "baseline.json", "calibration.json"
LATEST = ("latest", "last")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The run that later runs on this machine are compared with; who set it, when (ISO 8601), and why."""

    machine: str
    run: str
    who: str
    when: str
    why: str


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
    def plan(self) -> Path:
        """The path of the run's plan; the file may not exist."""
        return self.folder / PLAN

    @property
    def process(self) -> Path:
        """The path of the file that says which process measures the run; a process that is killed leaves it."""
        return self.folder / PROCESS

    def append(self, record: Record) -> None:
        """Append the record as one line; when this returns, the complete line is on disk.

        Several processes may append at the same time. If a killed process left an incomplete line, that line is ended
        first. Raises BenchError if the file cannot be written.
        """
        with _writing(self.records):
            descriptor = os.open(self.records, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # released with the descriptor
                line = f"{_line_end(descriptor)}{to_line(record)}\n".encode()
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if written < len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written: the disk may be full")

    def read(self, *, warn: Warn) -> list[Record]:
        """The records in the order in which they were stored; of a repeated case only the last attempt.

        `warn` is called with a text for each line that is not a record.
        """
        return last_attempts(read(self.records, warn=warn))

    def next_order(self) -> int:
        """The `order` of the next record of the run: one more than the largest stored one."""
        return 1 + max((record.order for record in read(self.records, warn=lambda _: None)), default=-1)

    def save_plan(self, plan: Plan) -> None:
        """Store the plan of the run. Raises BenchError if it cannot be written."""
        cases = [to_json(case) for case in plan.cases]
        content = {"cases": cases, "options": dict(plan.options), "estimates_s": plan.estimates_s}
        with _writing(self.plan):
            _replace(self.plan, content)

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
        """
        this = this_process()
        with _writing(self.process):
            _replace(self.process, TypeAdapter(MeasuringProcess).dump_python(this, mode="json"))
        try:
            yield
        finally:
            if self.measured_by() == this:
                with suppress(OSError):  # what is left says the same: the process is gone
                    self.process.unlink(missing_ok=True)

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
        """The cases of the plan without a record of any outcome. Raises UsageError if there is no plan."""
        measured = {record.case for record in self.read(warn=warn)}
        return [case for case in self.load_plan().cases if case not in measured]


def new_run(results: Path, *, machine: str) -> RunFolder:
    """A new empty folder, named by the current time, so that names sort by start. Raises BenchError."""
    while True:
        now = datetime.now(tz=UTC)
        folder = results / machine / f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond * 2**16 // 10**6:04x}"
        with _writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:  # another process started a run within the same 15 microseconds
                continue
        return RunFolder(folder / RECORDS)


def runs(results: Path) -> list[RunFolder]:
    """Every run under `results`, the newest first."""
    found = {path.parent for path in results.glob(f"*/*/{RECORDS}")}
    found |= {path.parents[1] for path in results.glob(f"*/*/{PLAN}")}
    return [RunFolder(folder / RECORDS) for folder in sorted(found, key=lambda folder: folder.name, reverse=True)]


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
    known = [run for run in begun if run.records.is_file()]
    if name in LATEST:
        if not known:
            raise NothingMeasuredError(f"{results}: no runs yet; measure one with `levelfield run`")
        return known[0]
    fitting = [run for run in begun if name and run.name.startswith(name)]  # including runs that have only a plan yet
    exact = [run for run in fitting if run.name == name]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    found = f"the ids of {len(fitting)} runs begin with it" if fitting else "no such run, folder or records file"
    if is_folder and not fitting:
        found = f"a folder without a file {RECORDS}"
    raise UsageError(f"run {name!r}: {found}; {results} has {_newest(fitting or known)}; expected {expected}")


def set_baseline(results: Path, run: RunFolder, *, who: str, why: str) -> Baseline:
    """Make `run` the baseline of its machine: later runs are compared with it.

    Raises UsageError if the run is not stored under `results`, since it could not be found again. Raises BenchError if
    the file cannot be written.
    """
    if run.folder.parent.parent.resolve() != results.resolve():
        raise UsageError(
            f"{run.folder}: found a run outside of {results}, expected one in it; choose the folder with --results DIR"
        )
    found = Baseline(
        machine=run.folder.parent.name,
        run=run.name,
        who=who,
        when=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        why=why,
    )
    path = run.folder.parent / BASELINE
    with _writing(path):
        _replace(path, asdict(found))
    return found


def baselines(results: Path) -> list[Baseline]:
    """The baseline of every machine that has one. Raises UsageError for a damaged file."""
    found = []
    for path in sorted(results.glob(f"*/{BASELINE}")):
        try:
            found.append(TypeAdapter(Baseline).validate_json(path.read_bytes()))
        except (OSError, ValueError) as error:
            reason = unreadable(error)
            raise UsageError(f"{path}: found no valid baseline ({reason}); set it again, or remove the file") from None
    return found


def baseline_of(results: Path, machine: str) -> RunFolder:
    """The baseline run of a machine. Raises UsageError if none is set, or if its records file is missing."""
    run = next((item.run for item in baselines(results) if item.machine == machine), None)
    if run is None:
        raise UsageError(f"baseline: found none for {machine}, expected one: `levelfield baseline set RUN --why TEXT`")
    found = RunFolder(results / machine / run / RECORDS)
    if not found.records.is_file():
        raise UsageError(
            f"baseline: the records file {found.records} is missing; set another run with `levelfield baseline set`"
        )
    return found


def clear_baseline(results: Path, machine: str) -> None:
    """Remove the baseline of a machine, but not its run. Raises BenchError if the file cannot be removed."""
    path = results / machine / BASELINE
    with _writing(path):
        path.unlink(missing_ok=True)


def save_calibration(results: Path, machine: str, content: Mapping[str, Any]) -> Path:
    """Store the calibration of a machine (its timing noise), and replace an earlier one. Raises BenchError."""
    path = results / machine / CALIBRATION
    with _writing(path):
        _replace(path, content)
    return path


def load_calibration(results: Path, machine: str) -> Mapping[str, Any] | None:
    """The calibration of a machine, or None if there is none. Raises UsageError for a damaged file."""
    path = results / machine / CALIBRATION
    if not path.is_file():
        return None
    try:
        content: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = unreadable(error)
        raise UsageError(
            f"{path}: found no valid calibration ({reason}); run `levelfield doctor --calibrate` again"
        ) from None
    return content


def unfinished(results: Path, *, warn: Warn) -> RunFolder | None:
    """The newest run whose plan has cases without a record, or None."""
    return next((run for run in runs(results) if run.plan.is_file() and run.missing(warn=warn)), None)


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


def _line_end(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return "" if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n" else "\n"


def _replace(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small file so that other processes never see an incomplete one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be written ({error.strerror or error}); what was stored before is still readable; "
            "choose another folder with --results DIR, or make this one writable"
        ) from None
