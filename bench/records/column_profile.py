"""Defines the profile of a column: how often its values fall into each bin, so that later data can be compared with it.

A profile is stored in place of the data.
"""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.evaluation import stored

FORMAT = 1
SCORES = "(scores)"  # the key of a model's scores beside the columns of later data
Kind = Literal["number", "category", "text"]
Group = Literal["input", "answer", "output"]


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class ColumnProfile:
    """How the values of one column are distributed.

    Attributes:
        name: The name of the column.
        kind: `number`, `category`, or `text`: words of which nearly every row has another one, such as an id.
        group: `input`; `answer`, what a model has to predict; or `output` of a model.
        counts: How many values are in each bin. Missing values are in none.
        edges: The upper ends of all bins but the last, for numbers: quantiles of the reference.
        categories: The words of all bins but the last. The last bin has all others.
        missing: How many rows have no value.
        deviation: The standard deviation of the central 99 % of the values, for numbers.
        others: Some of the words in the last bin.
        of_numbers: Whether the words are numbers, as of a flag: later data are then read as numbers too.
    """

    name: str
    kind: Kind
    group: Group = "input"
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    missing: int = 0
    deviation: float = 0.0
    others: tuple[str, ...] = ()
    of_numbers: bool = False

    @property
    def rows(self) -> int:
        """How many rows have a value."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Profile:
    """The profiles of all columns, and where the data came from.

    Attributes:
        format: The version of this form.
        source: The data in words.
        columns: The columns. Those of the group `output` may have another number of rows: a model's outputs are
            profiled on data that it was not trained on.
        metric: The metric of the model's quality: `accuracy` or `mae`. Empty without a model.
        quality: Its value on the test data.
    """

    format: int = FORMAT
    source: str
    columns: tuple[ColumnProfile, ...]
    metric: str = ""
    quality: float | None = None
