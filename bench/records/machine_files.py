"""Writes and reads what is stored for a machine beside its runs: its baseline, and the calibration of its noise."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.errors import UsageError, unreadable
from bench.records import remote_results
from bench.records.store import RECORDS, RunFolder, replaced, writing

BASELINE, CALIBRATION = "baseline.json", "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The run that later runs on this machine are compared with; who set it, when (ISO 8601), and why."""

    machine: str
    run: str
    who: str
    when: str
    why: str


def set_baseline(results: Path, run: RunFolder, *, who: str, why: str) -> Baseline:
    """Make `run` the baseline of its machine: later runs are compared with it. Several machines share one.

    Raises UsageError if the run is not stored under `results`, since it could not be found again. Raises BenchError if
    the file cannot be written.
    """
    if run.folder.parent.parent.resolve() != results.resolve():
        raise UsageError(
            f"{run.folder}: found a run outside of {results}, expected one in it; choose the folder with --results DIR"
        )
    parts = run.parts()
    kept_by = parts[0].folder.parent if len(parts) == 1 else run.folder.parent
    found = Baseline(
        machine=kept_by.name,
        run=run.name,
        who=who,
        when=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        why=why,
    )
    path = kept_by / BASELINE
    with writing(path):
        replaced(path, asdict(found))
    _sent(results, path)
    return found


def baselines(results: Path) -> list[Baseline]:
    """The baseline of every machine that has one. Raises UsageError for a damaged file."""
    found = []
    remote = remote_results.of(results)
    if remote is not None:  # a machine whose last file was removed at the address is only known here
        known = {path.parent.name for path in results.glob(f"*/{BASELINE}")}
        for machine in sorted(known.union(remote_results.machines(remote))):
            _fetched(results, results / machine / BASELINE)
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
    if not found.has_records():
        raise UsageError(
            f"baseline: the records file {found.records} is missing; set another run with `levelfield baseline set`"
        )
    return found


def clear_baseline(results: Path, machine: str) -> None:
    """Remove the baseline of a machine, but not its run. Raises BenchError if the file cannot be removed."""
    path = results / machine / BASELINE
    with writing(path):
        path.unlink(missing_ok=True)
    _sent(results, path)


def save_calibration(results: Path, machine: str, content: Mapping[str, Any]) -> Path:
    """Store the calibration of a machine (its timing noise), and replace an earlier one. Raises BenchError."""
    path = results / machine / CALIBRATION
    with writing(path):
        replaced(path, content)
    _sent(results, path)
    return path


def load_calibration(results: Path, machine: str) -> Mapping[str, Any] | None:
    """The calibration of a machine, or None if there is none. Raises UsageError for a damaged file."""
    path = results / machine / CALIBRATION
    _fetched(results, path)
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


def _fetched(results: Path, path: Path) -> None:
    """Bring the newest version of a file into a mirror; nothing for a local folder."""
    remote = remote_results.of(results)
    if remote is not None:
        remote_results.fetch_machine_file(remote, path)


def _sent(results: Path, path: Path) -> None:
    """Write a file of a mirror to its address, too."""
    remote = remote_results.of(results)
    if remote is not None:
        remote_results.send_machine_file(remote, path)
