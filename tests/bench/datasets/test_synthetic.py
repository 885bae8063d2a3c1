import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from bench.datasets.base import Dataset, Split, checksum, load

CLASSES: dict[str, object] = {"name": "synthetic", "shape": [8, 8], "classes": 5, "train": 400, "test": 200}
NUMBERS: dict[str, object] = {"name": "synthetic", "shape": [5, 4], "outputs": 3, "train": 400, "test": 200}


def _checksum(dataset: Dataset) -> str:
    return checksum(*(array for part in (dataset.train, dataset.test) for array in (part.inputs, part.targets)))


def _nearest_class_accuracy(train: Split, test: Split) -> float:
    """The accuracy of a classifier that picks the class with the nearest mean image."""
    means = np.stack([train.inputs[train.targets == label].mean(axis=0) for label in range(5)])
    distances = ((test.inputs[:, None] - means) ** 2).sum(axis=(2, 3))
    return float((distances.argmin(axis=1) == test.targets).mean())


def _linear_r2(train: Split, test: Split) -> float:
    fitted = LinearRegression().fit(train.inputs.reshape(len(train), -1), train.targets)
    return float(fitted.score(test.inputs.reshape(len(test), -1), test.targets))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (CLASSES, "332749f54236e3a0ef5da9cb2d42505a82edea6c75430e17a5b1888be15c7fcc"),
        (NUMBERS, "9bb2d5752960cca36c26143a80d9f499d9c7cf6374712fbde5ebae616be424d7"),
    ],
    ids=["classes", "numbers"],
)
def test_the_data_are_bitwise_the_same_on_every_machine(table: dict[str, object], expected: str) -> None:
    assert _checksum(load(table)) == expected
    assert _checksum(load({**table, "seed": 1})) != expected


def test_sums_are_exact_in_any_order() -> None:
    inputs = load({**NUMBERS, "shape": [784]}).train.inputs.astype(np.float64)
    assert (inputs.sum(axis=1) == inputs[:, ::-1].cumsum(axis=1)[:, -1]).all()
    assert ((inputs / 3).sum(axis=1) != (inputs / 3)[:, ::-1].cumsum(axis=1)[:, -1]).any()


def test_the_classes_can_be_learnt_but_not_from_shuffled_labels() -> None:
    dataset = load(CLASSES)
    shuffled = Split(inputs=dataset.train.inputs, targets=np.random.default_rng(0).permutation(dataset.train.targets))
    assert _nearest_class_accuracy(dataset.train, dataset.test) > 0.95
    assert _nearest_class_accuracy(shuffled, dataset.test) < 0.6


def test_the_numbers_can_be_learnt_but_not_from_shuffled_targets() -> None:
    dataset = load(NUMBERS)
    shuffled = Split(inputs=dataset.train.inputs, targets=np.random.default_rng(0).permutation(dataset.train.targets))
    assert _linear_r2(dataset.train, dataset.test) > 0.95
    assert _linear_r2(shuffled, dataset.test) < 0.1


def test_a_part_does_not_depend_on_the_size_of_the_other_part() -> None:
    small = load({**CLASSES, "train": 10})
    assert checksum(small.test.inputs) == checksum(load(CLASSES).test.inputs)
    assert checksum(small.test.inputs) != checksum(load({**CLASSES, "seed": 1}).test.inputs)


@pytest.mark.parametrize("shape", [[1], [784], [28, 28, 1], [3, 2, 4, 5]], ids=str)
def test_samples_can_have_any_shape(shape: list[int]) -> None:
    assert load({**CLASSES, "shape": shape}).test.inputs.shape == (200, *shape)
