"""Computes how queries wait in a queue with one server: recursion, formula, queries in flight, and overload.

Times are arrays with one entry for each query, in the order of arrival, all in the same unit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WINDOWS = 20  # parts of a run, for the number of queries in flight
STANDARD_ERRORS = 4.0  # more than the usual two, since the numbers of neighbouring windows depend on each other
LEAST_GROWTH = 0.01  # of the rate of arrivals: a smaller growth would take 100 runs to double the queue


class Growth(NamedTuple):
    """The growth of the number of queries in flight per unit of time, and its standard error."""

    slope: float
    error: float


def waits(arrivals: np.ndarray, services: np.ndarray) -> np.ndarray:
    """The waiting time of each query at one server that answers in the order of arrival, without batches.

    By Lindley's recursion: a query waits max(0, wait of the last query + its service - the gap between both arrivals).
    All steps are made at once: a query ends when the server has done all work since the latest moment at which it was
    idle. Source: D. V. Lindley, The theory of queues with a single server, 1952.
    """
    before = np.cumsum(services) - services
    began_busy = np.maximum.accumulate(arrivals - before)
    found: np.ndarray = before + began_busy - arrivals
    return found


def mean_wait(utilisation: float, service: float, *, variation: float = 0.0) -> float:
    """The mean waiting time with Poisson arrivals and one server, in the unit of `service`, the mean service time.

    `utilisation` is the rate of arrivals times `service`, below 1. `variation` is the standard deviation of service
    times divided by their mean: 0 if all are equal, 1 if they are exponential. Source: the formula of Pollaczek and
    Khinchine: utilisation × (1 + variation²) / (2 (1 - utilisation)) × service.
    """
    return utilisation * (1 + variation**2) / (2 * (1 - utilisation)) * service


def in_flight(arrivals: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The mean number of queries in the queue or in service, in `WINDOWS` equal parts from first to last arrival."""
    bounds = np.linspace(arrivals[0], arrivals[-1], WINDOWS + 1)
    until = [np.clip(bound - arrivals, 0, ends - arrivals).sum() for bound in bounds]
    return np.diff(until) / np.diff(bounds)


def growth(numbers: Sequence[float] | np.ndarray, span: float) -> Growth:
    """The slope of a straight line through the numbers of equal parts of `span`, by least squares."""
    values = np.asarray(numbers, dtype=np.float64)
    times = (np.arange(len(values)) + 0.5) * span / len(values)
    centred = times - times.mean()
    slope = float(centred @ values / (centred @ centred))
    rest = values - values.mean() - slope * centred
    error = float(np.sqrt(rest @ rest / (len(values) - 2) / (centred @ centred)))
    return Growth(slope, error)


def is_overloaded(found: Growth, *, rate: float) -> bool:
    """Whether the number of queries in flight grew, beyond chance, by at least 1 % of the rate of arrivals."""
    return found.slope >= LEAST_GROWTH * rate and found.slope > STANDARD_ERRORS * found.error
