"""Sends what was measured from a mirror to its address; an object of a record is written once, and never replaced."""

import warnings
from collections.abc import Iterable, Sequence

from bench.errors import BenchError, UnsentWarning
from bench.records.remote_files import Remote, create, differing, listed, write, writing
from bench.records.remote_results import PLAN, RunFiles, digest, lines, names_of, note_synced, synced


class TakenError(BenchError):
    """Raised if an object that is written once is there with another content."""


def send_record(remote: Remote, run: RunFiles, *, line: str) -> None:
    """Write one record as an object of its own.

    If that fails, nothing more is written until `send` tries again: each try could take as long as the first one.
    Raises TakenError if another record is there.
    """
    if remote.sending.works is False:
        return
    (name,) = names_of([line.encode()])
    try:
        with writing(remote):
            is_ours = create(remote, f"{run.place}/{name}", f"{line}\n".encode())
    except BenchError:
        return
    if not is_ours:
        raise _taken(remote, run, [name])


def send_plan(remote: Remote, run: RunFiles) -> None:
    """Write the plan of a run, which may have grown.

    Raises BenchError if the address has taken nothing from this process so far. Later, `send` tries again at the end.
    """
    if remote.sending.works is False:
        return
    is_first = remote.sending.works is None
    try:
        with writing(remote):
            _write_plan(remote, run, is_there=True)
    except BenchError:
        if is_first:
            raise


def send(remote: Remote, runs: Iterable[RunFiles]) -> None:
    """Write what the address lacks of these parts of one run.

    Raises BenchError if the address cannot be written, and TakenError if there are other records of the run. These are
    not replaced, and all others are written.
    """
    others: dict[RunFiles, Sequence[str]] = {}
    parts = tuple(runs)
    try:
        with writing(remote):
            for run in parts:
                others[run] = _write(remote, run)
    except BenchError as error:
        name, where = parts[0].folder.name, ", ".join(str(run.folder) for run in parts if run.records.is_file())
        raise BenchError(
            f"{error}. Nothing is lost: the records are in {where or parts[0].folder}; `levelfield run --resume {name} "
            f"--results {remote.address}` sends them"
        ) from None
    for run, names in others.items():
        if names:
            raise _taken(remote, run, names)


def send_after(problem: BaseException | None, remote: Remote, *, runs: Sequence[RunFiles]) -> None:
    """The same at the end of a run. After a `problem`, what cannot be sent is an UnsentWarning: the problem is kept."""
    is_fault = problem is not None and not (isinstance(problem, SystemExit) and not problem.code)
    if is_fault and not any(run.records.is_file() for run in runs):
        return  # nothing was measured
    try:
        send(remote, runs)
    except BenchError as unsent:
        if not is_fault:
            raise
        if type(unsent) is not type(problem):  # else it says again that another process measures the run
            warnings.warn(str(unsent), UnsentWarning, stacklevel=2)


def _write(remote: Remote, run: RunFiles) -> list[str]:
    """Write what is missing of one part: the names of the records that are there with another content."""
    there, found = listed(remote, run.place), lines(run.records)
    objects = {name: line + b"\n" for name, line in zip(names_of(found), found, strict=True)}
    old = {f"{run.place}/{name}": content for name, content in objects.items() if name in there}
    others = differing(remote, old, there={place: there[place.rpartition("/")[2]] for place in old})
    new = (name for name in objects if name not in there)
    others += [name for name in new if not create(remote, f"{run.place}/{name}", objects[name])]
    _write_plan(remote, run, is_there=PLAN in there)
    return [place.rpartition("/")[2] for place in others]


def _write_plan(remote: Remote, run: RunFiles, *, is_there: bool) -> None:
    """Write the plan in place of an earlier one, unless it is the one that was last sent or fetched."""
    here = digest(run.plan)
    if here is None or (is_there and synced(run.plan).get("here") == here):
        return
    content = run.plan.read_bytes()
    write(remote.files, f"{remote.root}/{run.place}/{PLAN}", content)
    note_synced(run.plan, content, there=None)


def _taken(remote: Remote, run: RunFiles, names: Sequence[str]) -> TakenError:
    """The error for records of a run that are at the address with another content."""
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    machine, name = run.folder.parent.name, run.folder.name
    return TakenError(
        f"{remote.address}/{run.place}/{names[0]}{more}: found another record, expected none or the same one: another "
        f"process measures this run, on a machine that is called {machine}, too. Nothing is lost: what was measured "
        f"here is in {run.folder}. Stop one of the processes. To go on with the records at the address, move that "
        f"folder away, then `levelfield run --resume {name} --results {remote.address}`"
    )
