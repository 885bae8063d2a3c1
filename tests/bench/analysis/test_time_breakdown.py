"""Every measured nanosecond is counted once, under its activity."""

from dataclasses import replace

import pytest

from bench.analysis.time_breakdown import shares, spent_s
from bench.records.measurement import Boundary, Measurement
from tests.bench.sample_records import block, record

TIMED = replace(
    block(32),
    call_ns=(3_000_000_000, 10, 10),
    warm_up_ns=(980_000_000, 20_000_000 - 20),
    synchronised_ns=(1_000_000_000,) * 6,
    pipelined_ns=(500_000_000,) * 8,
    first_round_ns=1_000_000_000,
    boundary=Boundary(to_device_ns=(1,), dispatch_ns=(2,), compute_ns=(999_999_990,), to_host_ns=(7,)),
)


def test_the_parts_of_a_block_are_counted_separately() -> None:
    found = spent_s([record(measurement=Measurement(blocks=(TIMED, TIMED)))])
    assert found == {"timed rounds": 20.0, "first calls and warm-up": 10.0, "parts of a call": 2.0}


def test_learning_is_the_time_of_its_epochs_and_memory_has_no_timed_part() -> None:
    learnt = record(purpose="learning")
    assert learnt.measurement.learning is not None
    epochs = learnt.measurement.learning.epochs
    assert spent_s([learnt, record(purpose="memory")]) == {
        "learning": pytest.approx(sum(epoch.train_ns + epoch.evaluation_ns for epoch in epochs) / 1e9)
    }


def test_shares_include_the_remaining_time() -> None:
    timed = record(measurement=Measurement(blocks=(TIMED,)))
    words = "50% timed rounds, 25% first calls and warm-up, 5% parts of a call, 20% starting"
    assert shares([timed], 20.0, rest="starting") == words
