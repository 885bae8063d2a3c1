"""What was learnt: quality metrics by scikit-learn from predictions in NumPy, one code for every framework."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Num
from scipy.special import log_softmax
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_fscore_support,
    r2_score,
    root_mean_squared_error,
)

from bench.datasets.description import Task
from bench.errors import BenchError, DataError


class Primary(NamedTuple):
    """The metric that stands for a task, and which direction of it is better."""

    metric: str
    better: Literal["higher", "lower"]


def primary(task: Task) -> Primary:
    """The main metric of a task: accuracy, or R²."""
    return _PRIMARY[task]


def is_diverged(logits: Float[np.ndarray, "..."]) -> bool:
    """Whether an output is no longer a finite number."""
    return not bool(np.isfinite(logits).all())


def evaluate(task: Task, logits: Float[np.ndarray, "..."], targets: Num[np.ndarray, "..."]) -> dict[str, float]:
    """Every quality metric of the task, computed in float64; where the logits are not finite, every one is NaN.

    classification: logits (samples, classes), integer labels (samples,); `accuracy`, `precision`, `recall` and `f1`
    (means over the classes that occur in labels or predictions, 0 where one is undefined), `loss` (mean cross-entropy
    in nats).
    regression: outputs and targets (samples, outputs); `mae`, `rmse` and `r2` (means over the outputs; R² of a single
    sample is NaN), `loss` (mean squared error).
    Raises BenchError for shapes that do not fit each other, DataError for a label outside the classes.
    """
    _check_shapes(task, logits, targets)
    names, metrics = _METRICS[task]
    if is_diverged(logits):
        return dict.fromkeys(names, float("nan"))
    values = metrics(logits.astype(np.float64), targets)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _classification(logits: np.ndarray, targets: np.ndarray) -> tuple[float, ...]:
    predicted = logits.argmax(axis=1)
    macro = precision_recall_fscore_support(targets, predicted, average="macro", zero_division=0)[:3]
    loss = -log_softmax(logits, axis=1)[np.arange(len(targets)), targets].mean()
    return (accuracy_score(targets, predicted), *macro, loss)


def _regression(outputs: np.ndarray, targets: np.ndarray) -> tuple[float, ...]:
    r2 = r2_score(targets, outputs) if len(targets) > 1 else float("nan")
    errors = (metric(targets, outputs) for metric in (mean_absolute_error, root_mean_squared_error))
    return (*errors, r2, mean_squared_error(targets, outputs))


def _check_shapes(task: Task, logits: np.ndarray, targets: np.ndarray) -> None:
    if logits.ndim != 2 or not logits.size:  # noqa: PLR2004 (samples, outputs)
        raise BenchError(f"predictions: found the shape {logits.shape}, expected (samples, outputs), none of them 0")
    expected = logits.shape[:1] if task == "classification" else logits.shape
    if targets.shape != expected:
        raise BenchError(
            f"targets: found the shape {targets.shape}, expected {expected} for {logits.shape} predictions"
        )
    classes = logits.shape[1]
    if task == "classification" and not (targets.min() >= 0 and targets.max() < classes):
        raise DataError(f"targets: found labels {targets.min()} to {targets.max()}, expected 0 to {classes - 1}")


_PRIMARY: dict[Task, Primary] = {
    "classification": Primary("accuracy", "higher"),
    "regression": Primary("r2", "higher"),
}

_METRICS: dict[Task, tuple[tuple[str, ...], Callable[[np.ndarray, np.ndarray], tuple[float, ...]]]] = {
    "classification": (("accuracy", "precision", "recall", "f1", "loss"), _classification),
    "regression": (("mae", "rmse", "r2", "loss"), _regression),
}
