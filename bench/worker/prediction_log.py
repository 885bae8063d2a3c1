"""Predicts in calls of one size, and logs the samples of each call with its latency.

Whatever a line needs, its digest, its JSON and the write, is made after the call was timed.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np

from bench.adapters.base import Adapter
from bench.errors import BenchError
from bench.records.prediction_writer import NO_SAMPLE, PredictionWriter, Row, Source
from bench.worker import quality_metrics
from bench.worker.measure.clock import now_ns
from bench.worker.measure.inference import equal_queries
from bench.workload import model_digest, saved_model
from bench.workload.saved_model import SavedModel

DIGEST_BYTES = 8
NOT_FINITE: Row = {"output": None, "confidence": None, "error": "found an output that is not a finite number"}
DECIMALS = 6  # of a confidence
FOUND = re.compile(r"found .*?(?=,? expected |; |$)")


@final
class PredictionLog:
    """The log of one request: each call of the network is begun, and then answered, or the request fails."""

    def __init__(self, writer: PredictionWriter, *, with_inputs: bool) -> None:
        self._writer, self._with_inputs = writer, with_inputs
        self._batch: int | None = None
        self._first, self._values = 0, np.zeros((0, 1), np.float32)

    def begun(self, values: np.ndarray, *, first: int, batch: int) -> None:
        """These samples are predicted next, in a call of `batch` samples; `first` is the number of the first one."""
        self._first, self._batch, self._values = first, batch, values

    def answered(self, answers: list[Row], *, latency_ns: int) -> None:
        """Log the samples of the call."""
        rows = [{**row, **answer} for row, answer in zip(self._samples(), answers, strict=False)]
        self._writer.answered(rows, latency_ns=latency_ns, batch=self._batch or len(rows))
        self._batch, self._values = None, self._values[:0]

    def failed(self, error: str) -> None:
        """Log the samples of the call that failed; a line without a sample if the request failed outside of calls."""
        text = error if self._with_inputs else without_values(error)
        self._writer.failed(text, list(self._samples()) or [NO_SAMPLE], batch=self._batch)

    def _samples(self) -> Iterator[Row]:
        """The number and the digest of each sample in the call, and its values if they were asked for."""
        values = np.ascontiguousarray(self._values, dtype="<f4")
        for number, sample in enumerate(values, start=self._first):
            row = {"sample": number, "input_digest": hashlib.blake2b(sample, digest_size=DIGEST_BYTES).hexdigest()}
            yield {**row, "output": None, "confidence": None, **({"input": flat(sample)} if self._with_inputs else {})}


@contextmanager
def opened(
    asked: Mapping[str, Any] | None, folder: Path, *, device: str, explain: Callable[[Exception], str]
) -> Iterator[PredictionLog | None]:
    """The log of a request to the model in a folder; None if no log was asked for.

    If the request fails, the error is logged in the words of `explain`, and raised. `asked` has the keys `path`,
    `size_bytes`, `inputs` (whether values of samples are logged) and `framework`.
    """
    if asked is None:
        yield None
        return
    source = Source(
        model=folder.resolve().name,
        model_digest=model_digest.of_folder(folder),
        workload=_workload(folder),
        framework=asked["framework"],
        device=device,
    )
    with PredictionWriter(Path(asked["path"]), source, size_bytes=asked["size_bytes"]) as writer:
        log = PredictionLog(writer, with_inputs=asked["inputs"])
        try:
            yield log
        except Exception as error:
            log.failed(explain(error))
            raise


def logits_of(
    adapter: Adapter, inputs: np.ndarray, about: SavedModel, *, batch_size: int, log: PredictionLog
) -> np.ndarray:
    """The logits of all samples, by calls of equal size; each call is timed and logged.

    The inputs are on the device before a call, as in the scenario `inference`. The first call compiles if the framework
    does. The last call is filled up with repeated samples, which are not logged.
    """
    found: list[np.ndarray] = []
    for rows in equal_queries(len(inputs), batch_size):
        first = sum(map(len, found))
        values = inputs[rows]
        placed = adapter.put(values)
        adapter.wait(placed)
        log.begun(values[: len(inputs) - first], first=first, batch=len(rows))
        begun = now_ns()
        outputs = adapter.predict(placed)
        adapter.wait([outputs])
        latency_ns = now_ns() - begun
        found.append(adapter.to_numpy(outputs))
        log.answered(answers(about, found[-1]), latency_ns=latency_ns)
    return np.concatenate(found)[: len(inputs)]


def answers(about: SavedModel, logits: np.ndarray) -> list[Row]:
    """What the network says about each sample: a class with its probability, or numbers in the unit of the target."""
    said = _numbers if about.description.task == "regression" else _classes
    is_finite = np.isfinite(logits)
    if is_finite.all():  # nearly always, and a single sample then takes half as long
        return list(said(about, logits.astype(np.float64)))
    kept = is_finite.all(axis=1)
    rows = said(about, np.where(kept[:, None], logits, 0).astype(np.float64))
    return [row if finite else NOT_FINITE for row, finite in zip(rows, kept.tolist(), strict=True)]


def without_values(error: str) -> str:
    """The text of an error with its place, but without the values of the user's data that were found there."""
    return FOUND.sub("found …", error)


def flat(sample: np.ndarray) -> list[float | None]:
    """The values of a sample; None, which JSON can have, for those that are not finite."""
    finite = np.isfinite(sample).ravel().tolist()
    return [value if known else None for value, known in zip(sample.ravel().tolist(), finite, strict=True)]


def _numbers(about: SavedModel, outputs: np.ndarray) -> Iterator[Row]:
    values = about.targets.undo(outputs)
    listed = values[:, 0] if values.shape[1] == 1 else values
    return ({"output": output, "confidence": None, "error": None} for output in listed.tolist())


def _classes(about: SavedModel, outputs: np.ndarray) -> Iterator[Row]:
    labels = about.description.labels
    found = quality_metrics.classes(outputs)
    chances = quality_metrics.confidences(outputs, about.recipe.loss)
    for number, chance in zip(found.tolist(), chances.round(DECIMALS).tolist(), strict=True):
        yield {"output": labels[number] if labels else str(number), "confidence": chance, "error": None}


def _workload(folder: Path) -> str | None:
    try:
        return saved_model.read(folder).workload
    except BenchError:
        return None
