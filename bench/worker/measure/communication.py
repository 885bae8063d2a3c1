"""Measures what the exchange of gradients costs: rounds of steps with it, in turns with rounds without it."""

from bench.adapters.data_parallel.base import DataParallel
from bench.errors import UnavailableError
from bench.records.measurement import Parallel
from bench.worker.measure.block import timed
from bench.worker.measure.timed_call import Work

FEWEST, MOST = 6, 64  # rounds of each kind


def measure(devices: DataParallel, work: Work, *, steps: int, budget_ns: int) -> Parallel:
    """How these devices train as one. A round has so many `steps`; the rounds end when the time is used up.

    Afterwards the devices have different weights.
    """
    together: list[int] = []
    apart: list[int] = []
    try:
        while len(apart) < FEWEST or (len(apart) < MOST and sum(together) + sum(apart) < budget_ns):
            round_ns = timed(work, steps)
            with devices.without_communication():
                apart.append(timed(work, steps))
            together.append(round_ns)
    except UnavailableError:
        together = []
    peaks = devices.peaks()
    return Parallel(
        method=devices.method,
        together_ns=tuple(together),
        apart_ns=tuple(apart),
        allocated_bytes=tuple(peak.allocated for peak in peaks),
        reserved_bytes=tuple(peak.reserved for peak in peaks),
    )
