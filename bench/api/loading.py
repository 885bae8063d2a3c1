"""Loads stored runs from folders and files, all of them or those that are chosen."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.analysis import calibration
from bench.api.runs import Runs, value_of
from bench.errors import BenchError, NothingMeasuredError, UsageError, unknown
from bench.records import machine_files, named_runs, remote_results, store
from bench.records.named_runs import Stored
from bench.records.record import Record
from bench.records.remote_files import is_address, shown
from bench.records.store import RunFolder
from bench.report.results import by_run

EXPECTED = "expected a folder of results, the folder of a run or a records file"
Place = str | Path
Words = str | Sequence[str] | None


def load(  # noqa: PLR0913 (what can be selected)
    path: Place | Sequence[Place] = "results",
    *,
    runs: Words = None,
    workload: Words = None,
    framework: Words = None,
    device: Words = None,
    mode: Words = None,
    precision: Words = None,
) -> Runs:
    """Read stored runs: a folder of results, the folder of a run, a records file, or a list of these.

    `runs` chooses among the runs of a folder of results: ids, beginnings of ids, or `latest`; without it all are read,
    the oldest first. The other options take one value or several, as they stand in the columns: `keras/tensorflow`,
    `cuda:1`. `framework="keras"` takes all backends of Keras.
    Damaged lines and planned cases without a record are told as warnings, and are in `remarks`.

    Raises UsageError for a path, a run or a value that does not exist, and NothingMeasuredError without any record.
    """
    folders = _folders(_several(path), runs)
    told: list[str] = []
    stored = named_runs.read(folders, warn=told.append)
    records = named_runs.together(stored)
    if not records:
        raise NothingMeasuredError("; ".join((f"{_names(_several(path))}: found no records", *told)))
    damaged = tuple(told)
    told += _unmeasured(stored)
    whole = by_run(records, noise=_noise(records, folders, told))
    asked = {"workload": workload, "framework": framework, "device": device, "mode": mode, "precision": precision}
    selection = {name: tuple(map(str, _several(value))) for name, value in asked.items() if value is not None}
    if "framework" in selection:
        selection["framework"] = _with_backends(selection["framework"], records)
    _check(selection, records)
    for line in told:
        warnings.warn(line, stacklevel=2)
    found = Runs(stored=stored, whole=whole, selection=selection, damaged=damaged, remarks=tuple(told))
    if not found.arranged:
        chosen = "; ".join(f"{name}: {', '.join(values)}" for name, values in selection.items())
        raise UsageError(f"{chosen}: found no case with all of these, expected at least one; leave one of them out")
    return found


def _folders(paths: Sequence[Place], runs: Words) -> list[RunFolder]:
    """The runs at these paths; raises UsageError that tells of all paths that are wrong."""
    if runs is not None:
        if len(paths) != 1 or not _is_folder(_located(paths[0])):
            raise UsageError(f"runs: found it beside {_names(paths)}, expected one folder of results")
        return named_runs.find(tuple(map(str, _several(runs))), results=_located(paths[0]))
    found = {path: _at(path) for path in map(_located, paths)}
    wrong = [
        f"{path}: found {'a folder without runs' if _is_folder(path) else 'no such file or folder'}, {EXPECTED}; "
        "measure a run with `levelfield run`"
        for path, here in found.items()
        if not here
    ]
    if wrong or not found:
        raise UsageError("; ".join(wrong) or f"path: found an empty list, {EXPECTED}")
    return [run for here in found.values() for run in here]


def _names(places: Sequence[Place]) -> str:
    """The places as they are printed: without the password of an address."""
    return ", ".join(shown(str(place)) for place in places)


def _located(place: Place) -> Path:
    """The path of a place; for an address the local folder that mirrors it."""
    text = str(place)
    return remote_results.mirror(text) if is_address(text) else Path(place)


def _at(path: Path) -> list[RunFolder]:
    try:
        if path.is_file():
            return [RunFolder(path)]
        if (path / store.RECORDS).is_file():
            return [RunFolder(path / store.RECORDS)]
        return [run for run in reversed(store.runs(path)) if run.has_records()]
    except OSError:  # as for a name that is too long for a path
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _several(value: Place | Sequence[Place] | None) -> tuple[Place, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str | Path) else tuple(value)


def _unmeasured(stored: Stored) -> Iterator[str]:
    """A sentence for each run with planned cases that have no record, or with a plan that cannot be read."""
    for run, records in stored.items():
        unread: list[str] = []
        planned = named_runs.side({run: records}, warn=unread.append).unmeasured
        yield from unread
        if planned:
            yield (
                f"{run.name}: planned cases without a record: {len(planned)}; the run was interrupted, or its records "
                f"file was cut off. `levelfield run --resume {run.name}` measures them"
            )


def _noise(records: Iterable[Record], runs: Iterable[RunFolder], told: list[str]) -> dict[str, float]:
    """How far the processes of a cell differ on each machine, in percent, where a calibration knows it."""
    machines = dict.fromkeys(record.environment.machine for record in records)
    found: dict[str, float] = {}
    folders = (run.results for run in runs)  # without such a folder there is no calibration
    for results in dict.fromkeys(folder.absolute() for folder in folders if folder is not None):
        for machine in machines:
            try:
                found |= calibration.noise_in(machine_files.load_calibration(results, machine), machine=machine)
            except BenchError as error:  # the figures of a run do not depend on it
                told.append(str(error))
    return found


def _with_backends(names: Iterable[str], records: Sequence[Record]) -> tuple[str, ...]:
    """The frameworks with these names; a name without a backend stands for all backends that there are."""
    known = dict.fromkeys(value_of(record, "framework") for record in records)
    found = {name: [other for other in known if other.startswith(f"{name}/")] for name in names}
    return tuple(dict.fromkeys(other for name, others in found.items() for other in others or [name]))


def _check(selection: Mapping[str, tuple[str, ...]], records: Sequence[Record]) -> None:
    """Raise UsageError that tells of all values that no record has."""
    known = {name: dict.fromkeys(value_of(record, name) for record in records) for name in selection}
    wrong = {name: values for name, values in selection.items() if not {*values} <= {*known[name]}}
    if wrong:
        raise UsageError("; ".join(f"{name}: {unknown(values, [*known[name]])}" for name, values in wrong.items()))
