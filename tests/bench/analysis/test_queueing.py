"""How queries wait in a queue with one server."""

import numpy as np
import pytest

from bench.analysis import queueing
from bench.analysis.queueing import Growth, growth, in_flight, is_overloaded, mean_wait, waits


def recursion(arrivals: np.ndarray, services: np.ndarray) -> list[float]:
    """The waiting times, query by query, as the recursion is written in books."""
    found = [0.0]
    for number in range(1, len(arrivals)):
        gap = arrivals[number] - arrivals[number - 1]
        found.append(max(0.0, found[-1] + services[number - 1] - gap))
    return found


def test_waiting_times_are_those_of_the_recursion() -> None:
    random = np.random.default_rng(1)
    arrivals, services = np.cumsum(random.exponential(1.0, 500)), random.exponential(0.9, 500)
    assert waits(arrivals, services) == pytest.approx(recursion(arrivals, services), abs=1e-9)
    assert waits(arrivals, services[::-1].copy()) != pytest.approx(recursion(arrivals, services), abs=1e-9)


def test_a_query_that_comes_while_another_is_served_waits_for_its_end() -> None:
    assert waits(np.array([0.0, 1.0, 10.0]), np.array([3.0, 1.0, 1.0])).tolist() == [0.0, 2.0, 0.0]


def test_mean_wait_is_half_as_long_if_all_services_are_equal() -> None:
    assert mean_wait(0.5, 2.0, variation=1.0) == 2.0
    assert mean_wait(0.5, 2.0) == 1.0


def test_queries_in_flight_are_counted_over_time() -> None:
    arrivals = np.arange(101.0)
    assert in_flight(arrivals, arrivals + 0.5) == pytest.approx([0.5] * queueing.WINDOWS)
    assert in_flight(arrivals, arrivals + 1.0) == pytest.approx([1.0] * queueing.WINDOWS)


def test_growth_is_the_slope_of_a_line() -> None:
    found = growth(np.arange(20.0) * 3 + 7, span=20.0)
    assert found.slope == pytest.approx(3.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert growth(np.full(20, 5.0), span=20.0).slope == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Growth(2.0, 0.1), True),
        (Growth(0.9, 0.01), False),  # grows, but by less than 1 % of the rate
        (Growth(2.0, 0.6), False),  # may be chance
        (Growth(-5.0, 0.1), False),
    ],
)
def test_a_queue_is_overloaded_if_it_grows_beyond_chance(found: Growth, *, expected: bool) -> None:
    assert is_overloaded(found, rate=100.0) is expected
