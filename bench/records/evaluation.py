"""Defines the part of a record about the predictions of a trained network on the test set: errors, confusion, curves.

Fields that do not exist for a task are empty.
"""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

stored = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Error:
    """One sample of the test data with its prediction.

    Attributes:
        sample: The number of the sample, from 0.
        truth: The target: a number, or the number of the class.
        predicted: The prediction: a number, or the number of the class.
        size: The absolute error in the unit of the target. For a wrong class: 1 minus the predicted probability of the
            true class. For a right class: 0.
    """

    sample: int
    truth: float
    predicted: float
    size: float


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Picture:
    """One sample of the test data that is an image.

    Attributes:
        sample: The number of the sample, from 0.
        shape: Height, width and channels.
        pixels: The pixels, 8 bits each, in base64.
    """

    sample: int
    shape: tuple[int, ...]
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Threshold:
    """The decision threshold of two classes: the probability of class 1 from which on class 1 is predicted.

    Attributes:
        value: The threshold with the best F1 on the data in `chosen_on`.
        chosen_on: The data on which the threshold was chosen.
        accuracy: Accuracy on the test data with this threshold.
        precision: Precision of class 1 on the test data with this threshold.
        recall: Recall of class 1 on the test data with this threshold.
        f1: F1 of class 1 on the test data with this threshold.
        curve: Threshold, precision and recall on the test data, point by point.
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
    """The quality of one class on the test data.

    Attributes:
        precision: Correct predictions of the class / all predictions of the class.
        recall: Correct predictions of the class / all samples of the class.
        f1: 2 × precision × recall / (precision + recall).
        samples: The samples of the class.
    """

    precision: float
    recall: float
    f1: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Evaluation:
    """Details of the quality on the test data. Parts that the task does not have are empty.

    Attributes:
        confusion: The confusion matrix: samples by true class (rows) and predicted class (columns).
        by_class: The quality of each class.
        threshold: The decision threshold, for two classes.
        pairs: Target and prediction of samples spread evenly over the test data, in the unit of the target.
        first: The first samples of the test data.
        worst: The samples with the largest errors.
        pictures: The samples of `first` and `worst`, if they are images.
        naive: The metrics of a naive forecast of a sequence, which repeats the last value.
    """

    confusion: tuple[tuple[int, ...], ...] | None = None
    by_class: tuple[ClassQuality, ...] = ()
    threshold: Threshold | None = None
    pairs: tuple[tuple[float, float], ...] = ()
    first: tuple[Error, ...] = ()
    worst: tuple[Error, ...] = ()
    pictures: tuple[Picture, ...] = ()
    naive: dict[str, float] = Field(default_factory=dict)
