"""The event files are read by TensorBoard itself."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from bench.errors import UsageError
from bench.export import tensorboard
from tests.bench.sample_records import record


@dataclass(frozen=True)
class Point:
    """One scalar, as TensorBoard shows it."""

    step: int
    value: float
    wall_time: float


def points(folder: Path, tag: str) -> list[Point]:
    found = EventAccumulator(str(folder), size_guidance={TENSORS: 0})
    found.Reload()
    return [Point(item.step, float(make_ndarray(item.tensor_proto)), item.wall_time) for item in found.Tensors(tag)]


def test_tensorboard_reads_the_curve(tmp_path: Path) -> None:
    learnt = record("digits-dnn", "keras/jax", purpose="learning", seed=2)
    learning = learnt.measurement.learning
    assert learning is not None
    tensorboard.write(learnt, tmp_path)
    folder = tmp_path / "digits-dnn" / "keras-jax-cpu-seed2"
    losses = points(folder, "train/loss")
    assert [item.step for item in losses] == list(range(1, len(learning.epochs) + 1))
    assert [item.value for item in losses] == pytest.approx([epoch.train_loss for epoch in learning.epochs])
    judged = points(folder, f"{learning.evaluated_on}/{learning.target_metric}")
    assert judged[-1].value == pytest.approx(learning.epochs[-1].evaluation_quality)
    assert points(folder, "test/accuracy")[0].value == pytest.approx(learning.quality["accuracy"])


def test_epochs_stand_where_they_ended(tmp_path: Path) -> None:
    learnt = record("digits-dnn", purpose="learning")
    learning = learnt.measurement.learning
    assert learning is not None
    tensorboard.write(learnt, tmp_path)
    losses = points(tmp_path / "digits-dnn" / "pytorch-cpu-seed0", "train/loss")
    began = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + learning.prepare_ns / 1e9
    spent = sum(epoch.train_ns + epoch.evaluation_ns for epoch in learning.epochs) / 1e9
    assert losses[-1].wall_time == pytest.approx(began + spent, abs=1e-3)
    assert losses[0].wall_time < losses[-1].wall_time


def test_a_case_without_learning_has_no_file(tmp_path: Path) -> None:
    tensorboard.write(record("digits-dnn"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_tensorboard_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorboard.check()
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(UsageError, match=r"--tensorboard: found no TensorBoard.*levelfield\[tensorboard\]"):
        tensorboard.check()
