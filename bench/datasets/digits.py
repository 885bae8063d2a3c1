"""Handwritten digits of 8 by 8 pixels, which are part of scikit-learn, so that no download is needed."""

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Switch, checked
from bench.errors import DataError

DARKEST = 16
SHA256 = "ac797b01d595abb03a9d1d20effee4c98a4d75f535e077510262fa06003f114d"


@dataclass(frozen=True, slots=True, config=checked)
class Options:
    """How the pixels are given.

    Attributes:
        integers: Whether pixels are the whole numbers 0 to 16, for a network with `vocabulary = 17`. Without this key
            they are these numbers divided by 16.
    """

    integers: Switch = False


def describe(options: Options) -> Description:
    """1437 training images and 360 test images: a split of 80 % and 20 %, stratified by class."""
    return Description(
        name="digits",
        task="classification",
        sample_shape=(8, 8),
        outputs=10,
        train=1437,
        test=360,
        source="scikit-learn's digits (UCI optical recognition of handwritten digits), embedded; "
        + ("pixels from 0 to 16" if options.integers else "pixels/16"),
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The checksum of the four arrays, which `read` verifies; another one for pixels as whole numbers."""
    return f"{SHA256}, integers" if options.integers else SHA256


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if the installed scikit-learn has other data or another split."""
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
    pixels = inputs[number] * DARKEST if options.integers else inputs[number]
    return Split(inputs=pixels, targets=targets[number])
