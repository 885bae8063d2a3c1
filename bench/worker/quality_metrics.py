"""Computes quality metrics with scikit-learn from predictions in NumPy, by the same code for every framework."""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int64, Num
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_curve,
    precision_recall_fscore_support,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from bench.datasets.base import Split
from bench.datasets.description import Description, Task
from bench.errors import BenchError, DataError
from bench.records.evaluation import ClassQuality, Error, Evaluation, Picture, Threshold
from bench.workload.recipe import METRICS, Loss

BINARY = 2  # classes
CURVE_POINTS = 101
PAIRS = 400
SHOWN = 16
SMALLEST_SIDE, LARGEST_SIDE = 8, 64  # pixels of samples that are shown as images


def is_diverged(logits: Float[np.ndarray, "..."]) -> bool:
    """Whether an output is no longer a finite number."""
    return not bool(np.isfinite(logits).all())


def classes(outputs: Float[np.ndarray, "samples outputs"]) -> Int64[np.ndarray, " samples"]:
    """The class of the largest output; for a single output, class 1 where it is above 0."""
    found: np.ndarray = (outputs[:, 0] > 0) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return found.astype(np.int64)


def probabilities(outputs: Float[np.ndarray, "samples outputs"], loss: Loss) -> Float[np.ndarray, "samples classes"]:
    """The probability of each class: softmax of the outputs for cross-entropy, else their sigmoid."""
    found: np.ndarray = softmax(outputs, axis=1) if loss == "cross_entropy" else expit(outputs)
    return np.hstack([1 - found, found]) if found.shape[1] == 1 else found


def confidences(outputs: Float[np.ndarray, "samples outputs"], loss: Loss) -> Float[np.ndarray, " samples"]:
    """The largest probability of each sample; for a single sample this is faster than all probabilities."""
    found: np.ndarray
    if loss != "cross_entropy" or outputs.shape[1] == 1:
        found = probabilities(outputs, loss).max(axis=1)
    else:
        found = 1 / np.exp(outputs - outputs.max(axis=1, keepdims=True)).sum(axis=1)
    return found


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The predictions of a network with their targets: labels (samples,), or numbers (samples, outputs).

    Classification has a logit for each class, or a single logit for two classes. `mean` and `deviation` convert scaled
    targets back to their own unit, column by column. Raises BenchError if the shapes do not match, DataError for a
    label outside the classes.
    """

    task: Task
    loss: Loss
    logits: Float[np.ndarray, "..."]
    targets: Num[np.ndarray, "..."]
    mean: Float[np.ndarray, " columns"] = field(default_factory=lambda: np.zeros(1))
    deviation: Float[np.ndarray, " columns"] = field(default_factory=lambda: np.ones(1))

    def __post_init__(self) -> None:
        """Refuse shapes that do not match."""
        _check_shapes(self.task, self.logits, self.targets)

    @cached_property
    def outputs(self) -> np.ndarray:
        """The logits in float64."""
        return self.logits.astype(np.float64)

    @cached_property
    def predicted(self) -> Int64[np.ndarray, " samples"]:
        """The predicted class of each sample."""
        return classes(self.outputs)

    @cached_property
    def probabilities(self) -> Float[np.ndarray, "samples classes"]:
        """The probability of each class."""
        return probabilities(self.outputs, self.loss)

    @cached_property
    def numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets and predictions in the target's own unit."""
        return self.targets * self.deviation + self.mean, self.outputs * self.deviation + self.mean

    @cached_property
    def macro(self) -> tuple[float, float, float]:
        """Precision, recall and F1: of class 1 if there are two classes, else the mean over the classes that occur."""
        average = "binary" if self.probabilities.shape[1] == BINARY else "macro"
        found = precision_recall_fscore_support(self.targets, self.predicted, average=average, zero_division=0)
        return found[0], found[1], found[2]


