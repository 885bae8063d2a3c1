"""What people look at when a network has learnt, as it is stored: its answers, its errors.

One part of a record; the parts that a task does not have are empty.
"""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

stored = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Error:
    """One sample of the test set: what it is, what was said, and by how much that is wrong.

    `size` is the absolute error in the target's own unit, or one less the probability that was given to the truth;
    it is 0 where the class is right.
    """

    sample: int
    truth: float
    predicted: float
    size: float


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Picture:
    """One sample of the test set that is an image: its pixels, 8 bits for each, in base64."""

    sample: int
    shape: tuple[int, ...]
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Threshold:
    """The probability of class 1 from which on a sample is called so, and what that gives on the test set.

    It has the best F1 on the data in `chosen_on`. `curve` holds (threshold, precision, recall) on the test set.
    """

    value: float
    chosen_on: Literal["validation", "test"]
    accuracy: float
    precision: float
    recall: float
    f1: float
    curve: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class ClassQuality:
    """How well one class was found: of what was said to be of it, and of what is; and how many samples are."""

    precision: float
    recall: float
    f1: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Evaluation:
    """What people look at beside the metrics, on the test set; empty where the task has no such thing.

    `confusion` counts samples by class (rows) and by prediction (columns), `by_class` has the quality of each; `pairs`
    are (truth, prediction) of samples that are evenly spread over the set, in the target's own unit; `first` are the
    first samples, `worst` those with the largest errors, and `pictures` show both where samples are images; `naive` are
    the metrics of the forecast that a sequence goes on as it ended.
    """

    confusion: tuple[tuple[int, ...], ...] | None = None
    by_class: tuple[ClassQuality, ...] = ()
    threshold: Threshold | None = None
    pairs: tuple[tuple[float, float], ...] = ()
    first: tuple[Error, ...] = ()
    worst: tuple[Error, ...] = ()
    pictures: tuple[Picture, ...] = ()
    naive: dict[str, float] = Field(default_factory=dict)
