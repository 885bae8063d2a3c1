"""A real network serves queries that the real LoadGen sends; here with PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.records.load import Loaded, LoadRun, Serving
from bench.records.measurement import Measurement
from bench.records.record import Case
from bench.worker.measure import under_load
from bench.worker.measure.dispatch import Occasion, measure
from bench.worker.prepared_workload import PreparedWorkload, prepare
from bench.worker.serving import load_generator, schedule
from bench.workload.axes import Feed
from tests.bench.workloads import workload

ROOT = Path(__file__).parents[4]
QUERIES = 200


@pytest.fixture(scope="module")
def subject() -> PreparedWorkload:
    return prepare("pytorch", workload(), device="cpu", precision="fp32", threads=1, seed=0)


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short runs; the process of the generator imports Levelfield, as one of a worker does."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(schedule, "FEWEST", QUERIES)
    monkeypatch.setattr(schedule, "SHORTEST_NS", 1_000)
    monkeypatch.setattr(under_load, "TURN_NS", 1_000)
    monkeypatch.setattr(under_load, "WARM_UP_NS", 1_000_000)


def measured(subject: PreparedWorkload, folder: Path, serving: Serving, feed: Feed = "device") -> Measurement:
    case = Case(
        workload="tiny",
        framework="pytorch",
        scenario="inference",
        purpose="serving",
        batch_sizes=(1,),
        threads=1,
        serving=serving,
        feed=feed,
    )
    news: list[dict[str, Any]] = []
    found = measure(subject, case, Occasion(block_seconds=1e-4, started_ns=0, progress=news.append, load_logs=folder))
    assert found.loaded is not None
    assert [item["run"] for item in news] == list(range(1, len(found.loaded.runs) + 1))
    return found


def loaded(found: Measurement) -> Loaded:
    assert found.loaded is not None
    return found.loaded


def answered(run: LoadRun) -> bool:
    return run.answered == run.queries and run.checked > 0 and run.deviation is not None and run.deviation < 1e-6


@pytest.mark.parametrize("feed", ["device", "host"])
def test_single_queries_are_timed_beside_the_same_calls_without_a_generator(
    subject: PreparedWorkload, tmp_path: Path, feed: Feed
) -> None:
    measurement = measured(subject, tmp_path, Serving(load="single_stream"), feed=feed)
    found = loaded(measurement)
    assert len(found.runs) == under_load.TURNS
    assert all(map(answered, found.runs))
    assert found.alone is not None
    assert measurement.forward_deviation is not None
    assert measurement.blocks == ()
    assert all(run.added_ns is not None for run in found.runs)
    assert {Path(run.file or "").name for run in found.runs} == {"1", "2", "3"}


def test_all_queries_at_once_are_predicted_in_the_batch_that_was_found(
    subject: PreparedWorkload, tmp_path: Path
) -> None:
    found = loaded(measured(subject, tmp_path, Serving(load="offline")))
    (run,) = found.runs
    assert answered(run)
    assert found.batch_rates is not None
    assert str(run.batch) in found.batch_rates
    assert run.batches == run.queries / run.batch
    fastest = max(found.batch_rates.values())
    assert found.batch_rates[str(run.batch)] * under_load.GAIN >= fastest


def test_without_a_limit_a_server_is_measured_at_some_rates(subject: PreparedWorkload, tmp_path: Path) -> None:
    found = loaded(measured(subject, tmp_path, Serving(load="server")))
    assert len(found.runs) == len(under_load.SHARES)
    assert all(map(answered, found.runs))
    rates = [run.asked_per_s or 0 for run in found.runs]
    assert rates == pytest.approx([share / 0.3 * rates[0] for share in under_load.SHARES])
    assert found.highest is None


def test_with_batches_each_query_still_gets_its_own_answer(subject: PreparedWorkload, tmp_path: Path) -> None:
    found = loaded(measured(subject, tmp_path, Serving(load="server", most=8, patience_ns=2_000_000)))
    assert all(map(answered, found.runs))
    assert any(run.batches < run.queries for run in found.runs)


def test_a_server_that_answers_wrongly_is_found_out(
    subject: PreparedWorkload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = under_load._Bench.predict
    monkeypatch.setattr(under_load._Bench, "predict", lambda self, samples: right(self, np.zeros_like(samples)))
    measurement = measured(subject, tmp_path, Serving(load="single_stream"))
    assert measurement.forward_deviation is not None
    assert measurement.forward_deviation > 1e-3
    assert all(any("wrong answers" in problem for problem in run.problems) for run in loaded(measurement).runs)


def test_the_search_for_the_highest_rate_uses_the_runs(
    subject: PreparedWorkload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.analysis.rate_search.MOST_PROBES", 3)
    found = loaded(measured(subject, tmp_path, Serving(load="server", limit_ns=10**10)))
    assert len(found.runs) == 3
    assert found.highest is not None
    assert found.highest.ending == "inconclusive"
    assert len({run.seeds for run in found.runs}) == 3
    assert [run.verdict for run in found.runs] != [None] * 3


def test_a_generator_that_fails_later_leaves_the_runs_before(
    subject: PreparedWorkload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, made = load_generator.drive, []

    def drive(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        made.append(1)
        if len(made) > 2:
            raise BenchError("the load generator ended with status 1")
        return right(*given, **named)

    monkeypatch.setattr(load_generator, "drive", drive)
    with pytest.raises(under_load.StoppedError, match="ended with status 1") as stopped:
        measured(subject, tmp_path, Serving(load="single_stream"))
    assert len(stopped.value.loaded.runs) == 2


def test_answers_that_are_not_numbers_fail_though_only_one_run_has_them(
    subject: PreparedWorkload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    right = under_load._Bench.right

    def poisoned(self: Any, samples: np.ndarray) -> np.ndarray:  # noqa: ANN401
        runs.append(1)
        return right(self, samples) * (np.nan if len(runs) == 2 else 1.0)

    monkeypatch.setattr(under_load._Bench, "right", poisoned)
    measurement = measured(subject, tmp_path, Serving(load="single_stream"))
    assert measurement.forward_deviation is not None
    assert np.isnan(measurement.forward_deviation)


def test_a_network_without_a_reference_is_compared_with_direct_calls(
    subject: PreparedWorkload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.workload.model_families.has_reference", lambda _: False)
    measurement = measured(subject, tmp_path, Serving(load="offline"))
    assert measurement.forward_deviation is None
    assert all(map(answered, loaded(measurement).runs))
    right = under_load._Bench.predict
    monkeypatch.setattr(
        under_load._Bench,
        "predict",
        lambda self, samples: right(self, samples if len(samples) == 1 else np.roll(samples, 1)),
    )
    wrong = loaded(measured(subject, tmp_path, Serving(load="offline")))
    assert any("from those of direct calls" in problem for run in wrong.runs for problem in run.problems)
