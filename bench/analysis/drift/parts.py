"""Collects later data chunk by chunk: all rows together, and each period or group by itself."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.analysis.drift import profiles, quality
from bench.analysis.drift.profiles import Chunk
from bench.analysis.drift.quality import Metric, Quality
from bench.analysis.drift.verdicts import Rows
from bench.errors import UsageError
from bench.records.column_profile import ColumnProfile

MOST = 200  # periods or groups
NO_VALUE = "(no value)"


@final
class Parts:
    """The profiles of later rows. `columns` are those of the reference, `by` the column that is no input in a part.

    `metric` and `limit` are about the scores of the model, if there are any.
    """

    def __init__(
        self, columns: Sequence[ColumnProfile], *, by: str = "", metric: Metric = "accuracy", limit: float | None = None
    ) -> None:
        self._empty = profiles.current(columns, ())
        self._of_part = tuple(item for item in self._empty if item.name != by)
        self._whole = _Part(self._empty)
        self._parts: dict[str, _Part] = {}
        self._metric: Metric = metric
        self._limit = limit

    def add(
        self, chunk: Chunk, *, names: np.ndarray | None = None, scores: Float[np.ndarray, " rows"] | None = None
    ) -> None:
        """Add rows; `names` (rows,) are those of their parts, `scores` (rows,) are NaN without a known answer.

        Raises UsageError if there are too many parts.
        """
        self._whole.add(chunk, scores)
        if names is None:
            return
        for name, places in pd.Series(np.arange(len(names))).groupby(names, dropna=False):
            chosen = places.to_numpy()
            label = NO_VALUE if name != name or not str(name).strip() else str(name)  # noqa: PLR0124 (NaN is the group of missing values)
            part = self._parts.setdefault(label, _Part(self._of_part))
            if len(self._parts) > MOST:
                raise UsageError(
                    f"--by: found more than {MOST} different values, expected at most {MOST}; for dates add a period, "
                    "such as --by date:month"
                )
            part.add(
                {item.name: chunk[item.name][chosen] for item in self._of_part},
                None if scores is None else scores[chosen],
            )

    def found(self) -> tuple[Rows, ...]:
        """All rows, then the parts in order. Rows before the first window of a series have no output and no gap."""
        return (
            self._rows("", self._whole),
            *(self._rows(name, self._parts[name]) for name in sorted(self._parts, key=_order)),
        )

    def _rows(self, name: str, part: "_Part") -> Rows:
        known = part.scores
        judged: Quality | None = None
        if len(known) and self._limit is not None:
            judged = quality.of_scores(self._metric, known, self._limit)
        columns = [replace(item, missing=0) if item.group == "output" else item for item in part.columns]
        return Rows(name=name, rows=part.rows, columns=columns, quality=judged)


def _order(name: str) -> tuple[bool, bool, float, str]:
    """Numbers by size, then names by text, so that 10 comes after 9; rows without a value are last."""
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    known = math.isfinite(number)
    return name == NO_VALUE, not known, number if known else 0.0, name


@final
class _Part:
    """The rows of one part."""

    def __init__(self, columns: tuple[ColumnProfile, ...]) -> None:
        self.columns, self.rows = columns, 0
        self._scores: list[np.ndarray] = []

    def add(self, chunk: Chunk, scores: Float[np.ndarray, " rows"] | None) -> None:
        self.rows += len(next(iter(chunk.values()), ()))
        self.columns = tuple(profiles.added(item, profiles.counted(item, chunk[item.name])) for item in self.columns)
        if scores is not None:
            self._scores.append(scores[np.isfinite(scores)])

    @property
    def scores(self) -> np.ndarray:
        """The scores of the rows with a known answer."""
        return np.concatenate(self._scores) if self._scores else np.zeros(0)
