"""Learning curves as event files for TensorBoard: one folder for each trained network."""

from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from bench.errors import UsageError
from bench.records.measurement import Epoch
from bench.records.record import Case, Record

NANOSECONDS = 1e9


def check() -> None:
    """Raise UsageError if TensorBoard is not installed."""
    try:
        import tensorboard.summary  # noqa: F401
    except ImportError:
        raise UsageError(
            "--tensorboard: found no TensorBoard, which writes the files: pip install 'levelfield[tensorboard]'"
        ) from None


def write(record: Record, folder: Path) -> None:
    """Add the learning curve of one record, with the wall time at the end of each epoch; nothing if it has none.

    The folder is `<workload>/<framework>-<device>-seed<n>`, so that TensorBoard shows frameworks side by side. It also
    names what is unusual: mode, precision, feed. Files of an interrupted run are kept: a record is written only once.
    Raises UsageError like `check`.
    """
    learning = record.measurement.learning
    if learning is None:
        return
    check()
    from tensorboard.summary import Writer

    case = record.case
    writer = Writer(str(folder / _safe(case.workload) / _safe(_learner(case))))
    wall_time = datetime.fromisoformat(record.started).timestamp() + learning.prepare_ns / NANOSECONDS
    for number, epoch in enumerate(learning.epochs, start=1):
        wall_time += (epoch.train_ns + epoch.evaluation_ns) / NANOSECONDS
        for tag, value in _scalars(epoch, learning.evaluated_on, learning.target_metric).items():
            writer.add_scalar(tag, value, number, wall_time=wall_time)
    for name, value in learning.quality.items():
        writer.add_scalar(f"test/{name}", value, len(learning.epochs), wall_time=wall_time)
    writer.close()


def _learner(case: Case) -> str:
    """The name of a trained network within its workload, with the feed if batches come from the host."""
    return case.learner if case.feed == "device" else f"{case.learner}-fed-from-{case.feed}"


def _safe(name: str) -> str:
    """The name as that of one folder: what is no letter, digit, hyphen, dot or underscore is percent-encoded."""
    encoded = quote(name, safe="")
    return encoded if encoded.strip(".") else encoded.replace(".", "%2E") or "%"


def _scalars(epoch: Epoch, evaluated_on: str, metric: str) -> dict[str, float]:
    seconds = epoch.train_ns / NANOSECONDS
    found = {"train/loss": epoch.train_loss, f"{evaluated_on}/loss": epoch.evaluation_loss, "train/seconds": seconds}
    return found if metric == "loss" else found | {f"{evaluated_on}/{metric}": epoch.evaluation_quality}
