"""Each purpose of a case fills its part of a Measurement, and leaves the other parts empty; here with PyTorch."""

import weakref
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from bench.records.measurement import Measurement
from bench.records.record import Case
from bench.worker.measure import dispatch as cases
from bench.worker.measure import memory
from bench.worker.measure.dispatch import Occasion, measure
from bench.worker.prepared_workload import PreparedWorkload, prepare
from bench.workload.axes import Purpose, Scenario
from tests.bench.workloads import workload


@pytest.fixture(scope="module")
def subject() -> PreparedWorkload:
    return prepare("pytorch", workload(), device="cpu", precision="fp32", threads=1, seed=0)


def measured(
    subject: PreparedWorkload,
    scenario: Scenario,
    purpose: Purpose,
    news: list[dict[str, Any]],
    *,
    sizes: tuple[int, ...] = (8,),
) -> Measurement:
    case = Case(workload="tiny", framework="pytorch", scenario=scenario, purpose=purpose, batch_sizes=sizes, threads=1)
    return measure(subject, case, Occasion(block_seconds=1e-4, started_ns=0, progress=news.append))


@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_a_timing_has_a_block_for_each_batch_size_and_nothing_else(
    subject: PreparedWorkload, scenario: Scenario
) -> None:
    news: list[dict[str, Any]] = []
    found = measured(subject, scenario, "timing", news, sizes=(1, 8))
    assert [block.batch_size for block in found.blocks] == [1, 8] == [item["batch_size"] for item in news]
    assert (found.learning, found.memory) == (None, ())
    assert all(item["call_ns"] > 0 for item in news)


def test_steps_are_at_least_two_hundred_and_queries_need_not_be(subject: PreparedWorkload) -> None:
    (steps,) = measured(subject, "training", "timing", []).blocks
    (queries,) = measured(subject, "inference", "timing", []).blocks
    assert steps.iterations_per_round * len(steps.pipelined_ns) >= 200
    assert queries.iterations_per_round * len(queries.pipelined_ns) < 200


def test_learning_has_a_curve_and_starts_from_the_initial_weights_each_time(subject: PreparedWorkload) -> None:
    news: list[dict[str, Any]] = []
    first, again = (measured(subject, "training", "learning", news).learning for _ in range(2))
    assert first is not None
    assert again is not None
    assert [epoch.train_loss for epoch in first.epochs] == [epoch.train_loss for epoch in again.epochs]
    assert first.epochs[0].train_loss > first.epochs[1].train_loss
    assert first.prepare_ns > 0
    assert len(news) == 4


@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_memory_has_a_peak_for_each_batch_size_in_ascending_order(
    subject: PreparedWorkload, scenario: Scenario
) -> None:
    found = measured(subject, scenario, "memory", [], sizes=(4096, 1))
    assert [item.batch_size for item in found.memory] == [1, 4096]
    assert all(item.host_baseline_bytes and item.host_peak_bytes is not None for item in found.memory)
    assert {(item.device_peak_bytes, item.nvml_used_bytes) for item in found.memory} == {(None, None)}
    assert (found.learning, found.blocks) == (None, ())


@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_a_batch_that_fits_is_one_trial(subject: PreparedWorkload, scenario: Scenario) -> None:
    found = measured(subject, scenario, "capacity", [], sizes=(300,))
    assert found.capacity is not None
    assert [(item.batch_size, item.fits) for item in found.capacity.trials] == [(300, True)]
    assert (found.learning, found.blocks, found.memory) == (None, (), ())


def test_a_peak_that_cannot_be_reset_is_none(subject: PreparedWorkload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "reset_peak", lambda: False)
    (found,) = measured(subject, "inference", "memory", []).memory
    assert found.host_peak_bytes is None
    assert found.host_baseline_bytes


def test_every_purpose_has_a_measurement() -> None:
    assert {purpose for purpose, _ in cases.PURPOSES} == set(get_args(Purpose))


def test_a_peak_is_kept_if_the_framework_cannot_account_for_it(
    subject: PreparedWorkload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_a_call(call: Callable[[], object]) -> dict[str, int]:
        call()
        return {"forward pass": 7}

    monkeypatch.setattr(subject.adapter.engine, "account", of_a_call)
    assert measured(subject, "training", "memory", []).memory[0].accounted_bytes == {"forward pass": 7}

    def broken(call: Callable[[], object]) -> dict[str, int]:
        raise AttributeError(f"no history of {call}")

    monkeypatch.setattr(subject.adapter.engine, "account", broken)
    (found,) = measured(subject, "inference", "memory", []).memory
    assert (found.accounted_bytes, found.batch_size) == ({}, 8)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_a_batch_is_freed_before_the_next_peak_is_measured(
    subject: PreparedWorkload, scenario: Scenario, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    put, batches, calls, alive = subject.adapter.put, list[Any](), list[Any](), list[bool]()

    def watched(*arrays: np.ndarray) -> object:
        batch = put(*arrays)
        batches.append(weakref.ref(batch[0] if isinstance(batch, tuple) else batch))
        return batch

    def account(call: Callable[[], object]) -> dict[str, int]:
        calls.extend([call] if held else [])
        return {}

    def reset() -> bool:
        alive.append(any(batch() is not None for batch in batches))
        return True

    monkeypatch.setattr(subject.adapter, "put", watched)
    monkeypatch.setattr(subject.adapter.engine, "account", account)
    monkeypatch.setattr(memory, "reset_peak", reset)
    measured(subject, scenario, "memory", [], sizes=(8, 16))
    assert len(batches) == 2
    assert alive == [False, held], "a batch that is still held counts in the next peak"
