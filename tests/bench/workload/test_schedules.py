"""The rates of a schedule follow the written formulas, for every step of the training."""

import math
from typing import Any

import numpy as np
import pytest

from bench.workload.schedules import CosineSchedule, StepSchedule, rates, steps_per_epoch


def step(**options: Any) -> StepSchedule:  # noqa: ANN401 (keys of a schedule)
    return StepSchedule(name="step", every=2, factor=0.5, **options)


def test_a_step_schedule_multiplies_the_rate_after_so_many_epochs() -> None:
    found = rates(step(), 0.8, epochs=5, steps_per_epoch=2)
    np.testing.assert_array_equal(found, [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2])
    assert found.dtype == np.float64


def test_a_schedule_by_step_changes_the_rate_within_an_epoch() -> None:
    found = rates(step(by="step"), 0.8, epochs=2, steps_per_epoch=3)
    np.testing.assert_array_equal(found, [0.8, 0.8, 0.4, 0.4, 0.2, 0.2])


def test_a_warm_up_rises_in_equal_steps_and_the_full_rate_follows_it() -> None:
    found = rates(step(by="step", warm_up=3), 0.8, epochs=1, steps_per_epoch=6)
    np.testing.assert_allclose(found, [0.2, 0.4, 0.6, 0.8, 0.8, 0.4], rtol=1e-15)


def test_a_cosine_begins_after_the_warm_up_and_ends_just_above_its_final_share() -> None:
    found = rates(CosineSchedule(name="cosine", final=0.1, warm_up=1, by="step"), 2.0, epochs=5, steps_per_epoch=1)
    shares = [(1 + math.cos(math.pi * unit / 4)) / 2 for unit in range(4)]
    np.testing.assert_allclose(found, [1.0, *(2 * (0.1 + 0.9 * share) for share in shares)], rtol=1e-15)
    assert 0.2 < found[-1] < 0.5


def test_a_warm_up_that_is_off_by_one_gives_other_rates() -> None:
    found, other = (rates(step(by="step", warm_up=size), 0.8, epochs=1, steps_per_epoch=6) for size in (3, 2))
    assert np.abs(found - other).max() > 0.1


@pytest.mark.parametrize(("last_batch", "steps"), [("keep", 4), ("drop", 3)])
def test_a_smaller_last_batch_is_a_step_if_it_is_kept(last_batch: Any, steps: int) -> None:  # noqa: ANN401 (a literal)
    assert steps_per_epoch(25, 8, last_batch=last_batch) == steps
    assert steps_per_epoch(24, 8, last_batch=last_batch) == 3
