"""The proof that several devices do the work of one, their efficiency, and what the exchange of gradients costs."""

from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.data_parallel import (
    COPIES,
    SAME_BITS,
    efficiency,
    not_expected,
    on_one_device,
    proven,
    share_of_communication,
)
from bench.analysis.deviations import Trace
from bench.records.measurement import Parallel
from bench.records.record import Certificate, Deviation
from tests.bench.sample_records import block

HOLDS = Deviation(check="float64 forward", against="reference", found=1e-16, allowed=1e-12)
ALONE = Certificate(contender="pytorch", deviations=(HOLDS,), steps=100)


def trained(by: float = 0.0, copies: tuple[str, ...] = ()) -> Trace:
    return {"weights/a.kernel": np.ones((2, 2)), "weights/b.bias": np.ones(2) + by, COPIES: np.array(copies)}


def test_equal_weights_on_devices_with_the_same_bits_are_a_proof() -> None:
    found = proven(ALONE, trained(), trained(1e-15, ("x", "x")), devices=2)
    assert found.passed
    assert [line.check for line in found.deviations[1:]] == ["float64 weights after 100 steps on 2 devices", SAME_BITS]


@pytest.mark.parametrize(
    ("by", "copies", "wrong"),
    [
        (1e-6, ("x", "x"), ["float64 weights after 100 steps on 2 devices"]),
        (1e-15, ("x", "y"), [SAME_BITS]),
        (1e-15, (), [SAME_BITS]),
        (float("nan"), ("x", "x"), ["float64 weights after 100 steps on 2 devices"]),
    ],
)
def test_other_weights_or_other_bits_are_no_proof(by: float, copies: tuple[str, ...], wrong: list[str]) -> None:
    found = proven(ALONE, trained(), trained(by, copies), devices=2)
    assert not found.passed
    assert [line.check for line in found.deviations if not line.holds] == wrong
    assert found.deviations[1].tensor == ("b.bias" if SAME_BITS not in wrong else None)


def test_without_a_trace_the_reason_is_the_problem() -> None:
    assert proven(ALONE, "it broke", trained(), devices=2).problem == "it broke"
    assert proven(ALONE, trained(), "no way", devices=2).problem == "no way"
    first = replace(ALONE, problem="the first")
    assert proven(first, trained(), "no way", devices=2).problem == "the first"


def test_a_proof_that_is_not_expected_is_none_and_does_not_hide_one_that_failed() -> None:
    found = not_expected(ALONE, "it is known")
    assert (found.passed, found.alone, found.problem) == (False, True, "it is known")
    failed = replace(ALONE, deviations=(replace(HOLDS, found=1.0),))
    assert not_expected(failed, "it is known") == failed


def test_what_is_about_one_device_is_judged_by_itself() -> None:
    wrong = proven(ALONE, trained(), trained(1.0, ("x", "y")), devices=2)
    assert not wrong.passed
    assert on_one_device(wrong) == ALONE
    assert on_one_device(proven(ALONE, trained(), "it broke", devices=2)) == ALONE
    broken = replace(ALONE, deviations=(), problem="it broke")
    assert on_one_device(broken) == broken


def test_efficiency_compares_processes_in_pairs() -> None:
    one = [block(call_time_s=seconds) for seconds in (1e-3, 2e-3)]
    both = [block(call_time_s=seconds) for seconds in (1e-3, 1e-3)]  # at the same batch, two devices as fast as one
    found = efficiency(one, both, devices=2)
    assert found is not None
    assert (found.median, found.low, found.high) == pytest.approx((0.5**0.5, 0.5, 1.0), rel=0.1)
    assert efficiency([], both, devices=2) is None
    wide = [replace(item, batch_size=2 * item.batch_size) for item in both]
    weak = efficiency(one[:1], wide[:1], devices=2)
    assert weak is not None
    assert weak.median == pytest.approx(1.0, rel=0.1), "twice the batch in the same time"


def test_the_exchange_is_the_share_of_a_step_that_is_gone_without_it() -> None:
    def timed(together: int, apart: int) -> Parallel:
        return Parallel(method="x", together_ns=(together, together), apart_ns=(apart, apart))

    blocks = [replace(block(), parallel=timed(100, apart)) for apart in (60, 80, 90)]
    found = share_of_communication(blocks)
    assert found is not None
    assert (found.median, found.low, found.high) == pytest.approx((0.2, 0.1, 0.4))
    assert share_of_communication([block(), replace(block(), parallel=Parallel(method="x"))]) is None
