"""All queries have one size; samples repeat if there are too few, and logits of repeated samples are cut off."""

from dataclasses import replace

import numpy as np
import pytest

from bench.worker.measure.inference import EVALUATION_BATCH, logits_of, time_queries
from tests.bench.worker.measure.recorder import BRIEF, Recorder, is_adapter, right, split


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.mark.parametrize("samples", [1, 7, 500, 501, 1100])
def test_logits_of_all_samples_are_in_order(samples: int, recorder: Recorder) -> None:
    inputs = split(samples).inputs
    logits = logits_of(is_adapter(recorder), inputs)
    assert np.array_equal(logits, right(np.arange(samples)))
    assert not np.array_equal(logits, right(np.arange(samples) + 1))


def test_the_last_query_is_filled_up_so_that_all_are_of_one_size(recorder: Recorder) -> None:
    logits_of(is_adapter(recorder), split(1100).inputs)
    assert [len(query) for query in recorder.queries] == [EVALUATION_BATCH] * 3
    assert recorder.queries[2] == [*range(1000, 1100), *range(400)]


def test_few_samples_are_one_query(recorder: Recorder) -> None:
    logits_of(is_adapter(recorder), split(7).inputs)
    assert recorder.queries == [list(range(7))]


@pytest.mark.parametrize(("batch_size", "different"), [(1, 16), (2, 10), (8, 2), (20, 1), (50, 1)])
def test_timed_queries_have_one_size_and_repeat_in_a_cycle(batch_size: int, different: int, recorder: Recorder) -> None:
    block = time_queries(is_adapter(recorder), split(20).inputs, batch_size=batch_size, conditions=BRIEF)
    assert {len(query) for query in recorder.queries} == {batch_size} == {block.batch_size}
    assert len({tuple(query) for query in recorder.queries}) == different
    assert recorder.queries[:different] == recorder.queries[different : 2 * different]


def test_samples_repeat_in_a_cycle_where_the_query_is_larger_than_the_data(recorder: Recorder) -> None:
    time_queries(is_adapter(recorder), split(20).inputs, batch_size=50, conditions=BRIEF)
    assert recorder.queries[0] == [*range(20), *range(20), *range(10)]


def test_the_checksum_is_the_sum_of_the_last_outputs() -> None:
    recorder = Recorder(logits=lambda numbers, _: np.full((len(numbers), 3), 0.5, np.float32))
    block = time_queries(is_adapter(recorder), split(20).inputs, batch_size=4, conditions=BRIEF)
    assert block.checksum == 4 * 3 * 0.5


def test_queries_are_on_the_device_before_the_clock_starts_unless_fed_from_the_host(recorder: Recorder) -> None:
    found = time_queries(is_adapter(recorder), split(20).inputs, batch_size=8, conditions=BRIEF).boundary
    assert found is not None
    assert recorder.puts == 2 + len(found.to_device_ns)
    fed = Recorder()
    time_queries(is_adapter(fed), split(20).inputs, batch_size=8, conditions=replace(BRIEF, feed="host"))
    assert fed.puts == 2 + len(fed.queries)
