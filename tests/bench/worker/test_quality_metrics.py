"""Every metric equals a value computed by hand; an evaluation has confusion, errors, images and threshold."""

from base64 import b64decode

import numpy as np
import pytest

from bench.datasets.base import Split
from bench.datasets.description import Description
from bench.errors import BenchError, DataError
from bench.worker import quality_metrics
from bench.worker.quality_metrics import Answers, is_diverged, judge
from bench.workload.recipe import LOSSES, Loss

LOGITS = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 4.0, 0.0], [4.0, 0.0, 0.0]], np.float32)
LABELS = np.array([0, 1, 1, 1])
OUTPUTS = np.array([[1.0], [2.0], [3.0], [6.0]], np.float32)
TARGETS = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
SCALE = {"mean": np.full(1, 100.0), "deviation": np.full(1, 10.0)}
FLAT = np.zeros((4, 3), np.float32)  # samples that are not images
# Probabilities of class 1: 0.1, 0.6, 0.3, 0.9. The threshold 0.5 is wrong for one sample of each class, 0.3 for one.
BINARY_LOGITS = np.log(np.array([[1 / 9], [6 / 4], [3 / 7], [9]]))
BINARY_LABELS = np.array([0, 0, 1, 1])


def evaluate(task: str, logits: np.ndarray, targets: np.ndarray, **more: object) -> dict[str, float]:
    return quality_metrics.evaluate(answers(task, logits, targets, **more))


def answers(task: str, logits: np.ndarray, targets: np.ndarray, **more: object) -> Answers:
    given = {"task": task, "loss": LOSSES[task][0], "logits": logits, "targets": targets, **more}
    return Answers(**given)  # type: ignore[arg-type]


def test_classification_by_hand() -> None:
    """Classes 0 and 1 occur: precision 1/2 and 1, recall 1 and 2/3, so F1 is 2/3 and 4/5."""
    right, wrong = (np.log(np.exp(4) + 2) - logit for logit in (4, 0))
    expected = {"accuracy": 0.75, "precision": 0.75, "recall": 5 / 6, "f1": 11 / 15, "loss": (3 * right + wrong) / 4}
    expected["roc_auc"] = 5 / 6  # of each class 3 pairs: two in order and one tied
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
    found = evaluate("classification", LOGITS[[0, 0]], np.array([0, 2]))
    assert found["precision"] == pytest.approx(0.25)
    assert found["recall"] == pytest.approx(0.5)


def test_one_sample_has_no_r2_and_equal_targets_have_one() -> None:
    assert np.isnan(evaluate("regression", OUTPUTS[:1], TARGETS[:1])["r2"])
    assert evaluate("regression", np.ones((3, 1)), np.ones((3, 1)))["r2"] == 1.0
    assert evaluate("regression", np.zeros((3, 1)), np.ones((3, 1)))["r2"] == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_make_every_metric_nan(value: float) -> None:
    logits, outputs = LOGITS.copy(), OUTPUTS.copy()
    logits[2, 1] = outputs[2, 0] = value
    assert is_diverged(logits)
    assert not is_diverged(LOGITS)
    for task, bad, good, targets in (
        ("classification", logits, LOGITS, LABELS),
        ("regression", outputs, OUTPUTS, TARGETS),
    ):
        diverged = evaluate(task, bad, targets)
        healthy = evaluate(task, good, targets)
        assert diverged.keys() == healthy.keys()
        assert all(np.isnan(number) for number in diverged.values())
        assert not any(np.isnan(number) for number in healthy.values())


def test_two_classes_by_hand_from_one_logit() -> None:
    """Precision, recall and F1 are those of class 1; three of the four pairs of one sample per class are in order."""
    bce = -np.log([0.9, 0.4, 0.3, 0.9]).mean()
    expected = {"accuracy": 0.5, "precision": 0.5, "recall": 0.5, "f1": 0.5, "roc_auc": 0.75, "loss": bce}
    found = evaluate("classification", BINARY_LOGITS, BINARY_LABELS, loss="binary_cross_entropy")
    assert found == pytest.approx(expected, rel=1e-12)
    assert evaluate("classification", -BINARY_LOGITS, BINARY_LABELS, loss="binary_cross_entropy")["roc_auc"] == 0.25


def test_the_squared_error_of_sigmoids_by_hand() -> None:
    found = evaluate("classification", BINARY_LOGITS, BINARY_LABELS, loss="sigmoid_mean_squared_error")
    assert found["loss"] == pytest.approx((0.1**2 + 0.6**2 + 0.7**2 + 0.1**2) / 4, rel=1e-12)
    several = evaluate("classification", np.zeros((2, 3)), np.array([0, 2]), loss="sigmoid_mean_squared_error")
    assert several["loss"] == 0.25, "each of the three outputs is 0.5 away from its 0 or 1"


def test_the_loss_of_a_confident_mistake_does_not_overflow() -> None:
    logits, label = np.array([[-1000.0], [1000.0]]), np.array([1, 1])
    assert evaluate("classification", logits, label, loss="binary_cross_entropy")["loss"] == 500.0


def test_roc_auc_of_one_class_is_nan() -> None:
    assert np.isnan(evaluate("classification", LOGITS[:1], LABELS[:1])["roc_auc"])


def test_errors_are_in_the_targets_own_unit_and_the_loss_is_not() -> None:
    found = evaluate("regression", OUTPUTS, TARGETS, **SCALE)
    assert found == pytest.approx({"mae": 5.0, "rmse": 10.0, "r2": 0.2, "loss": 1.0}, rel=1e-12)


