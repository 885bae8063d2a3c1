"""A cell cannot be relied on if it was disturbed, contradicts itself, or has processes that differ too much."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import pytest

from bench.analysis.reliability import (
    LARGEST_SPREAD,
    Doubt,
    cell_doubts,
    limit_of,
    spread_doubt,
    spread_limit,
    whole_doubt,
)
from bench.records.record import Record, SearchResult
from bench.records.store import RunFolder, runs
from bench.records.timing_metrics import METRICS, of_processes, summary, timed_blocks
from tests.bench.sample_records import load, one_by_one, quick_run, timed, use
from tests.docs.pages import ROOT

EXAMPLES = runs(ROOT / "results" / "examples")


def doubts(records: Sequence[Record]) -> list[Doubt]:
    return list(cell_doubts(records, timed_blocks(records)).values())


def paced(alone_ms: float, together_ms: float) -> list[Record]:
    """A process whose calls take so long with a wait after each, and so long in rounds of 20."""
    return timed(
        "flax",
        1e-3,
        replicates=1,
        synchronised_ns=(int(alone_ms * 1e6),) * 64,
        pipelined_ns=(int(together_ms * 20e6),) * 6,
    )


def test_a_cell_with_one_disturbed_process_is_disturbed_and_one_without_is_not() -> None:
    quiet = timed("flax", 1e-3, use=use(load()))
    (found,) = doubts([*quiet[:2], *timed("flax", 1e-3, replicates=1, use=use(load(others=0.9, own=1.1)))])
    assert found == Doubt("disturbed", "other programs used 0.9 of 2 cores", 1)
    assert doubts(quiet) == []


def test_throughput_and_latency_that_contradict_each_other_are_found() -> None:
    """677 k samples/s at batch 32 are 47.3 µs for a call."""
    (found,) = doubts(paced(7.97, 0.0473))
    assert found.reason == "contradictory"
    assert found.words == "a call with a wait after it takes 168 times as long as a call in a round"
    (reverse,) = doubts(paced(0.5, 5.0))
    assert reverse.words == "a call in a round takes 10 times as long as a call with a wait after it"


def test_latency_far_above_what_overlap_and_a_wait_can_save_is_a_contradiction() -> None:
    assert [item.reason for item in doubts(paced(20.0, 4.0))] == ["contradictory"]


@pytest.mark.parametrize(("alone_ms", "together_ms"), [(0.182, 0.028), (2.0, 1.0), (31.8, 34.7), (0.17, 0.31)])
def test_ratios_that_careful_measurements_have_are_no_contradiction(alone_ms: float, together_ms: float) -> None:
    """Short calls save their wait; long ones save at most the half that overlaps; some are slower in rounds."""
    assert doubts(paced(alone_ms, together_ms)) == []


def test_medians_over_processes_contradict_each_other_although_no_process_does() -> None:
    one, two, three = paced(9.0, 4.0), paced(9.0, 4.0), paced(1.0, 0.5)
    middle = [replace(item, case=replace(item.case, replicate=number)) for number, item in enumerate([*one, *two])]
    assert doubts([*middle, *three]) == []
    (found,) = doubts([*paced(9.0, 4.0), *paced(0.8, 0.4), *paced(9.0, 0.4)])
    assert found == Doubt("contradictory", "a call with a wait after it takes 22 times as long as a call in a round", 1)


def test_several_steps_in_a_call_are_another_program_and_may_be_faster() -> None:
    (usual,) = paced(0.6, 0.05)
    search = SearchResult(
        batch_size=32, options={"steps": "lax.scan of 8 steps"}, metric="", searched="", candidates=()
    )
    assert [item.reason for item in doubts([usual])] == ["contradictory"]
    assert doubts([replace(usual, tunings=(search,))]) == []
    assert doubts([replace(paced(0.6, 0.005)[0], tunings=(search,))]) != []


@pytest.mark.parametrize("run", EXAMPLES, ids=[run.name for run in EXAMPLES])
def test_no_cell_of_the_example_runs_is_doubtful(run: RunFolder) -> None:
    assert doubts(run.read(warn=pytest.fail)) == []


def test_processes_that_differ_by_more_than_the_limit_are_a_doubt() -> None:
    throughput = METRICS["samples_per_second"]
    found = spread_doubt(throughput, of_processes((7.0e3, 55e3)), limit=2.0)
    assert found == Doubt("processes differ", "samples/s: 7.9× apart, more than 2×", 2)
    assert spread_doubt(throughput, of_processes((40e3, 55e3)), limit=2.0) is None
    assert spread_doubt(throughput, of_processes((7.0e3,)), limit=2.0) is None


@pytest.mark.parametrize(
    ("high", "words"), [(2.04, "2.04× apart, more than 2×"), (2.001, "2.001× apart, more than 2×")]
)
def test_a_spread_just_above_the_limit_does_not_look_like_the_limit(high: float, words: str) -> None:
    found = spread_doubt(METRICS["query_time_p50_s"], of_processes((1.0, high)), limit=2.0)
    assert found is not None
    assert found.words == f"latency p50: {words}"


def test_a_cell_whose_throughput_differs_is_doubtful_as_a_whole_but_not_for_a_rare_figure_alone() -> None:
    cell, blocks = next(iter(timed_blocks(one_by_one((1e-3, 9e-3), "idiomatic")).items()))
    whole = whole_doubt(cell, partial(summary, blocks=blocks), limit=2.0, doubts={})
    assert whole is not None
    assert whole.words.startswith("samples/s: 9×")
    alike = (blocks[0], replace(blocks[0], call_ns=tuple(9 * call for call in blocks[0].call_ns)))
    assert whole_doubt(cell, partial(summary, blocks=alike), limit=2.0, doubts={}) is None
    first_call = METRICS["first_call_time_s"]
    assert spread_doubt(first_call, summary(first_call, alike), limit=2.0) is not None
    assert spread_doubt(first_call, None, limit=2.0) is None


def test_the_limit_follows_from_the_noise_of_the_run() -> None:
    quiet = list(chain.from_iterable(one_run(f"workload-{number}", (1e-3, 1.005e-3, 1.01e-3)) for number in range(6)))
    noisy = list(chain.from_iterable(one_run(f"workload-{number}", (1e-3, 1.1e-3, 1.2e-3)) for number in range(6)))
    assert spread_limit(timed_blocks(quiet)) == 1.25
    assert spread_limit(timed_blocks(noisy)) == pytest.approx(1.99, abs=0.01)
    with_a_bad_cell = timed_blocks([*noisy, *one_run("other", (1e-3, 2e-3, 9e-3))])
    assert spread_limit(with_a_bad_cell) == pytest.approx(1.99, abs=0.01)


def test_the_limit_follows_from_a_calibration_if_there_is_one() -> None:
    blocks = timed_blocks(quick_run())
    assert spread_limit(blocks, between_percent=8.0) == pytest.approx(1.59, abs=0.01)
    assert spread_limit(blocks, between_percent=0.5) == 1.25
    assert spread_limit(blocks, between_percent=80.0) == LARGEST_SPREAD, "a noisy machine excuses little"


def test_the_limit_is_a_factor_of_two_if_the_noise_is_not_known() -> None:
    assert spread_limit(timed_blocks([])) == LARGEST_SPREAD == 2.0
    assert spread_limit(timed_blocks(one_run("one", (1e-3, 1.01e-3)))) == 2.0
    assert spread_limit(timed_blocks(quick_run()[:1])) == 2.0


def test_figures_of_few_calls_have_the_largest_limit() -> None:
    assert limit_of(METRICS["first_call_time_s"], 1.3) == LARGEST_SPREAD
    assert limit_of(METRICS["query_time_p50_s"], 1.3) == 1.3


def one_run(workload: str, times_s: tuple[float, ...]) -> list[Record]:
    """A process for each of the times, of one workload."""
    made = one_by_one(times_s, "idiomatic")
    return [replace(item, case=replace(item.case, workload=workload)) for item in made]
