"""Arrays of an .npz file that cannot be used are refused with what to write; what is advised is then read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.datasets.description import Description, describe
from bench.errors import DataError

CLASSES = np.arange(30) % 3
INPUTS = np.random.default_rng(0).normal(size=(30, 4))


def read(folder: Path, targets: Any, inputs: np.ndarray = INPUTS, task: str = "classification") -> Description:  # noqa: ANN401 (arrays of all kinds)
    path = folder / f"own{len(list(folder.iterdir()))}.npz"
    np.savez(path, inputs=inputs, targets=targets)
    return describe({"kind": "npz", "path": str(path), "task": task})


def refused(folder: Path, *given: Any, **options: Any) -> str:  # noqa: ANN401 (arrays of all kinds)
    with pytest.raises(DataError) as caught:
        read(folder, *given, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("targets", "inputs", "told"),
    [
        (CLASSES + 0.5, INPUTS, "found numbers with decimals"),
        (np.ones((30, 2)), INPUTS, "found labels of shape (30, 2)"),
        (np.zeros(30, int), INPUTS, "found a single class"),
        (CLASSES[:29], INPUTS, "one target for each sample"),
    ],
)
def test_targets_that_are_no_labels_are_refused_in_plain_words(
    tmp_path: Path, targets: np.ndarray, inputs: np.ndarray, told: str
) -> None:
    message = refused(tmp_path, targets, inputs)
    assert told in message
    assert not any(word in message for word in ("<U", "float64", "bool", "dtype", "pickle"))
    assert read(tmp_path, CLASSES, inputs).outputs == 3


def test_all_faults_of_both_arrays_are_told_at_once(tmp_path: Path) -> None:
    images = np.zeros((30, 3, 8, 8))
    images[4, 0, 0, 0] = np.nan
    message = refused(tmp_path, CLASSES[:29], images)
    for part in ("inputs, sample 4: found NaN", "whose first axis looks like channels"):
        assert part in message
    alone = refused(tmp_path, CLASSES, np.nan_to_num(images))
    assert "NaN" not in alone


def test_objects_and_text_among_the_inputs_have_a_remedy(tmp_path: Path) -> None:
    for inputs in (INPUTS.astype(object), INPUTS.astype(str)):
        assert "write `array.astype(float)`" in refused(tmp_path, CLASSES, inputs)
        assert read(tmp_path, CLASSES, inputs.astype(float)).outputs == 3
    assert "write `array.astype(int)`" in refused(tmp_path, CLASSES, INPUTS > 0)


def test_numbers_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    assert "there is nothing to learn" in refused(tmp_path, np.ones((30, 2)), task="regression")
    assert read(tmp_path, np.eye(30)[:, :2], task="regression").outputs == 2


@pytest.mark.parametrize("targets", [np.array(1), np.array([]), np.zeros((30, 0)), np.full(30, np.nan)])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_targets_without_samples_or_numbers_end_in_one_message(tmp_path: Path, targets: np.ndarray, task: str) -> None:
    assert "\n" not in refused(tmp_path, targets, task=task)
