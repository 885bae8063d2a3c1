"""Handwritten digits of 8 by 8 pixels, which are part of scikit-learn, so that no download is needed."""

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, checked
from bench.errors import DataError

DARKEST = 16
SHA256 = "ac797b01d595abb03a9d1d20effee4c98a4d75f535e077510262fa06003f114d"


@dataclass(frozen=True, slots=True, config=checked)
class Options:
    """This data set has no other keys."""


def describe(_options: Options) -> Description:
    """1437 training images and 360 test images: a split of 80 % and 20 %, stratified by class."""
    return Description(
        name="digits",
        task="classification",
        sample_shape=(8, 8),
        outputs=10,
        train=1437,
        test=360,
        source="scikit-learn's digits (UCI optical recognition of handwritten digits), embedded; pixels/16",
        download=False,
    )


def fingerprint(_options: Options) -> str:
    """The checksum of the four arrays, which `read` verifies."""
    return SHA256


def read(_options: Options, part: Part) -> Split:
    """One part, pixels from 0 to 1; raises DataError if the installed scikit-learn has other data or another split."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images, labels = (digits.images / DARKEST).astype(np.float32), digits.target.astype(np.int64)
    arrays = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    found = checksum(*arrays)
    if found != SHA256:
        raise DataError(
            f"data set 'digits' of scikit-learn: found sha256 {found}, expected {SHA256}; install a release of "
            "scikit-learn that this version of levelfield was tested with"
        )
    inputs, targets = arrays[:2], arrays[2:]
    number = ("train", "test").index(part)
    return Split(inputs=inputs[number], targets=targets[number])
