"""Learning curves as event files for TensorBoard: one folder for each trained network."""

from pathlib import Path
from urllib.parse import quote

from bench.errors import UsageError
from bench.export.curves import points
from bench.records.record import Case, Record


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
    last = 0.0
    for point in points(record):
        writer.add_scalar(point.curve, point.value, point.epoch, wall_time=point.wall_time)
        last = point.wall_time
    for name, value in learning.quality.items():
        writer.add_scalar(f"test/{name}", value, len(learning.epochs), wall_time=last)
    writer.close()


def _learner(case: Case) -> str:
    """The name of a trained network within its workload, with the feed if batches come from the host."""
    return case.learner if case.feed == "device" else f"{case.learner}-fed-from-{case.feed}"


def _safe(name: str) -> str:
    """The name as that of one folder: what is no letter, digit, hyphen, dot or underscore is percent-encoded."""
    encoded = quote(name, safe="")
    return encoded if encoded.strip(".") else encoded.replace(".", "%2E") or "%"
