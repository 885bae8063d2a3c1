"""A selection becomes a list of cases, in an order that gives no framework an advantage."""

from dataclasses import replace

import pytest

from bench.plan.cases import Selection, cases, estimate_s, known_durations
from bench.records.cell import cells
from bench.records.record import Case
from bench.workload.frameworks import Contender
from bench.workload.suite import load_suite
from bench.workload.workload import load_workload
from tests.bench.sample_records import record
from tests.bench.workloads import named, workload

A, B, C = Contender("pytorch"), Contender("keras", "tensorflow"), Contender("flax")


@pytest.fixture(scope="module")
def quick() -> Selection:
    suite = load_suite("quick")
    return Selection(
        workloads=tuple(map(load_workload, suite.workloads)),
        contenders=(A, B, C),
        devices=("cpu",),
        scenarios=("training", "inference"),
        batch_sizes=suite.batch_sizes,
        batch_sizes_for_training=(),
        processes=suite.processes,
        seeds=1,
        threads=2,
    )


@pytest.fixture(scope="module")
def small(quick: Selection) -> Selection:
    return replace(quick, workloads=(workload(),))


def timed(selection: Selection, replicate: int) -> list[Case]:
    return [case for case in cases(selection) if case.purpose == "timing" and case.replicate == replicate]


def contenders(found: list[Case]) -> list[str]:
    return [case.contender for case in found]


def test_the_quick_suite_has_nine_cells_of_training_and_twenty_seven_of_inference(quick: Selection) -> None:
    cells = {
        (case.scenario, case.workload, case.contender, batch_size)
        for case in cases(quick)
        for batch_size in case.batch_sizes
    }
    assert len([cell for cell in cells if cell[0] == "training"]) == 9
    assert len([cell for cell in cells if cell[0] == "inference"]) == 27


def test_every_cell_is_timed_in_three_processes_and_trained_and_measured_for_memory_in_one(quick: Selection) -> None:
    planned = cases(quick)
    assert len(planned) == len(set(planned)) == 9 * 2 * 3 + 9 + 9 * 2
    assert len({case for case in planned if case.purpose == "learning"}) == 9
    assert {case.replicate for case in planned if case.purpose == "timing"} == {0, 1, 2}


def test_memory_comes_first_and_learning_after_the_first_block(small: Selection) -> None:
    purposes = [case.purpose for case in cases(small)]
    assert purposes == ["memory"] * 6 + ["timing"] * 6 + ["learning"] * 3 + ["timing"] * 12


def test_every_second_block_has_the_frameworks_in_reverse_order(small: Selection) -> None:
    forth, back = ["pytorch", "keras/tensorflow", "flax"], ["flax", "keras/tensorflow", "pytorch"]
    assert [contenders(timed(small, replicate)) for replicate in range(3)] == [forth * 2, back * 2, forth * 2]


def test_the_modes_and_precisions_of_a_framework_follow_each_other_directly(small: Selection) -> None:
    both = replace(small, scenarios=("training",), modes=("idiomatic", "tuned"), precisions=("fp32", "bf16"))
    ways = [(case.contender, case.precision, case.mode) for case in timed(both, 0)]
    assert ways[:5] == [
        ("pytorch", "fp32", "idiomatic"),
        ("pytorch", "fp32", "tuned"),
        ("pytorch", "bf16", "idiomatic"),
        ("pytorch", "bf16", "tuned"),
        ("keras/tensorflow", "fp32", "idiomatic"),
    ]
    assert [(case.contender, case.precision, case.mode) for case in timed(both, 1)] == ways[::-1]


def test_all_frameworks_run_one_workload_before_the_next_workload_starts(quick: Selection) -> None:
    found = [(case.workload, case.contender) for case in timed(quick, 0) if case.scenario == "training"]
    assert [workload for workload, _ in found] == [
        name for name in ("digits-dnn", "digits-cnn", "digits-lstm") for _ in range(3)
    ]


def test_each_seed_is_one_learning_case(small: Selection) -> None:
    planned = cases(replace(small, seeds=3, workloads=(workload(("epochs = 2", "epochs = 2\nseed = 5")),)))
    learning = [case for case in planned if case.purpose == "learning"]
    assert sorted((case.contender, case.seed) for case in learning) == sorted(
        (str(contender), seed) for contender in (A, B, C) for seed in (5, 6, 7)
    )
    assert {case.seed for case in planned if case.purpose != "learning"} == {5}
    assert {case.batch_sizes for case in learning} == {(8,)}


def test_additional_batch_sizes_are_timed_but_not_used_for_learning(small: Selection) -> None:
    planned = cases(replace(small, batch_sizes=(16, 1), batch_sizes_for_training=(16, 1, 8)))
    sizes = {(case.scenario, case.purpose): case.batch_sizes for case in planned}
    assert sizes["training", "timing"] == (1, 8, 16), "the recipe's is among them, each once, in ascending order"
    assert sizes["inference", "timing"] == (1, 16)
    assert sizes["training", "learning"] == (8,)


