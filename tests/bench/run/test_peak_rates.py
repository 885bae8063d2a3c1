"""The peak rates of a device are measured with every framework that is timed on it, and the highest counts."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.records.record import Case
from bench.run import peak_rates
from bench.run.settings import contender
from bench.run.worker_client import Message
from bench.run.worker_pool import WorkerPool
from tests.bench.run.scripted_workers import OK, Script, scripted, worked
from tests.bench.run.watched_run import watched

TIMED = Case(workload="tiny", framework="pytorch", scenario="training", batch_sizes=(4,), threads=1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))


def test_a_framework_measures_the_peak_rates_of_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured with PyTorch, in this process and with small arrays."""
    monkeypatch.setattr("bench.worker.measure.peak_rates.ROWS", {"cpu": (64, 128)})
    monkeypatch.setattr("bench.worker.measure.peak_rates.STREAMED", {"cpu": (2**12, 2**14)})
    scripted(monkeypatch, Script(instead=worked))
    made = watched(tmp_path).settings
    cases = [TIMED, replace(TIMED, purpose="learning", precision="bf16")]
    fleet = WorkerPool(made.logs)
    fleet.start((contender(case), case.device) for case in cases)
    found = peak_rates.measure(cases, fleet, made)
    assert found.keys() == {("cpu", "fp32")}, "cases that are not timed need no peak rates"
    roof = found["cpu", "fp32"]
    assert roof.flops is not None
    assert roof.flops.by == "pytorch"
    assert roof.flops.size in {64, 128}
    assert 1e5 < roof.flops.per_second < 1e14
    assert [item.size for item in roof.bytes] == [2**13, 2**15]
    assert all(1e5 < item.per_second < 1e14 for item in roof.bytes)


def test_each_timed_record_has_the_highest_peak_of_all_frameworks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rates(job: Message, _: float) -> Message | None:
        if job["kind"] != "roof":
            return None
        products, streams = {"pytorch": (2e9, 3e9), "flax": (4e9, 1e9)}[job["framework"]]
        return {**OK, "flops": {512: products}, "bytes": {100: streams}}

    script = scripted(monkeypatch, Script(instead=rates))
    made = watched(tmp_path)
    made.run([TIMED, replace(TIMED, framework="flax"), replace(TIMED, purpose="learning")])
    for timed in made.stored[:2]:
        assert timed.roof is not None
        assert timed.roof.flops is not None
        assert (timed.roof.flops.per_second, timed.roof.flops.by) == (4e9, "flax")
        assert [(item.per_second, item.by) for item in timed.roof.bytes] == [(3e9, "pytorch")]
    assert made.stored[2].roof is None, "a learning case is not compared with peak rates"
    assert len(script.of("roof")) == 2


def test_bandwidth_is_shared_by_all_precisions_and_flops_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's process failed in bfloat16; the bandwidth that others reached there was a tenth of PyTorch's."""
    answers = {
        ("pytorch", "fp32"): {"outcome": "ok", "flops": {"512": 9.0, "1024": 8.0}, "bytes": {"100": 5.0, "200": 3.0}},
        ("flax", "fp32"): {"outcome": "ok", "flops": {"512": 7.0}, "bytes": {"100": 4.0, "200": 4.0}},
        ("pytorch", "bf16"): {"outcome": "timeout"},
        ("flax", "bf16"): {"outcome": "ok", "flops": {"512": 2.0}, "bytes": {"100": 6.0, "200": 1.0}},
    }
    monkeypatch.setattr(peak_rates, "_asked", lambda case, *_: answers[case.framework, case.precision])
    made = watched(tmp_path).settings
    asked = [replace(TIMED, framework=name, precision=precision) for name, precision in answers]  # type: ignore[arg-type]
    found = peak_rates.measure(asked, WorkerPool(made.logs), made)
    products = {place: item.flops and (item.flops.per_second, item.flops.by) for place, item in found.items()}
    assert products == {("cpu", "fp32"): (9.0, "pytorch"), ("cpu", "bf16"): (2.0, "flax")}
    streams = {tuple((rate.size, rate.per_second, rate.by) for rate in item.bytes) for item in found.values()}
    assert streams == {((100, 6.0, "flax"), (200, 4.0, "flax"))}
