"""What a device can do is asked of every framework that is timed on it, and the best answer counts."""

from dataclasses import replace
from pathlib import Path

from bench import roofs, runner
from bench.fleet import Fleet
from bench.jobs import contender
from bench.record import Case
from tests.bench.test_tuner import settings

TIMED = Case(workload="tiny", framework="flax", scenario="training", batch_sizes=(4,), threads=1)


def test_the_best_of_all_frameworks_counts(tmp_path: Path) -> None:
    made, _, _ = settings(tmp_path)
    cases = [TIMED, replace(TIMED, framework="pytorch"), replace(TIMED, purpose="learning", precision="bf16")]
    fleet = Fleet(made.logs)
    try:
        fleet.start((contender(case), case.device) for case in cases)
        found = roofs.measure(cases, fleet, made)
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
    assert block.flops == 3 * 4 * 2 * (6 * 5 + 5 * 3), "three passes of four samples"
    assert block.least_bytes
