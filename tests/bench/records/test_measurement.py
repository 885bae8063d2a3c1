"""A measurement reports throttling, and the largest batch that fits."""

import pytest

from bench.records.machine_use import POWER_CAP, Moment, Reading, Use
from bench.records.measurement import Capacity, Outcome, Trial


def use(*reasons: tuple[Moment, str]) -> Use:
    readings = (
        Reading(when=when, cpu_mhz=None, cpu_celsius=None, host_used_bytes=0, throttled=(reason,))
        for when, reason in reasons
    )
    return Use(readings=tuple(readings), span_ns=1, stolen_ns=None, preemptions=0, energy_j=None)


def test_throttling_is_reported_once_and_only_if_it_occurred_during_the_block() -> None:
    found = use(("before", "power brake"), ("during", "heat"), ("after", "heat"), ("after", POWER_CAP))
    assert found.throttled == ("heat", POWER_CAP)


@pytest.mark.parametrize(
    ("reasons", "hindered"),
    [
        ([], False),
        ([("before", "heat")], False),
        ([("during", POWER_CAP)], False),
        ([("during", POWER_CAP), ("after", "heat")], True),
    ],
)
def test_every_reason_except_the_power_cap_requires_a_new_attempt(
    reasons: list[tuple[Moment, str]], *, hindered: bool
) -> None:
    assert use(*reasons).hindered == hindered


@pytest.mark.parametrize(
    ("outcome", "fits"), [("ok", True), ("diverged", True), ("oom", False), ("failed", False), ("timeout", False)]
)
def test_a_batch_fits_if_its_calls_end_even_with_nan_results(outcome: Outcome, *, fits: bool) -> None:
    assert Trial(batch_size=1, outcome=outcome).fits == fits


def test_the_largest_batch_that_fits_and_the_smallest_that_does_not_are_found() -> None:
    small, large = (Trial(batch_size=size, outcome="ok") for size in (32, 48))
    near, far = (Trial(batch_size=size, outcome="oom") for size in (50, 64))
    found = Capacity(trials=(small, far, large, near), memory_limit_bytes=None)
    assert (found.largest, found.refused) == (large, near)
    assert Capacity(trials=(small, large), memory_limit_bytes=None).refused is None
    assert Capacity(trials=(far, near), memory_limit_bytes=None).largest is None
