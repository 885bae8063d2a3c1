"""The options of `levelfield predict` that log predictions, and the line of a request that fails before its worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from bench.cli.console import USAGE, fail, warn
from bench.cli.options import as_option
from bench.errors import BenchError
from bench.plan.options import Help

GROUP = "Log predictions"
LogFile = Annotated[
    Path | None, as_option("log", Help("Append each prediction to this file, as a line of JSON.", "FILE", GROUP))
]
LogInputs = Annotated[
    bool, as_option("log_inputs", Help("The log has the values of each sample, too. They can be private.", None, GROUP))
]
LogSize = Annotated[
    str | None,
    as_option(
        "log_size",
        Help("Begin a new file before the log is larger than this. Five older files are kept.", "SIZE", GROUP, "10MB"),
    ),
]


class Log(NamedTuple):
    """Where the predictions of a model are logged, and whether their inputs are."""

    path: Path
    model: Path
    size_bytes: int
    inputs: bool
    device: str

    def job(self, contender: str) -> dict[str, Any]:
        """What the worker has to know of it."""
        return {"path": str(self.path), "size_bytes": self.size_bytes, "inputs": self.inputs, "framework": contender}

    def failed(self, error: str, contender: str | None = None) -> None:
        """Log a request that failed before its worker could do so, or together with it."""
        from bench.records.prediction_writer import PredictionWriter, Source
        from bench.workload import model_digest

        name, digest = self.model.resolve().name, model_digest.of_folder(self.model)
        source = Source(model=name, model_digest=digest, workload=None, framework=contender, device=self.device)
        with PredictionWriter(self.path, source, size_bytes=self.size_bytes) as writer:
            writer.failed(error)


def wanted(path: Path | None, model: Path, *, inputs: bool, size: str | None, device: str) -> Log | None:
    """The log that the options ask for; None without --log."""
    from bench.plan.log_options import size_bytes

    if path is None:
        named = "--log-inputs" if inputs else "--log-size" if size is not None else None
        if named:
            fail(f"{named}: found it without --log, expected both: only a log has it", USAGE)
        return None
    return Log(path=path, model=model, size_bytes=size_bytes(size or "10MB"), inputs=inputs, device=device)


@contextmanager
def failures_logged(log: Log | None, contender: str | None = None) -> Iterator[None]:
    """Log an error that ends the request, and raise it; `contender` is who would have predicted, if that is known."""
    try:
        yield
    except (BenchError, SystemExit) as error:
        if log is not None and log.model.is_dir():  # else it is a typing error, and no model has failed
            try:
                log.failed("; ".join(getattr(error, "__notes__", ())) or str(error), contender)
            except BenchError as unwritten:
                warn(str(unwritten))
        raise
