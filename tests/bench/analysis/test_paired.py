"""Interleaved processes are compared pair by pair, and other processes are not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.analysis.paired import _of_quickest, effects, surest
from bench.records.measurement import Measurement, Turns
from bench.records.record import Record
from tests.bench.sample_records import block, record

SLOW_MOMENTS = np.where(np.arange(400) // 40 % 2, 1.6, 1.0)  # slow periods of the machine, the same for both sides


def timed(
    replicate: int, *, factor: float = 1.0, framework: str = "flax", noise: float = 0.0, session: str = "one"
) -> Record:
    """Calls of about a millisecond in a process with its own speed, on a machine that is slow at times."""
    generator = np.random.default_rng(replicate + (1000 if factor != 1 else 0))
    calls = 1e6 * factor * SLOW_MOMENTS * float(np.exp(generator.normal(0, noise)))
    made = replace(
        block(32),
        synchronised_ns=tuple(int(call) for call in calls * np.exp(np.abs(generator.normal(0, 0.01, 400)))),
        pipelined_ns=tuple(int(20 * call) for call in calls * np.exp(np.abs(generator.normal(0, 0.01, 400)))),
        turns=Turns(session=session, synchronised_calls=20, pipelined_rounds=2),
    )
    return record(framework=framework, replicate=replicate, measurement=Measurement(blocks=(made,)))


def side(*, factor: float = 1.0, noise: float = 0.0) -> list[Record]:
    return [
        timed(replicate, factor=factor if framework == "flax" else 1.0, framework=framework, noise=noise)
        for replicate in range(5)
        for framework in ("flax", "pytorch")
    ]


def changed(found: Record, **changes: object) -> Record:
    (only,) = found.measurement.blocks
    return replace(found, measurement=Measurement(blocks=(replace(only, **changes),)))  # type: ignore[arg-type]


def test_an_effect_is_the_ratio_of_undisturbed_times() -> None:
    found = effects([timed(0), timed(1)], [timed(0, factor=1.1), timed(1, factor=1.1)])
    assert {metric for _, metric in found} == {"step_time_p50_s", "step_time_pipelined_s"}
    assert all(len(values) == 2 for values in found.values())
    assert [value for values in found.values() for value in values] == pytest.approx([math.log(1.1)] * 4, abs=0.004)


def test_pairs_show_a_small_change_that_noise_hides_from_two_separate_runs() -> None:
    baseline, candidate = side(), side(factor=1.1)
    in_turns = compare(baseline, candidate, threshold=0.05)
    assert in_turns.in_turns
    assert {row.verdict for row in in_turns.rows if row.cell.contender == "flax"} == {"regressed"}
    assert {row.verdict for row in in_turns.rows if row.cell.contender == "pytorch"} == {"unchanged"}
    same = compare(side(), side(), threshold=0.05)
    assert {row.verdict for row in same.rows} <= {"unchanged", "inconclusive"}


def test_a_process_that_was_timed_alone_is_not_paired() -> None:
    pair = [timed(0), timed(1)]
    assert effects(pair, pair)
    assert effects(pair, [changed(item, turns=None) for item in pair]) == {}
    assert effects(pair, [timed(0), changed(timed(1), turns=None)]) == {}, "one pair gives no variance"
    three = [*pair, timed(2)]
    fewer = effects(three, [changed(timed(0), turns=None), timed(1), timed(2)])
    assert {len(values) for values in fewer.values()} == {2}
    assert not compare(side(), [changed(item, turns=None) for item in side()], threshold=0.05).in_turns


def test_a_cell_that_was_timed_alone_is_judged_by_medians_and_the_others_by_pairs() -> None:
    mixed = [
        changed(item, turns=None) if item.case.contender == "pytorch" else item for item in side(factor=1.1, noise=0.01)
    ]
    found = compare(side(noise=0.01), mixed, threshold=0.05)
    pairs, medians = ([row for row in found.rows if row.cell.contender == name] for name in ("flax", "pytorch"))
    assert found.in_turns
    assert {(row.verdict, row.reason) for row in pairs} == {("regressed", "")}
    assert {row.reason for row in medians} == {"not timed in interleaved pairs"}
    assert {row.verdict for row in medians} <= {"unchanged", "inconclusive"}
    everything = compare(side(noise=0.01), side(factor=1.1, noise=0.01), threshold=0.05)
    assert {row.reason for row in everything.rows} == {""}


@pytest.mark.parametrize("other", [timed(2), timed(1, session="another")])
def test_processes_of_different_sessions_or_replicates_are_not_paired(other: Record) -> None:
    assert effects([timed(0), timed(1)], [timed(0), other]) == {}


def test_blocks_with_slices_of_different_size_are_not_paired() -> None:
    pair = [timed(0), timed(1)]
    for changes in ({"iterations_per_round": 7}, {"pipelined_ns": (10,) * 5}):
        found = effects(pair, [changed(item, **changes) for item in pair])
        assert "step_time_pipelined_s" not in {metric for _, metric in found}
    found = effects(pair, [changed(item, synchronised_ns=(0,) * 400) for item in pair])
    assert {metric for _, metric in found} == {"step_time_pipelined_s"}


def test_slices_without_a_partner_are_not_used() -> None:
    (only,) = timed(0).measurement.blocks
    longer = changed(timed(0), synchronised_ns=only.synchronised_ns + (1,) * 400)
    found = effects([timed(0), timed(1)], [longer, timed(1)])
    assert [values[0] for (_, metric), values in found.items() if metric == "step_time_p50_s"] == [0.0]


def restless(replicate: int, *, factor: float = 1.0) -> Record:
    """Calls whose times all vary, with a part that neighbouring slices of both sides share."""
    turns = np.random.default_rng(replicate).normal(0, 0.3, 60)  # the state of the machine, the same for both sides
    own = np.random.default_rng(1000 + replicate + int(100 * factor))
    calls = factor * 1e6 * np.exp(np.repeat(turns, 8)) * own.lognormal(0, 0.2, 480)
    made = replace(
        block(32),
        synchronised_ns=tuple(map(int, calls)),
        pipelined_ns=tuple(map(int, 20 * calls)),
        turns=Turns(session="one", synchronised_calls=8, pipelined_rounds=8),
    )
    return record(framework="flax", replicate=replicate, measurement=Measurement(blocks=(made,)))


def test_neighbouring_slices_are_compared_if_the_fastest_call_is_a_matter_of_chance() -> None:
    numbers = range(12)
    found = effects([restless(number) for number in numbers], [restless(number, factor=1.1) for number in numbers])
    values = [value for both in found.values() for value in both]
    assert len(values) == 24
    assert np.mean(values) == pytest.approx(math.log(1.1), abs=0.02)
    assert np.std(values) < 0.045, "with the fastest calls alone it would be twice as large"
    alone = [
        _of_quickest(*(np.array(item.measurement.blocks[0].synchronised_ns, float).reshape(60, 8) for item in pair))
        for pair in ((restless(number), restless(number, factor=1.1)) for number in numbers)
    ]
    assert np.std(alone) > 1.5 * np.std(values)


def test_an_outlying_slice_has_no_effect_and_all_others_are_used() -> None:
    generator = np.random.default_rng(0)
    found, medians = [], []
    for _ in range(100):
        before, after = (np.exp(generator.normal(0, 0.02, (40, 1))) for _ in range(2))
        after[:3] *= 4
        found.append(surest(before, after)[0])
        medians.append(float(np.median(np.log(after / before))))
    assert np.mean(found) == pytest.approx(0, abs=0.005)
    assert np.std(found) < 0.95 * np.std(medians), "a median would have a larger error"


def test_one_side_alone_has_a_standard_error() -> None:
    calls = np.random.default_rng(0).lognormal(0, 0.05, (50, 8))
    few, many = surest(calls[:10])[1], surest(np.tile(calls, (4, 1)))[1]
    assert 0 < many < few
    level, error = surest(np.full((1, 8), 2.0))
    assert level == pytest.approx(math.log(2))
    assert error == math.inf, "the error of a single slice is unknown"
