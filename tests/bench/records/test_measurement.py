"""What was measured says what hindered it, and how large a batch may be."""

import pytest

from bench.records.measurement import POWER_CAP, Capacity, Moment, Outcome, Reading, Trial, Use


def use(*reasons: tuple[Moment, str]) -> Use:
    readings = (
        Reading(when=when, cpu_mhz=None, cpu_celsius=None, host_used_bytes=0, throttled=(reason,))
        for when, reason in reasons
    )
    return Use(readings=tuple(readings), span_ns=1, stolen_ns=None, preemptions=0, energy_j=None)


def test_each_reason_is_told_once_and_what_was_there_before_the_block_is_not() -> None:
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
def test_any_reason_but_the_power_cap_hinders(reasons: list[tuple[Moment, str]], *, hindered: bool) -> None:
    assert use(*reasons).hindered == hindered


@pytest.mark.parametrize(
    ("outcome", "fits"), [("ok", True), ("diverged", True), ("oom", False), ("failed", False), ("timeout", False)]
)
def test_a_batch_fits_where_its_calls_end_well_whatever_their_numbers(outcome: Outcome, *, fits: bool) -> None:
    assert Trial(batch_size=1, outcome=outcome).fits == fits


def test_the_largest_that_fits_and_the_smallest_that_does_not_are_found_in_any_order() -> None:
    small, large = (Trial(batch_size=size, outcome="ok") for size in (32, 48))
    near, far = (Trial(batch_size=size, outcome="oom") for size in (50, 64))
    found = Capacity(trials=(small, far, large, near), memory_limit_bytes=None)
    assert (found.largest, found.refused) == (large, near)
    assert Capacity(trials=(small, large), memory_limit_bytes=None).refused is None
    assert Capacity(trials=(far, near), memory_limit_bytes=None).largest is None
