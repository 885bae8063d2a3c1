"""Figures of prediction logs: rates, errors, latencies of calls and not of samples, classes, numbers, intervals."""

from itertools import pairwise

import numpy as np
import pytest

from bench.analysis.prediction_logs import LENGTHS_S, Numbers, interval_s, number_of_intervals, summary, watched
from tests.bench.records.prediction_lines import BEGUN, line


def test_the_rate_is_from_the_beginning_of_the_first_call_to_the_end_of_the_last() -> None:
    found = summary([line(0.0, latency_ms=500.0), line(1.0), line(1.5, error="no memory", latency_ms=None)])
    assert found.rate_per_s == pytest.approx(2 / 2.0)
    assert (found.predictions, found.errors) == (2, 1)
    assert found.errors_share == pytest.approx(1 / 3)


def test_a_single_call_has_a_rate() -> None:
    assert summary([line(sample=number, latency_ms=10.0, batch=5) for number in range(5)]).rate_per_s == pytest.approx(
        500
    )


def test_latencies_are_those_of_calls_however_many_samples_they_have() -> None:
    large = [line(1.0, sample=number, latency_ms=9.0, batch=98) for number in range(98)]
    single = [line(2.0 + number, latency_ms=1.0) for number in range(2)]
    found = summary([*large, *single])
    assert (found.calls, found.largest_batch) == (3, 98)
    assert (found.latency_p50_ms, found.latency_max_ms) == (1.0, 9.0), "the median over samples would be 9"
    other = summary([*single, line(9.0, latency_ms=9.0), line(9.0, latency_ms=9.0, model="other")])
    assert other.calls == 4, "expected two calls at one time, since two models were asked"


def test_percentiles_are_those_of_numpy() -> None:
    times = np.random.default_rng(0).exponential(size=700).tolist()
    found = summary([line(float(number), latency_ms=time) for number, time in enumerate(times)])
    wanted = np.percentile(times, [50, 90, 99, 100]).tolist()
    assert [found.latency_p50_ms, found.latency_p90_ms, found.latency_p99_ms, found.latency_max_ms] == wanted
    assert wanted != sorted(wanted, reverse=True)


@pytest.mark.parametrize(
    ("calls", "known"), [(63, (True, False, False)), (64, (True, True, False)), (662, (True,) * 3)]
)
def test_a_percentile_needs_enough_calls(calls: int, known: tuple[bool, ...]) -> None:
    found = summary([line(float(number), latency_ms=1.0) for number in range(calls)])
    there = (found.latency_p50_ms, found.latency_p90_ms, found.latency_p99_ms)
    assert tuple(value is not None for value in there) == known


def test_a_failed_call_has_no_latency_and_its_error_is_counted() -> None:
    failed = [line(1.0, error=text, latency_ms=None, output=None, confidence=None) for text in ("a", "b", "b")]
    found = summary([line(), *failed])
    assert list(found.error_texts.items()) == [("b", 2), ("a", 1)]
    assert found.calls == 1
    assert found.classes == {"3": 1.0}


def test_classes_have_shares_the_most_frequent_first() -> None:
    found = summary([line(output=name, confidence=chance) for name, chance in (("a", 0.5), ("b", 1.0), ("b", 0.9))])
    assert list(found.classes) == ["b", "a"]
    assert list(found.classes.values()) == pytest.approx([2 / 3, 1 / 3])
    assert found.mean_confidence == pytest.approx(0.8)
    assert found.numbers == ()


def test_numbers_have_a_mean_and_a_deviation_for_each_output() -> None:
    assert summary([line(output=1.0), line(output=3.0)]).numbers == (Numbers(mean=2.0, deviation=1.0),)
    several = summary([line(output=(1.0, 10.0)), line(output=(3.0, 10.0))])
    assert several.numbers == (Numbers(mean=2.0, deviation=1.0), Numbers(mean=10.0, deviation=0.0))
    assert several.classes == {}


def test_without_lines_there_are_no_figures() -> None:
    found = summary([])
    assert (found.predictions, found.errors, found.calls) == (0, 0, 0)
    figures = (found.errors_share, found.rate_per_s, found.latency_p50_ms, found.mean_confidence)
    assert figures == (None,) * 4


@pytest.mark.parametrize("span_s", [0.012, 0.1, 7, 26, 50, 61, 3600, 3601, 86400, 10 * 86400, 366 * 86400, 3e8])
@pytest.mark.parametrize("shift_s", [0.0, 0.4, 1234.5])
def test_a_log_is_divided_into_12_to_24_intervals(span_s: float, shift_s: float) -> None:
    lines = [line(shift_s), line(shift_s + span_s)]
    assert 12 <= number_of_intervals(lines, interval_s(lines)) <= 24


def test_no_length_of_an_interval_is_more_than_twice_the_one_before() -> None:
    assert max(after / before for before, after in pairwise(LENGTHS_S)) <= 2 + 1e-9
    assert min(after / before for before, after in pairwise(LENGTHS_S)) > 1


def test_intervals_begin_at_multiples_of_their_length_and_empty_ones_are_there() -> None:
    lines = [line(10.0), line(59.0, output="1"), line(190.0, error="x", latency_ms=None)]
    (model,) = watched(lines, every_s=60.0).models
    begun = BEGUN.timestamp()
    assert [part.since_s - begun for part in model.intervals] == [0, 60, 120, 180]
    assert [part.summary.predictions for part in model.intervals] == [2, 0, 0, 0]
    assert [part.summary.errors for part in model.intervals] == [0, 0, 0, 1]
    assert model.intervals[0].summary.rate_per_s == pytest.approx(2 / 60)
    assert model.intervals[0].summary.classes == {"3": 0.5, "1": 0.5}


def test_models_and_frameworks_are_apart_and_a_replaced_model_has_two_digests() -> None:
    lines = [line(), line(1.0, framework="flax"), line(2.0, model_digest="f" * 16), line(3.0, framework=None)]
    found = watched(lines)
    assert [(item.framework, item.summary.predictions) for item in found.models] == [
        ("flax", 1),
        ("pytorch", 2),
        ("unknown", 1),
    ]
    assert found.models[1].digests == ("0123456789abcdef", "f" * 16)
    assert found.total.predictions == 4