def evaluate(found: Answers, metrics: Iterable[str] | None = None) -> dict[str, float]:
    """Quality metrics of the task, all of them or those in `metrics`, computed in float64.

    A metric is NaN where the logits are not finite.

    Classification:
        accuracy: Correct predictions / samples.
        precision: True positives / (true positives + false positives). With two classes: of class 1. Else: the mean
            over the classes that occur in labels or predictions. A class without predictions counts as 0.
        recall: True positives / (true positives + false negatives), for the same classes. A class without samples
            counts as 0.
        f1: 2 × precision × recall / (precision + recall) of each class, for the same classes.
        roc_auc: Area under the ROC curve. With more than two classes: the mean over the classes that occur, each
            against all others. NaN if only one class occurs.
        loss: The loss of the recipe, as a mean over samples. Cross-entropy is in nats.

    Regression:
        r2: 1 − Σ(target − prediction)² / Σ(target − mean target)², as a mean over outputs. NaN for a single sample.
        mae: Σ|target − prediction| / samples, in the unit of the target, as a mean over outputs.
        rmse: √(Σ(target − prediction)² / samples), in the unit of the target, as a mean over outputs.
        loss: The mean squared error of the targets as they were trained on, which may be standardised.
    """
    names = tuple(METRICS[found.task] if metrics is None else metrics)
    if is_diverged(found.logits):
        return dict.fromkeys(names, float("nan"))
    return {name: float(_METRICS[found.task, name](found)) for name in names}


def answers(description: Description, loss: Loss, logits: np.ndarray, split: Split) -> Answers:
    """The predictions of a network for one part of a data set."""
    return Answers(
        task=description.task,
        loss=loss,
        logits=logits,
        targets=split.targets,
        mean=split.target_mean,
        deviation=split.target_deviation,
    )


def judge(
    found: Answers, *, chosen: Answers | None, naive: Answers | None, inputs: Num[np.ndarray, "samples ..."]
) -> Evaluation:
    """What a report shows besides the metrics: confusion, errors, images, threshold; empty if an output is not finite.

    For two classes `threshold` is the one with the best F1 in `chosen` (predictions for validation data; None takes
    those in `found`), with its quality in `found`. `naive` are the predictions of the naive forecast. Of several
    outputs the first is shown.
    """
    if is_diverged(found.logits):
        return Evaluation()
    if found.task == "regression":
        truth, predicted = (values[:, 0] for values in found.numbers)
        errors = np.abs(predicted - truth)
        first, worst = _first(errors, truth, predicted), _worst(errors, truth, predicted)
        shown = np.linspace(0, len(truth) - 1, min(PAIRS, len(truth))).astype(int)
        return Evaluation(
            pairs=tuple((float(truth[row]), float(predicted[row])) for row in shown),
            first=first,
            worst=worst,
            pictures=_pictures(inputs, (*first, *worst)),
            naive={}
            if naive is None
            else {name: float(_METRICS["regression", name](naive)) for name in ("mae", "rmse")},
        )
    width = found.probabilities.shape[1]
    believed = found.probabilities[np.arange(len(found.targets)), found.targets]
    wrong = np.where(found.predicted == found.targets, 0.0, 1 - believed)
    first, worst = (pick(wrong, found.targets, found.predicted) for pick in (_first, _worst))
    scores = precision_recall_fscore_support(found.targets, found.predicted, labels=range(width), zero_division=0)
    return Evaluation(
        by_class=tuple(
            ClassQuality(precision=float(precision), recall=float(recall), f1=float(f1), samples=int(samples))
            for precision, recall, f1, samples in zip(*scores, strict=True)
        ),
        confusion=tuple(map(tuple, confusion_matrix(found.targets, found.predicted, labels=range(width)).tolist())),
        first=first,
        worst=worst,
        pictures=_pictures(inputs, (*first, *worst)),
        threshold=_threshold(found, chosen or found, own=chosen is None) if width == BINARY else None,
    )


def _threshold(found: Answers, chosen: Answers, *, own: bool) -> Threshold:
    scores = chosen.probabilities[:, 1]
    precision, recall, thresholds = precision_recall_curve(chosen.targets, scores)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)[:-1]
    best = float(thresholds[f1.argmax()])
    label = (found.probabilities[:, 1] >= best).astype(np.int64)
    here = precision_recall_fscore_support(found.targets, label, average="binary", zero_division=0)
    precision, recall, thresholds = precision_recall_curve(found.targets, found.probabilities[:, 1])
    shown = np.unique(np.linspace(0, len(thresholds) - 1, CURVE_POINTS).astype(int))
    return Threshold(
        value=best,
        chosen_on="test" if own else "validation",
        accuracy=float(accuracy_score(found.targets, label)),
        precision=float(here[0]),
        recall=float(here[1]),
        f1=float(here[2]),
        curve=tuple((float(thresholds[at]), float(precision[at]), float(recall[at])) for at in shown),
    )


