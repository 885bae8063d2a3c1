"""What a device can do is asked of every framework that is timed on it, and the best answer counts."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records.record import Case
from bench.run import peak_rates, runner
from bench.run.settings import contender
from bench.run.worker_pool import Fleet
from bench.worker.measure import peak_rates as roof
from tests.bench.run.test_option_search import settings

TIMED = Case(workload="tiny", framework="flax", scenario="training", batch_sizes=(4,), threads=1)


def test_the_best_of_all_frameworks_counts(tmp_path: Path) -> None:
    made, _, _ = settings(tmp_path)
    cases = [TIMED, replace(TIMED, framework="pytorch"), replace(TIMED, purpose="learning", precision="bf16")]
    fleet = Fleet(made.logs)
    try:
        fleet.start((contender(case), case.device) for case in cases)
        found = peak_rates.measure(cases, fleet, made)
    finally:
        fleet.close()
    assert found.keys() == {("cpu", "fp32")}, "what is not timed needs no roof"
    roof = found["cpu", "fp32"]
    assert roof.flops is not None
    assert roof.flops.by in {"pytorch", "flax"}
    assert 1e8 < roof.flops.per_second < 1e14
    assert [item.size for item in roof.bytes] == sorted(item.size for item in roof.bytes)
    assert len(roof.bytes) == 4
    assert all(1e7 < item.per_second < 1e14 for item in roof.bytes)


def test_a_timed_record_has_the_roof_and_what_its_calls_need(tmp_path: Path) -> None:
    made, _, stored = settings(tmp_path)
    runner.run([TIMED, replace(TIMED, purpose="learning")], made)
    timed, learnt = stored
    assert timed.roof is not None
    assert timed.roof.flops is not None
    assert learnt.roof is None
    (block,) = timed.measurement.blocks
    assert block.flops == 4 * 2 * (2 * 6 * 5 + 3 * 5 * 3), "four samples; inputs need no gradient"
    assert block.least_bytes


def test_a_stream_is_the_same_in_every_precision_and_a_product_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's process had failed in bfloat16, and what others could read there was a tenth of what it could."""
    answers = {
        ("pytorch", "fp32"): {"outcome": "ok", "flops": {"512": 9.0, "1024": 8.0}, "bytes": {"100": 5.0, "200": 3.0}},
        ("flax", "fp32"): {"outcome": "ok", "flops": {"512": 7.0}, "bytes": {"100": 4.0, "200": 4.0}},
        ("pytorch", "bf16"): {"outcome": "timeout"},
        ("flax", "bf16"): {"outcome": "ok", "flops": {"512": 2.0}, "bytes": {"100": 6.0, "200": 1.0}},
    }
    monkeypatch.setattr(peak_rates, "_asked", lambda case, *_: answers[case.framework, case.precision])
    made, _, _ = settings(tmp_path)
    asked = [replace(TIMED, framework=name, precision=precision) for name, precision in answers]  # type: ignore[arg-type]
    found = peak_rates.measure(asked, Fleet(made.logs), made)
    products = {place: item.flops and (item.flops.per_second, item.flops.by) for place, item in found.items()}
    assert products == {("cpu", "fp32"): (9.0, "pytorch"), ("cpu", "bf16"): (2.0, "flax")}
    streams = {tuple((rate.size, rate.per_second, rate.by) for rate in item.bytes) for item in found.values()}
    assert streams == {((100, 6.0, "flax"), (200, 4.0, "flax"))}


@pytest.mark.parametrize(("reading_ns", "best_ns"), [(1, 1), (16, 4)])
def test_a_stream_is_the_faster_of_reading_and_of_reading_and_writing(
    reading_ns: int, best_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Device:
        def __init__(self) -> None:
            self.asked: list[tuple[str, int]] = []
            self.now_ns = 0

        def stream(self, elements: int) -> Callable[[], None]:
            return self._taking(4, "both", elements)

        def reading(self, elements: int) -> Callable[[], None]:
            return self._taking(reading_ns, "reading", elements)

        def _taking(self, call_ns: int, way: str, elements: int) -> Callable[[], None]:
            self.asked.append((way, elements))

            def call() -> None:
                self.now_ns += call_ns

            return call

        def wait(self, _: object) -> None:
            """Nothing is sent ahead."""

    device = Device()
    monkeypatch.setattr(roof, "STREAMED", {"cpu": (400,)})
    monkeypatch.setattr(roof, "now_ns", lambda: device.now_ns)
    assert roof.streams(device, "cpu") == {800: pytest.approx(800e9 / best_ns)}  # type: ignore[arg-type]
    assert device.asked == [("both", 100), ("reading", 200)], "as many bytes are touched"


@pytest.mark.parametrize(("longest_s", "sizes"), [(0.01, [512]), (10.0, [512, 1024, 2048])])
def test_products_end_where_one_would_take_too_long(
    longest_s: float, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A larger one has eight times the operations."""

    class Slow:
        def product(self, size: int, _: str) -> Callable[[], None]:
            return lambda: time.sleep(0.004 * (size / 512) ** 3)

        def wait(self, _: object) -> None:
            """Nothing is sent ahead."""

    monkeypatch.setattr(roof, "LONGEST_S", longest_s)
    assert list(roof.products(Slow(), "cpu", "bf16")) == sizes  # type: ignore[arg-type]