def test_the_search_for_the_largest_batch_is_last_and_runs_once_for_each_scenario(small: Selection) -> None:
    assert "capacity" not in {case.purpose for case in cases(small)}
    searched = replace(small, largest_batch=4096, purposes=("timing", "capacity"), feed="host")
    *others, a, b, c, d, e, f = cases(searched)
    assert {case.purpose for case in others} == {"timing"}
    assert {(case.purpose, case.batch_sizes, case.feed) for case in (a, b, c, d, e, f)} == {
        ("capacity", (4096,), "device")
    }
    assert [case.scenario for case in (a, b, c, d, e, f)] == ["training"] * 3 + ["inference"] * 3


def test_a_run_of_inference_alone_has_no_learning_cases(small: Selection) -> None:
    planned = cases(replace(small, scenarios=("inference",)))
    assert {(case.scenario, case.purpose) for case in planned} == {("inference", "memory"), ("inference", "timing")}


def test_every_device_has_its_own_cases(small: Selection) -> None:
    planned = cases(replace(small, devices=("cpu", "cuda")))
    assert {replace(case, device="cpu") for case in planned if case.device == "cuda"} == set(cases(small))


def test_an_estimate_is_the_measured_duration_of_the_same_case_if_there_is_one(small: Selection) -> None:
    first, *_ = timed(small, 0)
    again = next(case for case in timed(small, 1) if case.subject == first)
    earlier = replace(record(), case=first, duration_s=12.5)
    known = known_durations([earlier])
    assert estimate_s(again, workload(), block_seconds=0.25, known=known) == 12.5
    assert estimate_s(replace(again, threads=1), workload(), block_seconds=0.25, known=known) != 12.5
    assert known_durations([replace(earlier, outcome="timeout")]) == {}, "a failure says nothing of the time"


def test_an_estimate_grows_with_the_work(small: Selection) -> None:
    def guess(case: Case, *, block_seconds: float = 0.25, epochs: int = 2) -> float:
        made = workload(named("guess"), ("epochs = 2", f"epochs = {epochs}"))
        return estimate_s(case, made, block_seconds=block_seconds, known={})

    planned = cases(small)
    timing = next(case for case in planned if case.purpose == "timing" and case.scenario == "training")
    learning = next(case for case in planned if case.purpose == "learning")
    memory = next(case for case in planned if case.purpose == "memory")
    assert guess(learning, epochs=1000) > guess(learning, epochs=2) > 0
    assert guess(timing, block_seconds=1.0) > guess(timing) > 0
    assert guess(replace(timing, batch_sizes=(8, 4_000_000))) > guess(timing)
    assert guess(memory) > 0


def test_only_timing_cases_are_fed_from_the_host(small: Selection) -> None:
    planned = cases(replace(small, feed="host"))
    assert {(case.purpose, case.feed) for case in planned} == {
        ("timing", "host"),
        ("learning", "device"),
        ("memory", "device"),
    }
    assert {case.feed for case in cases(small)} == {"device"}


def test_every_precision_has_its_own_cases(small: Selection) -> None:
    both = cases(replace(small, precisions=("fp32", "bf16")))
    assert len(both) == 2 * len(cases(small))
    assert [case for case in both if case.precision == "fp32"] == list(cases(small))


def test_a_workload_with_a_timing_table_is_timed_at_the_batch_sizes_of_this_table(small: Selection) -> None:
    own = replace(small, workloads=(replace(small.workloads[0], batch_sizes=(16, 4)),))
    timing = [case for case in cases(own) if case.purpose != "learning"]
    assert {case.batch_sizes for case in timing} == {(4, 16)}
    assert {case.batch_sizes for case in cases(own) if case.purpose == "learning"} == {(8,)}
    asked = replace(own, batch_sizes=(2,), batch_sizes_for_training=(2,))
    assert {case.scenario: case.batch_sizes for case in cases(asked) if case.purpose == "timing"} == {
        "training": (2,),
        "inference": (2,),
    }


def test_only_the_selected_cells_are_measured(small: Selection) -> None:
    every = cases(replace(small, purposes=("timing",)))
    training, query = (next(case for case in every if case.scenario == kind) for kind in ("training", "inference"))
    only = frozenset([cells(training)[0], cells(query)[1]])
    found = cases(replace(small, purposes=("timing",), only=only))
    assert {cell for case in found for cell in cells(case)} == only
    assert {case.replicate for case in found} == {case.replicate for case in every}
    assert len(found) == 2 * small.processes
    assert cases(replace(small, only=frozenset())) == ()


def test_a_gpu_is_expected_to_be_faster(small: Selection) -> None:
    wide = workload(("units = 5", "units = 3000"))
    case = replace(cases(small)[-1], purpose="timing", batch_sizes=(4096,))
    here, there = (
        estimate_s(replace(case, device=device), wide, block_seconds=0.01, known={}) for device in ("cpu", "cuda:1")
    )
    assert there < here
