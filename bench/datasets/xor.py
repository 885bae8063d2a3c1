"""Exclusive or: four points; class 1 if the two coordinates differ. The classes are not linearly separable."""

import hashlib

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, checked

POINTS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True, slots=True, config=checked)
class Options:
    """This data set has no other keys."""


def describe(_options: Options) -> Description:
    """The training part and the test part are the same four points."""
    return Description(
        name="xor",
        task="classification",
        sample_shape=(2,),
        outputs=2,
        train=len(POINTS),
        test=len(POINTS),
        labels=("equal", "different"),
        source="the truth table of exclusive or",
        download=False,
    )


def fingerprint(_options: Options) -> str:
    """The sha256 in hex of the points."""
    return hashlib.sha256(repr(POINTS).encode()).hexdigest()


def read(_options: Options, _part: Part) -> Split:
    """All four points."""
    points = np.array(POINTS)
    return Split(inputs=points.astype(np.float32), targets=(points[:, 0] != points[:, 1]).astype(np.int64))
