"""What vanished between two runs is named, whatever kind it is, and ends a comparison with 1."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.analysis.compare import Incomplete, compare
from bench.analysis.missing import Missing, missing, unstored
from bench.records.cell import cells
from bench.records.measurement import Capacity, Measurement, Trial
from bench.records.record import Record
from tests.bench.sample_records import quick_run, record

RUN = quick_run(workloads=["digits-dnn"])


def capacity(framework: str) -> Record:
    measurement = Measurement(capacity=Capacity(trials=(Trial(batch_size=32, outcome="ok"),), memory_limit_bytes=None))
    return record(framework=framework, purpose="capacity", batch_sizes=(4096,), measurement=measurement)


def without(wanted: Callable[[Record], bool]) -> list[Record]:
    return [item for item in RUN if not wanted(item)]


@pytest.mark.parametrize("purpose", ["timing", "learning", "memory"])
def test_a_framework_that_vanished_is_named_whatever_was_measured(purpose: str) -> None:
    left = without(lambda item: item.case.framework == "flax" and item.case.purpose == purpose)
    found = compare(RUN, left, threshold=0.05)
    assert found.exit_code == 1
    what = {"timing": "times", "learning": "learning", "memory": "memory peak"}[purpose]
    assert {(item.what, item.cell.contender) for item in found.missing} == {(what, "flax")}
    same = compare(RUN, RUN, threshold=0.05)
    assert (same.exit_code, same.missing) == (0, ())
    more = compare(left, RUN, threshold=0.05)
    assert (more.exit_code, more.missing) == (0, ()), "what is new does not fail"
    assert {(item.what, item.cell.contender) for item in more.new} == {(what, "flax")}


def test_a_single_batch_size_that_vanished_is_named() -> None:
    few = [
        replace(item, measurement=replace(item.measurement, blocks=item.measurement.blocks[:2]))
        if item.case.scenario == "inference" and item.case.purpose == "timing"
        else item
        for item in RUN
    ]
    found = compare(RUN, few, threshold=0.05)
    assert {(item.what, item.cell.batch_size) for item in found.missing} == {("times", 256)}
    assert found.exit_code == 1


def test_seeds_and_kinds_of_peaks_that_vanished_are_named() -> None:
    seeds = [record(purpose="learning", seed=seed) for seed in range(3)]
    (lost,) = missing(seeds, seeds[:1])
    assert (lost.what, lost.details) == ("learning", ("seed 1", "seed 2"))
    both = record(purpose="memory")
    peaks = tuple(replace(item, device_peak_bytes=10**9) for item in both.measurement.memory)
    (peak,) = missing([replace(both, measurement=Measurement(memory=peaks))], [both])
    assert (peak.what, peak.details) == ("memory peak", ("device peak",))
    assert missing(seeds, seeds) == ()


def test_the_largest_batch_that_vanished_is_named() -> None:
    both = [capacity("pytorch"), capacity("flax")]
    (lost,) = missing(both, both[:1])
    assert (lost.what, lost.cell.contender) == ("largest batch", "flax")
    assert missing(both, both) == ()


def test_a_proof_that_vanished_is_named_unless_the_cell_did() -> None:
    proven, unproven = record(purpose="learning"), record(purpose="learning", certificate=None)
    assert [item.what for item in missing([proven], [unproven])] == ["proof"]
    assert [item.what for item in missing([proven], [])] == ["learning"]
    assert missing([unproven], [proven]) == ()


def test_a_failure_is_not_told_twice() -> None:
    failed = [
        replace(item, outcome="failed", measurement=Measurement())
        if item.case.framework == "flax" and item.case.purpose == "learning"
        else item
        for item in RUN
    ]
    found = compare(RUN, failed, threshold=0.05)
    assert (found.exit_code, len(found.newly_failed), found.missing) == (1, 1, ())


def test_an_interrupted_candidate_lacks_what_it_planned() -> None:
    left = without(lambda item: item.case.framework == "flax" and item.case.replicate == 2)
    lost = tuple(item.case for item in RUN if item.case.framework == "flax" and item.case.replicate == 2)
    found = compare(RUN, left, threshold=0.05, incomplete=Incomplete(candidate=lost))
    assert found.exit_code == 1
    assert {item.details for item in found.missing} == {("timing 3",)}
    assert all(item.planned for item in found.missing)
    assert compare(RUN, left, threshold=0.05).missing == (), "without a plan, two processes are as good as three"


def test_an_interrupted_baseline_is_told_and_does_not_fail() -> None:
    left = without(lambda item: item.case.framework == "flax")
    lost = tuple(item.case for item in RUN if item.case.framework == "flax")
    found = compare(left, RUN, threshold=0.05, incomplete=Incomplete(baseline=lost))
    assert found.exit_code == 0
    assert {item.cell.contender for item in found.unfinished} == {"flax"}
    assert compare(RUN, RUN, threshold=0.05).unfinished == ()


def test_a_subset_on_purpose_lacks_only_what_it_planned() -> None:
    flax = [item for item in RUN if item.case.framework == "flax"]
    assert compare(RUN, flax, threshold=0.05).exit_code == 1
    found = compare(RUN, flax, threshold=0.05, incomplete=Incomplete(subset=True))
    assert (found.exit_code, found.missing) == (0, ())
    assert {item.cell.contender for item in found.left_out} == {"pytorch", "keras/tensorflow"}
    planned = (record(framework="pytorch", purpose="learning").case,)
    holed = compare(RUN, flax, threshold=0.05, incomplete=Incomplete(subset=True, candidate=planned))
    assert holed.exit_code == 1
    assert [(item.what, item.cell.contender) for item in holed.missing] == [("learning", "pytorch")]


def test_a_planned_cell_without_any_record_has_no_details() -> None:
    case = record(purpose="learning", seed=4).case
    (cell,) = cells(case)
    assert unstored([case]) == (Missing(what="learning", cell=cell, planned=True),)
    (some,) = unstored([case], known={("learning", cell)})
    assert some.details == ("learning seed 4",)
