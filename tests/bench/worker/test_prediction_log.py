"""Each call is timed and its samples are logged; what is done for a line is not in the latency."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.records.prediction import Prediction
from bench.records.prediction_log import read
from bench.records.prediction_writer import PredictionWriter
from bench.worker import prediction_log
from bench.worker.prediction_log import PredictionLog, answers, logits_of
from bench.workload.saved_model import SavedModel, Scale
from tests.bench.records.prediction_lines import BEGUN, SOURCE
from tests.bench.worker.measure.recorder import QUERY_NS, Recorder, is_adapter, right, split
from tests.bench.workloads import saved_tiny

SLOW_NS = 10**9


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """An adapter whose clock is that of the log."""
    made = Recorder()
    monkeypatch.setattr(prediction_log, "now_ns", made.clock)
    return made


def named(*labels: str) -> SavedModel:
    about = saved_tiny()
    return replace(about, description=replace(about.description, labels=labels))


def logged(  # noqa: PLR0913 (what a request has)
    recorder: Recorder,
    log: Path,
    *,
    samples: int,
    batch_size: int,
    with_inputs: bool = False,
    clock: Callable[[], datetime] = lambda: BEGUN,
) -> np.ndarray:
    """The logits of so many samples, of which the first has number 0 in the log."""
    with PredictionWriter(log, SOURCE, clock=clock) as writer:
        made = PredictionLog(writer, with_inputs=with_inputs)
        about = named("a", "b", "c")
        return logits_of(is_adapter(recorder), split(samples).inputs, about, batch_size=batch_size, log=made)


def lines(log: Path) -> list[Prediction]:
    return read([log], warn=pytest.fail)


@pytest.mark.parametrize(("samples", "batch_size", "batch"), [(7, 1, 1), (7, 3, 3), (7, 500, 7)])
def test_every_sample_is_a_line_and_the_logits_are_those_without_a_log(
    recorder: Recorder, tmp_path: Path, samples: int, batch_size: int, batch: int
) -> None:
    logits = logged(recorder, tmp_path / "log", samples=samples, batch_size=batch_size)
    assert np.array_equal(logits, right(np.arange(samples)))
    found = lines(tmp_path / "log")
    assert [line.sample for line in found] == list(range(samples)), "expected no sample that filled up a call"
    assert [line.output for line in found] == [("a", "b", "c")[number % 3] for number in range(samples)]
    assert {line.batch for line in found} == {batch}
    assert {len(query) for query in recorder.queries} == {batch}


def test_the_latency_is_that_of_the_call_and_has_nothing_of_the_log(recorder: Recorder, tmp_path: Path) -> None:
    def slow_clock() -> datetime:
        """A writer that takes a second for each call."""
        recorder.clock.now += SLOW_NS
        return BEGUN

    logged(recorder, tmp_path / "log", samples=3, batch_size=1, clock=slow_clock)
    assert recorder.clock.now > 3 * SLOW_NS
    assert [line.latency_ms for line in lines(tmp_path / "log")] == [QUERY_NS / 1e6] * 3


def test_a_wait_for_the_outputs_is_in_the_latency_and_one_for_the_inputs_is_not(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(result: object) -> None:
        recorder.clock.now += 7 if isinstance(result, list) else SLOW_NS

    monkeypatch.setattr(recorder, "wait", slow)
    logged(recorder, tmp_path / "log", samples=2, batch_size=1)
    assert [line.latency_ms for line in lines(tmp_path / "log")] == [(QUERY_NS + 7) / 1e6] * 2


def test_no_value_of_a_sample_is_logged_unless_it_was_asked_for(recorder: Recorder, tmp_path: Path) -> None:
    logged(recorder, tmp_path / "without", samples=2, batch_size=2)
    logged(recorder, tmp_path / "with", samples=2, batch_size=2, with_inputs=True)
    assert [line.input for line in lines(tmp_path / "without")] == [None, None]
    assert 'input":' not in (tmp_path / "without").read_text()
    assert [line.input for line in lines(tmp_path / "with")] == [(0.0,) * 6, (1.0,) * 6]


def test_the_digest_of_a_sample_is_that_of_its_values(recorder: Recorder, tmp_path: Path) -> None:
    logged(recorder, tmp_path / "log", samples=3, batch_size=2)
    values = split(3).inputs
    expected = [hashlib.blake2b(row.astype("<f4").tobytes(), digest_size=8).hexdigest() for row in values]
    assert [line.input_digest for line in lines(tmp_path / "log")] == expected
    assert len(set(expected)) == 3


def test_a_value_that_json_cannot_have_is_null() -> None:
    assert prediction_log.flat(np.array([[1.5, np.nan], [np.inf, -2]], np.float32)) == [1.5, None, None, -2.0]


def test_an_output_that_is_not_finite_is_an_error_of_its_sample_alone(recorder: Recorder, tmp_path: Path) -> None:
    def broken(numbers: np.ndarray, steps: int) -> np.ndarray:
        logits = right(numbers, steps)
        logits[numbers == 1] = np.nan
        return logits

    recorder.logits = broken
    logits = logged(recorder, tmp_path / "log", samples=3, batch_size=3)
    assert np.isnan(logits[1]).all()
    found = lines(tmp_path / "log")
    assert [line.error for line in found] == [None, "found an output that is not a finite number", None]
    assert [line.output for line in found] == ["a", None, "c"]
    assert found[1].latency_ms == QUERY_NS / 1e6


def requested(recorder: Recorder, log: Path, folder: Path, *, fail_at: int | None) -> None:
    """A request whose call with this number fails, or that fails before any call."""

    def failing(numbers: np.ndarray, steps: int) -> np.ndarray:
        if len(recorder.queries) - 1 == fail_at:
            raise RuntimeError("no memory\nleft")
        return right(numbers, steps)

    recorder.logits = failing
    asked = {"path": str(log), "size_bytes": 10**6, "inputs": False, "framework": "keras/jax"}
    with prediction_log.opened(asked, folder, device="cpu", explain=lambda error: " ".join(str(error).split())) as made:
        assert made is not None
        if fail_at is None:
            raise RuntimeError("no such data")
        logits_of(is_adapter(recorder), split(5).inputs, named("a", "b", "c"), batch_size=2, log=made)


def test_the_samples_of_a_call_that_failed_are_in_the_log(recorder: Recorder, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no memory"):
        requested(recorder, tmp_path / "log", tmp_path / "gone", fail_at=1)
    found = lines(tmp_path / "log")
    assert [(line.sample, line.error) for line in found] == [
        (0, None),
        (1, None),
        (2, "no memory left"),
        (3, "no memory left"),
    ]
    assert (found[2].latency_ms, found[2].batch, found[2].output) == (None, 2, None)
    assert found[2].input_digest is not None


def test_a_request_that_fails_before_any_call_is_a_line(recorder: Recorder, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such data"):
        requested(recorder, tmp_path / "log", tmp_path / "gone", fail_at=None)
    (line,) = lines(tmp_path / "log")
    assert (line.sample, line.error) == (None, "no such data")
    assert (line.model, line.model_digest, line.workload, line.framework) == ("gone", None, None, "keras/jax")


def test_a_request_that_succeeds_has_no_error(recorder: Recorder, tmp_path: Path) -> None:
    requested(recorder, tmp_path / "log", tmp_path / "gone", fail_at=-2)
    assert [line.error for line in lines(tmp_path / "log")] == [None] * 5


@pytest.mark.parametrize(
    ("error", "logged_as"),
    [
        (
            "new.csv, line 2, column 'rooms': found 'many', expected a number",
            "new.csv, line 2, column 'rooms': found …, expected a number",
        ),
        ("found -12.5e3, expected whole numbers", "found …, expected whole numbers"),
        ("""found "it's", 'b', expected one of c, d""", "found …, expected one of c, d"),
        ("found samples of shape (3, 36), expected (samples, 6, 6)", "found …, expected (samples, 6, 6)"),
        ("found ['a', 'He said \"it']; leave it out", "found …; leave it out"),
        ("new.csv: no such file", None),
    ],
)
def test_an_error_is_logged_without_the_value_that_was_found(error: str, logged_as: str | None, tmp_path: Path) -> None:
    assert prediction_log.without_values(error) == (logged_as or error)
    for with_inputs in (False, True):
        with PredictionWriter(tmp_path / f"{with_inputs}", SOURCE) as writer:
            PredictionLog(writer, with_inputs=with_inputs).failed(error)
    texts = [line.error for name in ("False", "True") for line in lines(tmp_path / name)]
    assert texts == [logged_as or error, error]


def test_without_a_log_nothing_is_opened(tmp_path: Path) -> None:
    with prediction_log.opened(None, tmp_path, device="cpu", explain=str) as made:
        assert made is None


def regression(outputs: int, **changes: Any) -> SavedModel:  # noqa: ANN401 (the fields of a saved model)
    about = saved_tiny()
    described = replace(about.description, task="regression", outputs=outputs, labels=())
    return replace(about, description=described, **changes)


def test_numbers_are_in_the_unit_of_the_target() -> None:
    scaled = Scale(mean=(100.0,), deviation=(10.0,))
    said = answers(regression(1, targets=scaled), np.array([[0.5], [-1.0]], np.float32))
    assert [row["output"] for row in said] == [105.0, 90.0]
    assert [row["confidence"] for row in said] == [None, None]
    assert answers(regression(2), np.array([[0.5, 2]], np.float32))[0]["output"] == [0.5, 2.0]


def test_a_class_without_a_name_is_its_number_and_has_its_probability() -> None:
    said = answers(named(), np.array([[0, np.log(3), -99]], np.float32))
    assert said == [{"output": "1", "confidence": 0.75, "error": None}]
    json.dumps(said, allow_nan=False)
