import numpy as np
import pytest
from sklearn.datasets import load_digits

from bench.datasets import digits
from bench.datasets.base import checksum, load
from bench.errors import DataError

TABLE = {"name": "digits"}


def test_the_fingerprint_is_the_checksum_of_the_arrays() -> None:
    train, test = load(TABLE).train, load(TABLE).test
    arrays = (train.inputs, test.inputs, train.targets, test.targets)
    assert checksum(*arrays) == digits.SHA256
    assert checksum(*arrays[::-1]) != digits.SHA256


def test_the_two_parts_together_are_scikit_learns_digits_divided_by_16() -> None:
    train, test = load(TABLE).train, load(TABLE).test
    assert (len(train), len(test)) == (1437, 360)
    ours = np.concatenate([train.inputs, test.inputs]).reshape(-1, 64) * 16
    theirs = load_digits().data.astype(np.float32)
    assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))
    assert sorted(map(tuple, ours + 1)) != sorted(map(tuple, theirs))


def test_every_class_has_the_same_share_in_both_parts() -> None:
    dataset = load(TABLE)
    shares = np.bincount(dataset.test.targets) / (
        np.bincount(dataset.test.targets) + np.bincount(dataset.train.targets)
    )
    assert np.abs(shares - 0.2).max() < 0.005
    assert np.abs(np.bincount(dataset.train.targets[:360]) / 360 - 0.1).max() > 0.005


def test_other_data_in_scikit_learn_are_refused_with_their_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "DARKEST", 15)
    with pytest.raises(DataError, match=f"found sha256 [0-9a-f]{{64}}, expected {digits.SHA256}; install"):
        _ = load(TABLE).train
