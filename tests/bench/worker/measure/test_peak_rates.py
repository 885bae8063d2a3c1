"""Peak rates of a device: memory bandwidth, and matrix multiplications up to a time limit."""

import time
from collections.abc import Callable

import pytest

from bench.worker.measure import peak_rates


@pytest.mark.parametrize(("reading_ns", "best_ns"), [(1, 1), (16, 4)])
def test_bandwidth_is_the_faster_of_reading_and_of_reading_and_writing(
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
            """Do nothing: calls are not asynchronous here."""

    device = Device()
    monkeypatch.setattr(peak_rates, "STREAMED", {"cpu": (400,)})
    monkeypatch.setattr(peak_rates, "now_ns", lambda: device.now_ns)
    assert peak_rates.streams(device, "cpu") == {800: pytest.approx(800e9 / best_ns)}  # type: ignore[arg-type]
    assert device.asked == [("both", 100), ("reading", 200)], "both touch the same number of bytes"


@pytest.mark.parametrize(("longest_s", "sizes"), [(0.01, [512]), (10.0, [512, 1024, 2048])])
def test_matrix_sizes_that_would_take_too_long_are_skipped(
    longest_s: float, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each size has eight times the FLOPs of the size before."""

    class Slow:
        def product(self, size: int, _: str) -> Callable[[], None]:
            return lambda: time.sleep(0.004 * (size / 512) ** 3)

        def wait(self, _: object) -> None:
            """Do nothing: calls are not asynchronous here."""

    monkeypatch.setattr(peak_rates, "LONGEST_S", longest_s)
    assert list(peak_rates.products(Slow(), "cpu", "bf16")) == sizes  # type: ignore[arg-type]
