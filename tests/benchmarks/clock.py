"""The clock of the benchmarks: it moves by what workers say that they measured, and stands still in between."""

from typing import final

from tests.benchmarks.turns import NANOSECONDS


@final
class ReportedClock:
    """A timer for pytest-benchmark; its value is the sum of all seconds that were reported to it."""

    __name__ = "the worker's clock"

    def __init__(self) -> None:
        self._total_ns = 0.0

    def __call__(self) -> float:
        """Seconds, since the session began."""
        return self._total_ns / NANOSECONDS

    def advance(self, elapsed_ns: float) -> None:
        """Let the time pass that was measured elsewhere."""
        self._total_ns += elapsed_ns


CLOCK = ReportedClock()
