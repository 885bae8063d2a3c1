"""The ratio of two interleaved ways of doing the same step, with its interval, and how it is recorded."""

from dataclasses import asdict, dataclass

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.stats import binom

from tests.benchmarks.clock import CLOCK
from tests.benchmarks.turns import Rounds

CONFIDENCE = 0.95
TOLERANCE = 0.02

Bounds = tuple[float, float]
EQUAL: Bounds = (0.99, 1.01)
NO_DEARER: Bounds = (0.0, 1 + TOLERANCE)
NO_SLOWER: Bounds = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The median of paired ratios, between the bounds of its interval."""

    ratio: float
    low: float
    high: float

    def verdict(self, bounds: Bounds) -> str:
        """Whether the whole interval lies `within` the bounds, the whole of it `beyond` them, or neither."""
        if bounds[0] <= self.low and self.high <= bounds[1]:
            return "within"
        return "BEYOND" if self.low > bounds[1] or self.high < bounds[0] else "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line of the closing table: what is compared, for whom, on what, and the bounds in which its ratio should be.

    `synchronised` rounds are medians of steps waited for one by one, where there are some; `pipelined` ones have a
    single wait.
    """

    title: str
    contender: str
    network: str
    bounds: Bounds
    synchronised: Rounds | None
    pipelined: Rounds
    remark: str = ""


def ratio(rounds: Rounds) -> Ratio:
    """Candidate over baseline, round by round; the interval of the median is that of its order statistics.

    Raises ValueError where there are too few rounds for an interval of that confidence.
    """
    ratios = np.sort(np.asarray(rounds.candidate_ns) / np.asarray(rounds.baseline_ns))
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, len(ratios), 0.5))
    if rank < 1:
        raise ValueError(f"found {len(ratios)} rounds, expected at least 6 for an interval of {CONFIDENCE:.0%}")
    return Ratio(ratio=float(np.median(ratios)), low=float(ratios[rank - 1]), high=float(ratios[-rank]))


def record(benchmark: BenchmarkFixture, comparison: Comparison) -> None:
    """Hand the rounds of the baseline to pytest-benchmark, one for one, and the ratios to its extra information."""
    benchmark.group = f"{comparison.title}: {comparison.network}"
    for name, rounds in (("synchronised", comparison.synchronised), ("pipelined", comparison.pipelined)):
        if rounds is None:
            continue
        found = ratio(rounds)
        benchmark.extra_info[name] = asdict(found) | {
            "verdict": found.verdict(comparison.bounds),
            "steps": rounds.steps,
        }
        benchmark.extra_info[f"{name}_candidate_ns"] = rounds.candidate_ns
        benchmark.extra_info[f"{name}_baseline_ns"] = rounds.baseline_ns
    measured_ns = (comparison.synchronised or comparison.pipelined).baseline_ns
    measured = iter(measured_ns)
    benchmark.pedantic(lambda: CLOCK.advance(next(measured)), rounds=len(measured_ns))  # type: ignore[no-untyped-call]
