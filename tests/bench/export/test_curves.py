"""A learning curve is a point for each epoch and value, with the wall time at its end."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench.export.curves import points
from tests.bench.sample_records import record


def test_each_epoch_has_its_losses_its_quality_and_its_seconds() -> None:
    learnt = record(purpose="learning")
    learning = learnt.measurement.learning
    assert learning is not None
    found = list(points(learnt))
    assert {point.curve for point in found} == {
        "train/loss",
        "train/seconds",
        "validation/loss",
        "validation/accuracy",
    }
    losses = [point for point in found if point.curve == "train/loss"]
    assert [point.epoch for point in losses] == list(range(1, len(learning.epochs) + 1))
    assert [point.value for point in losses] == [epoch.train_loss for epoch in learning.epochs]
    steps = [late.wall_time - early.wall_time for early, late in pairwise(losses)]
    assert steps == pytest.approx([0.124] * len(steps), abs=1e-5)


def test_a_loss_that_is_the_target_has_one_curve() -> None:
    learnt = record(purpose="learning")
    learning = learnt.measurement.learning
    assert learning is not None
    measurement = replace(learnt.measurement, learning=replace(learning, target_metric="loss"))
    curves = {point.curve for point in points(replace(learnt, measurement=measurement))}
    assert curves == {"train/loss", "train/seconds", "validation/loss"}


def test_a_case_without_learning_has_no_points() -> None:
    assert not list(points(record()))