def test_the_confusion_matrix_counts_classes_by_row() -> None:
    found = judge(answers("classification", LOGITS, LABELS), chosen=None, naive=None, inputs=FLAT)
    assert found.confusion == ((1, 0, 0), (1, 2, 0), (0, 0, 0))
    scores = [(item.precision, item.recall, item.f1, item.samples) for item in found.by_class]
    assert scores == [(0.5, 1.0, pytest.approx(2 / 3), 1), (1.0, pytest.approx(2 / 3), 0.8, 3), (0.0, 0.0, 0.0, 0)]
    assert [(item.sample, item.truth, item.predicted) for item in found.worst] == [(3, 1, 0)]
    assert found.threshold is None


def test_the_threshold_is_chosen_on_validation_data_and_reported_on_the_test_set() -> None:
    test = answers("classification", BINARY_LOGITS, BINARY_LABELS, loss="binary_cross_entropy")
    flat = answers("classification", np.log(np.array([[1 / 4], [1]])), np.array([0, 1]), loss="binary_cross_entropy")
    own, chosen = (judge(test, chosen=each, naive=None, inputs=FLAT).threshold for each in (None, flat))
    assert own is not None
    assert chosen is not None
    assert (own.chosen_on, chosen.chosen_on) == ("test", "validation")
    assert [own.value, own.f1, chosen.value, chosen.f1] == pytest.approx([0.3, 0.8, 0.5, 0.5])
    assert own.curve == chosen.curve
    assert [point[0] for point in own.curve] == pytest.approx([0.1, 0.3, 0.6, 0.9])
    assert own.curve[1] == pytest.approx((0.3, 2 / 3, 1.0))


def test_regression_shows_pairs_and_the_largest_errors_first_in_the_targets_own_unit() -> None:
    last = answers("regression", TARGETS - 1, TARGETS, **SCALE)
    found = judge(answers("regression", OUTPUTS, TARGETS, **SCALE), chosen=None, naive=last, inputs=FLAT)
    assert list(found.pairs) == [(110, 110), (120, 120), (130, 130), (140, 160)]
    assert [(item.sample, item.truth, item.predicted, item.size) for item in found.worst] == [(3, 140, 160, 20)]
    assert found.naive == pytest.approx({"mae": 10.0, "rmse": 10.0})


def test_first_samples_and_worst_errors_are_shown_as_images_on_one_scale() -> None:
    images = np.zeros((4, 8, 9, 1), np.float32)
    images[0, 2, 3, 0], images[3, 0, 0, 0] = 0.5, 1.0
    found = judge(answers("classification", LOGITS, LABELS), chosen=None, naive=None, inputs=images)
    assert [(item.sample, item.size > 0) for item in found.first] == [(0, False), (1, False), (2, False), (3, True)]
    assert [(item.sample, item.shape) for item in found.pictures] == [(number, (8, 9, 1)) for number in range(4)]
    pixels = [np.frombuffer(b64decode(item.pixels), np.uint8).reshape(item.shape) for item in found.pictures]
    assert (pixels[0][2, 3, 0], pixels[3][0, 0, 0], pixels[0].sum(), pixels[1].sum()) == (128, 255, 128, 0)


@pytest.mark.parametrize("shape", [(3,), (30, 1), (7, 8), (65, 8), (8, 8, 2), (8, 8, 1, 1)])
def test_only_samples_that_are_small_images_are_shown_as_images(shape: tuple[int, ...]) -> None:
    found = judge(answers("classification", LOGITS, LABELS), chosen=None, naive=None, inputs=np.zeros((4, *shape)))
    assert found.pictures == ()
    assert len(found.first) == 4


def test_outputs_that_are_not_finite_have_no_evaluation() -> None:
    broken = np.where(LOGITS > 0, np.nan, LOGITS)
    assert judge(answers("classification", broken, LABELS), chosen=None, naive=None, inputs=FLAT).confusion is None


def test_answers_take_loss_and_scale_from_the_recipe_and_the_data() -> None:
    description = Description(
        name="x", task="regression", sample_shape=(1,), outputs=1, train=4, test=4, source="", download=False
    )
    split = Split(inputs=TARGETS, targets=TARGETS, target_mean=np.full(1, 2.0), target_deviation=np.full(1, 3.0))
    found = quality_metrics.answers(description, "mean_squared_error", OUTPUTS, split)
    assert (*found.mean, *found.deviation, found.loss) == (2.0, 3.0, "mean_squared_error")
    assert quality_metrics.evaluate(found, ["mae"]) == {"mae": pytest.approx(1.5)}


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
def test_shapes_that_do_not_match_are_refused(task: str, logits: np.ndarray, targets: np.ndarray, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        evaluate(task, logits, targets)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_outside_the_classes_is_refused(label: int) -> None:
    with pytest.raises(DataError, match=r"targets: found labels .*, expected 0 to 2"):
        evaluate("classification", LOGITS, np.array([0, 1, 1, label]))


@pytest.mark.parametrize(
    ("outputs", "loss"), [(1, "binary_cross_entropy"), (2, "cross_entropy"), (10, "cross_entropy")]
)
def test_the_confidence_is_the_largest_probability(loss: Loss, outputs: int) -> None:
    logits = 5 * np.random.default_rng(0).standard_normal((50, outputs))
    found = quality_metrics.confidences(logits, loss)
    np.testing.assert_allclose(found, quality_metrics.probabilities(logits, loss).max(axis=1), rtol=1e-12)
    assert not np.allclose(found, quality_metrics.confidences(2 * logits, loss))
