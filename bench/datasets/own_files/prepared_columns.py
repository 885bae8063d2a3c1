"""What becomes of each column of a user's table, as plain numbers and names that a saved model keeps."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets.description import checked

Kind = Literal["number", "category", "date"]
Fill = float | Literal["mean", "median"] | None

NO_VALUE = "(no value)"  # the category of words that are missing
UNKNOWN = -1.0  # the index of a word that is no category


class RawColumn(NamedTuple):
    """A column before its preparation: its name, its kind, its categories, and what fills its gaps.

    For a category, the values of the column are indices into `categories`.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    fill: Fill = None

    @property
    def width(self) -> int:
        """How many numbers the column becomes."""
        return len(self.categories) or 1


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class PreparedColumn:
    """One column of the file: what it was, and the parameters with which it becomes numbers.

    Attributes:
        name: The name of the column.
        kind: `number`; `date`, in days since the beginning of 1970; or `category`, one number of 0 or 1 for each.
        fill: What stands in place of a gap: a number, or the index of a category. None if gaps are refused.
        categories: The words in the order of their numbers.
        mean: What is subtracted, after the division by `scale`.
        deviation: The divisor after that. 1 if the column is not standardised.
    """

    name: str
    kind: Kind = "number"
    fill: float | None = None
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: Annotated[float, Field(gt=0)] = 1.0

    @property
    def width(self) -> int:
        """How many numbers the column becomes."""
        return len(self.categories) or 1


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Preparation:
    """The preparation of all columns. `scale` divides the columns of numbers before anything else."""

    columns: tuple[PreparedColumn, ...]
    scale: float = 1.0

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def mean(self) -> Float[np.ndarray, " places"]:
        """The mean of each number that a row becomes, in the unit of the file; 0 for categories."""
        means = [column.mean * self._unit(column) for column in self.columns for _ in range(column.width)]
        return np.array(means, np.float64)

    @property
    def deviation(self) -> Float[np.ndarray, " places"]:
        """The standard deviation of each number that a row becomes, in the unit of the file; 1 for categories."""
        deviations = [column.deviation * self._unit(column) for column in self.columns for _ in range(column.width)]
        return np.array(deviations, np.float64)

    def _unit(self, column: PreparedColumn) -> float:
        return self.scale if column.kind == "number" else 1.0