def _first(errors: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> tuple[Error, ...]:
    """The first samples, whether predicted correctly or not."""
    return _errors(np.arange(min(SHOWN, len(errors))), errors, truth, predicted)


def _worst(errors: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> tuple[Error, ...]:
    """The samples with the largest errors; samples without an error are left out."""
    rows = np.argsort(-errors, kind="stable")[:SHOWN]
    return _errors(rows[errors[rows] > 0], errors, truth, predicted)


def _errors(
    rows: Int64[np.ndarray, " shown"], errors: np.ndarray, truth: np.ndarray, predicted: np.ndarray
) -> tuple[Error, ...]:
    return tuple(
        Error(sample=int(row), truth=float(truth[row]), predicted=float(predicted[row]), size=float(errors[row]))
        for row in rows
    )


def _pictures(inputs: np.ndarray, shown: Iterable[Error]) -> tuple[Picture, ...]:
    """These samples as images on one common scale; empty if the samples are not images, or are too large."""
    shape = inputs.shape[1:]
    height, width, channels = (*shape, 1, 1, 1)[:3]
    sides = (height, width)
    if len(shape) not in {2, 3} or channels not in {1, 3} or min(sides) < SMALLEST_SIDE or max(sides) > LARGEST_SIDE:
        return ()
    numbers = sorted({item.sample for item in shown})
    chosen = inputs[numbers].astype(np.float64)
    low, high = chosen.min(), chosen.max()
    pixels = np.rint(255 * (chosen - low) / (high - low or 1)).astype(np.uint8)
    return tuple(
        Picture(sample=number, shape=(height, width, channels), pixels=b64encode(image.tobytes()).decode())
        for number, image in zip(numbers, pixels, strict=True)
    )


def _loss(answers: Answers) -> float:
    outputs, targets = answers.outputs, answers.targets
    if answers.loss == "mean_squared_error":
        return float(mean_squared_error(targets, outputs))
    if answers.loss == "cross_entropy":
        return float(-log_softmax(outputs, axis=1)[np.arange(len(targets)), targets].mean())
    width = outputs.shape[1]
    encoded = targets[:, None] == (np.arange(width) if width > 1 else 1)
    if answers.loss == "binary_cross_entropy":
        return float((np.logaddexp(0, outputs) - outputs * encoded).mean())
    return float(np.square(expit(outputs) - encoded).mean())


def _roc_auc(answers: Answers) -> float:
    present = np.unique(answers.targets)
    if len(present) < BINARY:
        return float("nan")
    if answers.probabilities.shape[1] == BINARY:
        return float(roc_auc_score(answers.targets, answers.probabilities[:, 1]))
    one_hot = answers.targets[:, None] == present
    return float(roc_auc_score(one_hot, answers.probabilities[:, present], average="macro"))


def _r2(answers: Answers) -> float:
    return float(r2_score(*answers.numbers)) if len(answers.targets) > 1 else float("nan")


def _check_shapes(task: Task, logits: np.ndarray, targets: np.ndarray) -> None:
    if logits.ndim != 2 or not logits.size:  # noqa: PLR2004 (samples, outputs)
        raise BenchError(f"predictions: found the shape {logits.shape}, expected (samples, outputs), both at least 1")
    expected = logits.shape[:1] if task == "classification" else logits.shape
    if targets.shape != expected:
        raise BenchError(
            f"targets: found the shape {targets.shape}, expected {expected} for {logits.shape} predictions"
        )
    classes = max(BINARY, logits.shape[1])
    if task == "classification" and not (targets.min() >= 0 and targets.max() < classes):
        raise DataError(f"targets: found labels {targets.min()} to {targets.max()}, expected 0 to {classes - 1}")


_METRICS: dict[tuple[Task, str], Callable[[Answers], float]] = {
    ("classification", "accuracy"): lambda answers: float(accuracy_score(answers.targets, answers.predicted)),
    ("classification", "precision"): lambda answers: answers.macro[0],
    ("classification", "recall"): lambda answers: answers.macro[1],
    ("classification", "f1"): lambda answers: answers.macro[2],
    ("classification", "roc_auc"): _roc_auc,
    ("classification", "loss"): _loss,
    ("regression", "r2"): _r2,
    ("regression", "mae"): lambda answers: float(mean_absolute_error(*answers.numbers)),
    ("regression", "rmse"): lambda answers: float(root_mean_squared_error(*answers.numbers)),
    ("regression", "loss"): _loss,
}
