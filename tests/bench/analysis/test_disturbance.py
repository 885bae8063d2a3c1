"""A block is disturbed if others took time on the cores that it needs; what it does to itself is no disturbance."""

from dataclasses import replace

import pytest

from bench.analysis.disturbance import disturbances
from bench.records.machine_use import POWER_CAP, Load, Reading
from tests.bench.sample_records import block, load, use


def words(*loads: Load, threads: int = 2, device: str = "cpu") -> list[str]:
    timed = replace(block(), use=use(*loads))
    return [item.words for item in disturbances(timed, threads=threads, device=device)]


def test_a_program_that_takes_a_core_disturbs_and_a_quiet_system_does_not() -> None:
    assert words(load(others=0.9, own=1.1)) == ["other programs used 0.9 of 2 cores"]
    assert words(load(others=0.03)) == []


def test_a_block_is_disturbed_if_one_of_its_parts_is_and_the_worse_one_is_named() -> None:
    quiet, busy, busier = load(part="synchronised"), load(others=0.5, own=1.5), load(others=1.3, own=0.7)
    assert words(quiet, busy) == ["other programs used 0.5 of 2 cores"]
    assert words(busier, busy) == ["other programs used 1.3 of 2 cores"]


@pytest.mark.parametrize(("others", "disturbed"), [(10.0, False), (13.9, False), (15.0, True)])
def test_cores_that_are_not_needed_may_be_used_by_others(others: float, *, disturbed: bool) -> None:
    assert bool(words(load(cores=16, others=others, own=1.0))) == disturbed


def test_a_framework_that_uses_more_cores_than_its_threads_needs_them() -> None:
    """Its threads wait for the core that another program uses."""
    greedy = load(cores=4, others=1.0, own=3.0, waited_ns=1_000_000_000)
    assert words(greedy) == ["other programs used 1.0 of 4 cores"]
    assert words(replace(greedy, waited_ns=0)) == []


def test_on_many_cores_one_lost_core_disturbs_since_parallel_parts_wait_for_their_slowest_thread() -> None:
    assert words(load(cores=64, others=1.0, own=60.0), threads=64) == ["other programs used 1.0 of 64 cores"]
    assert words(load(cores=64, others=0.4, own=60.0), threads=64) == []
    assert words(load(cores=64, others=1.0, own=60.0, span_s=0.2), threads=64) == [], "too short to be certain"


def test_run_delay_and_preemptions_that_a_framework_causes_itself_are_no_disturbance() -> None:
    """More threads than cores: every thread waits for half of the time, and nobody else works."""
    crowded = load(others=0.01, own=1.99, waited_ns=2_000_000_000, pressure_ns=1_000_000_000, preemptions=4000)
    assert words(crowded) == []
    assert words(replace(crowded, others_ns=None)) == [], "the process uses both cores, so nobody took them"


def test_run_delay_is_a_proof_where_the_time_of_others_is_unknown_and_the_process_has_too_little_time() -> None:
    starved = load(others=None, own=0.9, waited_ns=1_100_000_000)
    assert words(starved) == ["its threads waited for 1.1 of 2 cores"]
    assert words(replace(starved, waited_ns=0)) == [], "it did not want more"
    assert words(replace(starved, waited_ns=None)) == []


def test_time_that_a_hypervisor_takes_disturbs() -> None:
    assert words(load(stolen_ns=600_000_000)) == ["other virtual machines took 0.6 of 2 cores"]
    assert words(load(stolen_ns=20_000_000)) == []


def test_a_short_block_is_not_disturbed_by_the_steps_of_the_counters() -> None:
    """The counters of two cores have steps of 10 ms: 20 ms are not certain."""
    assert words(load(span_s=0.1, others=0.2)) == []
    assert words(load(span_s=0.1, others=0.4)) == ["other programs used 0.4 of 2 cores"]
    assert words(load(span_s=0.0)) == []


def test_on_a_gpu_only_load_that_stops_the_dispatching_thread_disturbs() -> None:
    assert words(load(cores=16, others=14.0, own=1.0), threads=16, device="cuda") == []
    assert words(load(cores=16, others=15.5, own=0.5), threads=16, device="cuda") != []


def test_another_process_on_the_gpu_disturbs() -> None:
    assert words(load(gpu_others=1), device="cuda") == ["1 other process used the GPU"]
    assert words(load(gpu_others=2), device="cuda") == ["2 other processes used the GPU"]
    assert words(load(gpu_others=0), device="cuda") == []


@pytest.mark.parametrize(("reason", "expected"), [("heat", ["throttled: heat"]), (POWER_CAP, [])])
def test_throttling_disturbs_unless_it_is_the_usual_power_cap(reason: str, expected: list[str]) -> None:
    reading = Reading(when="during", cpu_mhz=None, cpu_celsius=None, host_used_bytes=1, throttled=(reason,))
    timed = replace(block(), use=replace(use(load()), readings=(reading,)))
    assert [item.words for item in disturbances(timed, threads=2, device="cpu")] == expected


def test_a_block_that_was_not_watched_is_not_called_disturbed() -> None:
    assert disturbances(block(), threads=2, device="cpu") == ()
    assert words() == []
    assert words(load(others=None, waited_ns=None, stolen_ns=None)) == []
