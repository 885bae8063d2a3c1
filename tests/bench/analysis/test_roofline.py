"""The roofline figures of a call equal values that were computed by hand."""

import pytest

from bench.analysis.roofline import bandwidth, stand
from bench.records.record import Rate, Roof

CACHE = Rate(per_second=100e9, size=10**6, by="flax")
LARGER_CACHE = Rate(per_second=50e9, size=10**7, by="flax")
MEMORY = Rate(per_second=10e9, size=10**9, by="pytorch")
ROOF = Roof(flops=Rate(per_second=1e12, size=1024, by="pytorch"), bytes=(CACHE, LARGER_CACHE, MEMORY))


def test_a_call_with_many_flops_per_byte_is_compute_bound() -> None:
    found = stand(2e-3, flops=10**9, least_bytes=10**6, roof=ROOF, held_bytes=10**6)
    assert found is not None
    assert found.bound == "compute"
    assert found.floor_s == pytest.approx(1e-3)
    assert [found.mfu, found.over_floor, found.flops_per_s, found.intensity] == pytest.approx([0.5, 2.0, 5e11, 1000.0])


def test_a_call_with_few_flops_per_byte_is_memory_bound() -> None:
    found = stand(0.4, flops=10**9, least_bytes=2 * 10**9, roof=ROOF, held_bytes=10**9)
    assert found is not None
    assert found.bound == "memory"
    assert found.floor_s == pytest.approx(0.2)
    assert found.mfu == pytest.approx(0.0025)
    assert found.bytes_per_s == pytest.approx(5e9)


def test_held_bytes_decide_which_bandwidth_is_used() -> None:
    often = stand(0.4, flops=1, least_bytes=2 * 10**9, roof=ROOF, held_bytes=10**7)
    assert often is not None
    assert often.floor_s == pytest.approx(2 / 50)


@pytest.mark.parametrize(
    ("working_set", "expected"),
    [(10, 100e9), (10**6, 100e9), (9 * 10**6, 100e9), (10**7, 50e9), (10**9, 10e9), (10**12, 10e9)],
)
def test_a_working_set_in_a_cache_has_the_bandwidth_of_this_cache(working_set: int, expected: float) -> None:
    assert bandwidth(ROOF.bytes, working_set) == expected


def test_a_slow_measurement_of_a_small_array_does_not_raise_the_lower_bound() -> None:
    slow_call = Rate(per_second=1e9, size=10**3, by="flax")
    assert bandwidth((slow_call, *ROOF.bytes), 10**3) == 100e9


def test_without_measured_peaks_there_is_no_lower_bound() -> None:
    assert stand(1.0, 1, 1, Roof(flops=None), held_bytes=1) is None
    assert stand(1.0, 1, 1, Roof(flops=ROOF.flops), held_bytes=1) is None
    assert stand(0.0, 1, 1, ROOF, held_bytes=1) is None
