"""A calibration finds the noise of a simulated machine, and its rates agree with later comparisons."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from bench.analysis import calibration
from bench.analysis.calibration import calibrate, from_json
from bench.analysis.compare import compare
from bench.analysis.statistics import Spread
from bench.errors import BenchError, UsageError
from bench.records.measurement import Measurement, Turns
from bench.records.record import Record
from bench.report.calibration import table
from bench.workload.axes import Scenario
from tests.bench.sample_records import block, quick_run, record

THRESHOLD = 0.05


Sides = tuple[list[Record], list[Record]]


def run(noise: float, *, pairs: int = 10, drift: Callable[[int], float] = lambda _: 1.0) -> Sides:
    """Eight cells, timed in `pairs` pairs of processes, whose ratios have the standard deviation `noise`."""
    generator = np.random.default_rng(0)
    sides: Sides = ([], [])
    for replicate in range(pairs):
        for framework in ("pytorch", "flax"):
            scenarios: tuple[tuple[Scenario, tuple[int, ...]], ...] = (("training", (32,)), ("inference", (1, 32, 256)))
            for scenario, sizes in scenarios:
                for side in sides:
                    made = record(framework=framework, scenario=scenario, batch_sizes=sizes, replicate=replicate)
                    blocks = []
                    for size in sizes:
                        factor = drift(replicate) * float(np.exp(generator.normal(0, noise / np.sqrt(2))))
                        plain = block(size, call_time_s=1e-3)
                        blocks.append(
                            replace(
                                plain,
                                synchronised_ns=tuple(int(call * factor) for call in plain.synchronised_ns),
                                pipelined_ns=tuple(int(call * factor) for call in plain.pipelined_ns),
                                turns=Turns(session="one", synchronised_calls=4, pipelined_rounds=2),
                            )
                        )
                    side.append(replace(made, order=len(side), measurement=Measurement(blocks=tuple(blocks))))
    return sides


@pytest.mark.slow
def test_simulated_noise_is_found_without_false_alarms() -> None:
    found = calibrate(*run(0.02, pairs=40), threshold=THRESHOLD)
    assert found.pair_percent == pytest.approx(2.0, rel=0.15)
    assert found.between_percent == pytest.approx(2.0 / np.sqrt(2), rel=0.15)
    assert (found.pairs, found.comparisons) == (40, 8)
    assert len(found.spreads()) == 16
    assert (found.alarms.found, found.alarms.of) == (0, 136), (
        "eight comparisons, each with all cells and the shared change"
    )
    assert 0 < found.within_percent < 2


@pytest.mark.slow
def test_pairs_of_several_runs_give_the_same_result_as_pairs_of_one_run() -> None:
    def of(run: str, sides: Sides) -> Sides:
        return tuple([_again(item, run) for item in side] for side in sides)  # type: ignore[return-value]

    first, second = (of(name, run(0.02)) for name in ("a", "b"))
    both = calibrate([*first[0], *second[0]], [*first[1], *second[1]], threshold=THRESHOLD)
    assert (both.pairs, both.comparisons, both.alarms.of) == (20, 4, 68)
    with pytest.raises(UsageError, match="found records of i7-2c-1f3a, other, expected one machine"):
        calibrate([*first[0], *(elsewhere(item) for item in second[0])], first[1], threshold=THRESHOLD)


def test_runs_with_a_single_pair_have_no_noise_between_processes() -> None:
    sides = run(0.02, pairs=5)
    single = tuple([replace(item, run=f"run-{item.case.replicate}") for item in side] for side in sides)
    found = calibrate(*single, threshold=THRESHOLD)
    assert (found.between_percent, found.known) == (None, ())
    assert from_json(asdict(found)) == found
    (value,) = (row[1].text for row in table(found).rows if row[0].text == "noise between processes")
    assert value == "n/a (every run has one process per cell)"


@pytest.mark.slow
def test_drift_between_runs_is_not_noise_between_processes() -> None:
    quiet = [[_again(item, "a") for item in side] for side in run(0.005)]
    slower = [[_again(item, "b") for item in side] for side in run(0.005, drift=lambda _: 1.3)]
    alone = calibrate(*quiet, threshold=THRESHOLD)
    both = calibrate([*quiet[0], *slower[0]], [*quiet[1], *slower[1]], threshold=THRESHOLD)
    assert both.between_percent == pytest.approx(alone.between_percent, rel=0.01)
    assert sum(item.degrees for item in both.known) == 2 * sum(item.degrees for item in alone.known)


def test_different_sides_are_refused() -> None:
    baseline, candidate = run(0.02)
    other = [replace(item, source_digest="another") for item in candidate]
    with pytest.raises(UsageError, match="found two sides with different sources or versions of flax"):
        calibrate(baseline, other, threshold=THRESHOLD)
    planted = [replace(item, settings={**item.settings, "planted": "calls take 10.0% longer"}) for item in candidate]
    with pytest.raises(UsageError, match=r"found a run with an injected change \(--inject\)"):
        calibrate(baseline, planted, threshold=THRESHOLD)


def _again(item: Record, run: str) -> Record:
    blocks = tuple(
        replace(found, turns=replace(found.turns, session=run)) for found in item.measurement.blocks if found.turns
    )
    return replace(item, run=run, measurement=Measurement(blocks=blocks))


def elsewhere(item: Record) -> Record:
    return replace(item, environment=replace(item.environment, machine="other"))


@pytest.mark.slow
def test_an_injected_change_of_a_tenth_is_found_on_a_quiet_machine_but_not_on_a_noisy_one() -> None:
    quiet, noisy = (calibrate(*run(noise), threshold=THRESHOLD) for noise in (0.015, 0.3))
    for rate in (quiet.slowdowns, quiet.speedups):
        assert (rate.found, rate.of) == (16, 16)
        assert 0.8 < rate.low < 0.9
    assert quiet.inconclusive.found == 0
    assert noisy.slowdowns.found + noisy.speedups.found < 4
    assert noisy.inconclusive.found > 24
    assert quiet.detectable_ratio < 1.1 < noisy.detectable_ratio


def test_a_machine_that_keeps_getting_slower_affects_both_sides_alike() -> None:
    baseline, candidate = run(0.005, drift=lambda replicate: 1 + 0.02 * replicate)
    found = calibrate(baseline, candidate, threshold=THRESHOLD)
    assert found.alarms.found == 0
    assert found.between_percent is not None
    assert found.pair_percent < 1 < found.between_percent
    early, late = ([item for item in baseline if item.case.replicate in half] for half in (range(5), range(5, 10)))
    assert compare(early, late, threshold=THRESHOLD).exit_code == 3, (
        "two runs one after the other show the drift as a slowdown"
    )


@pytest.mark.parametrize(("found", "of", "highest"), [(0, 300, 0.01), (1, 504, 0.01), (2, 504, 0.0125)])
def test_the_bounds_of_a_rate_are_narrower_with_more_comparisons(found: int, of: int, highest: float) -> None:
    rate = calibration._rate(found, of)
    assert rate.low <= found / of <= rate.high <= highest
    assert rate.high > 0.7 * highest
    assert calibration._rate(of - found, of).low == pytest.approx(1 - rate.high)


def test_fewer_than_five_pairs_are_refused() -> None:
    with pytest.raises(UsageError, match="found 4 pairs of processes for a cell, expected at least 5"):
        calibrate(*run(0.01, pairs=4), threshold=THRESHOLD)
    assert calibrate(*run(0.01, pairs=5), threshold=THRESHOLD).alarms.of == 17


def test_a_cell_that_was_once_timed_alone_has_one_pair_less_and_is_not_judged_by_medians() -> None:
    baseline, candidate = run(0.01, pairs=5, drift=lambda replicate: 1 + 0.2 * replicate)
    first, *others = baseline
    alone = replace(first.measurement, blocks=tuple(replace(item, turns=None) for item in first.measurement.blocks))
    found = calibrate([replace(first, measurement=alone), *others], candidate, threshold=THRESHOLD)
    assert found.alarms.of == 15, "expected no rows for the two metrics of one cell"
    assert found.inconclusive.found == 0, "medians that drift would all be inconclusive"


def test_processes_that_were_not_interleaved_are_not_paired() -> None:
    with pytest.raises(UsageError, match="found 0 pairs"):
        calibrate(quick_run(), quick_run(), threshold=THRESHOLD)


def test_a_calibration_is_stored_and_read_back() -> None:
    found = calibrate(*run(0.01, pairs=5), threshold=THRESHOLD)
    content = asdict(found)
    assert from_json(content) == found
    with pytest.raises(
        BenchError, match=r"calibration: pairs: found no valid value, expected a whole number; run `levelfield doctor"
    ):
        from_json(content | {"pairs": "many"})


def test_a_comparison_uses_the_calibration_of_the_machine() -> None:
    """Three processes agree by chance; the calibration of a noisy machine shows that this proves little."""
    baseline, candidate = quick_run(), quick_run(slowdown=1.08)
    alone = compare(baseline, candidate, threshold=THRESHOLD)
    wide = {(row.cell, row.metric): Spread(variance=0.04, degrees=19) for row in alone.rows}
    known = compare(baseline, candidate, threshold=THRESHOLD, calibration=wide)
    assert alone.noise_percent is not None
    assert known.noise_percent is not None
    assert alone.noise_percent < 3
    assert known.noise_percent > 15
    assert alone.counts["regressed"] > known.counts.get("regressed", 0)


def test_a_calibration_of_other_cells_is_not_used() -> None:
    baseline, candidate = quick_run(), quick_run(slowdown=1.08)
    alone = compare(baseline, candidate, threshold=THRESHOLD)
    others = {(replace(row.cell, device="cuda:0"), row.metric): Spread(variance=0.04, degrees=19) for row in alone.rows}
    assert compare(baseline, candidate, threshold=THRESHOLD, calibration=others) == alone


def test_a_machine_without_a_calibration_has_no_known_noise() -> None:
    assert calibration.spreads_in(None) == {}
    assert calibration.noise_in(None, machine="a-machine") == {}
