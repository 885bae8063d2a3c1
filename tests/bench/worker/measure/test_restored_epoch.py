"""The best epoch is restored as a whole, batch norm statistics included, in every framework."""

import importlib

import numpy as np
import pytest

from bench.datasets.base import Split
from bench.records.measurement import Learning
from bench.records.record import Case
from bench.worker import quality_metrics
from bench.worker.measure.dispatch import Occasion, measure
from bench.worker.prepared_workload import PreparedWorkload, prepare
from bench.workload.model_families import Weights
from tests.bench.workloads import workload

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

# A high learning rate makes the loss rise again soon, so the best epoch is not the last one.
STOPS = "epochs = 60\nvalidation_fraction = 0.3\nearly_stopping = { patience = 2 }"
CHANGES = (
    ("epochs = 2", STOPS),
    ("learning_rate = 1e-2", "learning_rate = 0.3"),
    ("units = 5", "units = 5, batch_norm = {}"),
)


def learnt(framework: str) -> tuple[PreparedWorkload, Learning, Weights]:
    """The learning curve, and the weights that would be saved."""
    subject = prepare(framework, workload(*CHANGES), device="cpu", precision="fp32", threads=1, seed=0)
    kept: list[Weights] = []
    case = Case(
        workload="tiny", framework="pytorch", scenario="training", purpose="learning", batch_sizes=(8,), threads=1
    )
    occasion = Occasion(
        block_seconds=1e-4, started_ns=0, progress=lambda _: None, keep=lambda weights, _: kept.append(weights)
    )
    learning = measure(subject, case, occasion).learning
    assert learning is not None
    assert learning.restored_epoch is not None
    assert learning.restored_epoch < len(learning.epochs)
    return subject, learning, kept[0]


def loss(subject: PreparedWorkload, weights: Weights, split: Split) -> float:
    """The loss of the NumPy reference with these weights."""
    logits = subject.reference(weights, split.inputs)
    description, rule = subject.workload.description, subject.workload.recipe.loss
    return quality_metrics.evaluate(quality_metrics.answers(description, rule, logits, split))["loss"]


def test_the_saved_weights_and_the_test_quality_are_those_of_the_best_epoch(contender: str) -> None:
    subject, learning, weights = learnt(contender.partition("/")[0])
    _, validation, test = subject.lesson_splits()
    assert validation is not None
    best, last = learning.epochs[(learning.restored_epoch or 0) - 1], learning.epochs[-1]
    assert loss(subject, weights, validation) == pytest.approx(best.evaluation_loss, rel=1e-4)
    assert loss(subject, weights, test) == pytest.approx(learning.quality["loss"], rel=1e-4)
    assert abs(last.evaluation_loss / best.evaluation_loss - 1) > 1e-2, "another epoch would show"


@pytest.mark.parametrize("framework", ["pytorch", "flax"])
def test_a_restored_epoch_without_its_batch_norm_statistics_would_show(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = importlib.import_module(f"models.dnn.{framework}")
    build = network.build

    def forgetful(spec: object, weights: Weights, **options: object) -> object:
        start = {"hidden0.mean": np.zeros(5, np.float32), "hidden0.variance": np.ones(5, np.float32)}
        return build(spec, weights | start, **options)

    monkeypatch.setattr(network, "build", forgetful)
    subject, learning, weights = learnt(framework)
    _, validation, _ = subject.lesson_splits()
    assert validation is not None
    best = learning.epochs[(learning.restored_epoch or 0) - 1]
    assert abs(loss(subject, weights, validation) / best.evaluation_loss - 1) > 1e-2
