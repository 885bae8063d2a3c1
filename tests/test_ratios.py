"""The ratios and verdicts in the final table of the benchmarks."""

import numpy as np
import pytest

from tests.benchmarks.comparison import EQUAL, NO_DEARER, Ratio, ratio
from tests.benchmarks.turns import FEWEST_PAIRS, Rounds, Way, in_turns


def rounds(ratios: list[float]) -> Rounds:
    baseline = [100.0 + number for number in range(len(ratios))]
    candidate = [time * factor for time, factor in zip(baseline, ratios, strict=True)]
    return Rounds(baseline_ns=baseline, candidate_ns=candidate, steps=1)


def test_a_ratio_is_a_median_with_an_interval_from_order_statistics() -> None:
    found = ratio(rounds([1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 9.00]))
    assert (found.ratio, found.low, found.high) == pytest.approx((1.03, 1.00, 9.00))
    assert ratio(rounds([1.1] * 7)).ratio == pytest.approx(1.1)


def test_the_interval_covers_the_median_at_its_confidence() -> None:
    generator = np.random.default_rng(0)
    found = [ratio(rounds(list(generator.lognormal(0.0, 0.1, 40)))) for _ in range(500)]
    held = np.mean([item.low <= 1 <= item.high for item in found])
    assert 0.93 < held < 0.99
    assert not any(item.low <= 1.2 <= item.high for item in found)


def test_too_few_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="found 5 rounds, expected at least 6"):
        ratio(rounds([1.0] * 5))
    assert ratio(rounds([1.0] * 6)).low == 1.0


@pytest.mark.parametrize(
    ("low", "high", "equal", "no_dearer"),
    [
        (0.99, 1.01, "within", "within"),
        (0.90, 0.95, "BEYOND", "within"),
        (1.03, 1.05, "BEYOND", "BEYOND"),
        (1.01, 1.03, "inconclusive", "inconclusive"),
        (0.97, 1.01, "inconclusive", "within"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(low: float, high: float, equal: str, no_dearer: str) -> None:
    found = Ratio(ratio=(low + high) / 2, low=low, high=high)
    assert (found.verdict(EQUAL), found.verdict(NO_DEARER)) == (equal, no_dearer)


def test_two_alternatives_are_interleaved_and_each_is_first_equally_often() -> None:
    log: list[str] = []

    def way(name: str, step_ns: int) -> Way:
        def synchronised(steps: int) -> list[int]:
            log.append(name)
            return [step_ns] * steps

        return Way(synchronised=synchronised, pipelined=lambda steps: steps * step_ns)

    single, piped = in_turns(way("a", 10**8), way("b", 2 * 10**8))
    assert ratio(single).ratio == ratio(piped).ratio == 2
    turns = log[-2 * len(single.baseline_ns) :]
    assert len(single.baseline_ns) >= FEWEST_PAIRS
    assert "".join(turns) == "abba" * (len(turns) // 4)
