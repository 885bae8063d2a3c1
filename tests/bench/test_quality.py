import numpy as np
import pytest

from bench.errors import BenchError, DataError
from bench.quality import evaluate, is_diverged, primary

LOGITS = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 4.0, 0.0], [4.0, 0.0, 0.0]], np.float32)
LABELS = np.array([0, 1, 1, 1])
OUTPUTS = np.array([[1.0], [2.0], [3.0], [6.0]], np.float32)
TARGETS = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)


def test_classification_by_hand() -> None:
    """Classes 0 and 1 occur: precision 1/2 and 1, recall 1 and 2/3, so F1 is 2/3 and 4/5."""
    right, wrong = (np.log(np.exp(4) + 2) - logit for logit in (4, 0))
    expected = {"accuracy": 0.75, "precision": 0.75, "recall": 5 / 6, "f1": 11 / 15, "loss": (3 * right + wrong) / 4}
    assert evaluate("classification", LOGITS, LABELS) == pytest.approx(expected, rel=1e-12)
    assert evaluate("classification", LOGITS[:, ::-1], LABELS) != pytest.approx(expected, rel=1e-12)


def test_regression_by_hand() -> None:
    """One error of 2 in four samples whose targets have a squared deviation of 5."""
    expected = {"mae": 0.5, "rmse": 1.0, "r2": 0.2, "loss": 1.0}
    assert evaluate("regression", OUTPUTS, TARGETS) == pytest.approx(expected, rel=1e-12)
    assert evaluate("regression", OUTPUTS[::-1], TARGETS) != pytest.approx(expected, rel=1e-12)


def test_the_loss_is_exact_where_a_probability_underflows() -> None:
    logits = np.array([[1000.0, 0.0]], np.float32)
    assert evaluate("classification", logits, np.array([1]))["loss"] == 1000.0
    assert evaluate("classification", logits, np.array([0]))["loss"] == 0.0


def test_the_loss_is_computed_in_float64() -> None:
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((200, 10)).astype(np.float32)
    labels = generator.integers(0, 10, 200)
    exact = evaluate("classification", logits.astype(np.float64), labels)
    assert evaluate("classification", logits, labels) == exact
    assert evaluate("classification", logits.astype(np.float16), labels)["loss"] != exact["loss"]


def test_a_class_that_is_never_predicted_counts_as_zero_without_a_warning() -> None:
    quality = evaluate("classification", LOGITS[[0, 0]], np.array([0, 2]))
    assert quality["precision"] == pytest.approx(0.25)
    assert quality["recall"] == pytest.approx(0.5)


def test_one_sample_has_no_r2_and_equal_targets_have_one() -> None:
    assert np.isnan(evaluate("regression", OUTPUTS[:1], TARGETS[:1])["r2"])
    assert evaluate("regression", np.ones((3, 1)), np.ones((3, 1)))["r2"] == 1.0
    assert evaluate("regression", np.zeros((3, 1)), np.ones((3, 1)))["r2"] == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_give_nan_in_every_metric(value: float) -> None:
    logits, outputs = LOGITS.copy(), OUTPUTS.copy()
    logits[2, 1] = outputs[2, 0] = value
    assert is_diverged(logits)
    assert not is_diverged(LOGITS)
    for task, bad, good, targets in (
        ("classification", logits, LOGITS, LABELS),
        ("regression", outputs, OUTPUTS, TARGETS),
    ):
        diverged = evaluate(task, bad, targets)  # type: ignore[arg-type]
        healthy = evaluate(task, good, targets)  # type: ignore[arg-type]
        assert diverged.keys() == healthy.keys()
        assert all(np.isnan(number) for number in diverged.values())
        assert not any(np.isnan(number) for number in healthy.values())


def test_the_main_metric_is_one_of_those_evaluated_and_better_in_its_direction() -> None:
    assert primary("classification") == ("accuracy", "higher")
    assert primary("regression") == ("r2", "higher")
    assert (
        evaluate("classification", LOGITS, LABELS)["accuracy"]
        < evaluate("classification", LOGITS[:3], LABELS[:3])["accuracy"]
    )
    assert evaluate("regression", OUTPUTS, TARGETS)["r2"] < evaluate("regression", TARGETS, TARGETS)["r2"]


@pytest.mark.parametrize(
    ("task", "logits", "targets", "message"),
    [
        ("classification", LOGITS[0], LABELS, r"predictions: found the shape \(3,\), expected \(samples, outputs\)"),
        ("classification", LOGITS[:0], LABELS[:0], r"predictions: found the shape \(0, 3\)"),
        ("classification", LOGITS, LABELS[:3], r"targets: found the shape \(3,\), expected \(4,\)"),
        ("classification", LOGITS, TARGETS, r"targets: found the shape \(4, 1\), expected \(4,\)"),
        ("regression", OUTPUTS, LABELS, r"targets: found the shape \(4,\), expected \(4, 1\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(task: str, logits: np.ndarray, targets: np.ndarray, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        evaluate(task, logits, targets)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_outside_the_classes_is_refused(label: int) -> None:
    with pytest.raises(DataError, match=r"targets: found labels .*, expected 0 to 2"):
        evaluate("classification", LOGITS, np.array([0, 1, 1, label]))
