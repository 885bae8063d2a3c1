"""Turns the columns of a user's table into the numbers that a network takes, with scikit-learn.

Every parameter comes from the rows that are learnt from: what is filled into gaps, and the mean and the deviation of a
standardised column. The same estimators are made of these parameters for training and for prediction.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int64

from bench.datasets.own_files.prepared_columns import UNKNOWN, Preparation, PreparedColumn, RawColumn
from bench.datasets.own_files.rows import quoted
from bench.errors import DataError

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline

Values = Float[np.ndarray, "rows columns"]


def fit(
    values: Values, raw: Sequence[RawColumn], learnt: Int64[np.ndarray, " chosen"], *, standardise: bool, scale: float
) -> Preparation:
    """The preparation, with parameters of the rows `learnt`.

    Raises DataError for a column that has no value in these rows, if its mean or median has to fill gaps.
    """
    scaled = _scaled(values[learnt], raw, scale)
    filled = [_filled(column, scaled[:, place], scale) for place, column in enumerate(raw)]
    numbers = [place for place, column in enumerate(raw) if column.kind != "category"]
    means, deviations = np.zeros(len(raw)), np.ones(len(raw))
    if standardise and numbers:
        from sklearn.preprocessing import StandardScaler

        chosen = scaled if len(numbers) == len(raw) else np.ascontiguousarray(scaled[:, numbers])
        scaler = StandardScaler().fit(_without_gaps(chosen, [filled[place] for place in numbers]))
        means[numbers], deviations[numbers] = scaler.mean_, scaler.scale_
    columns = tuple(
        PreparedColumn(
            name=column.name,
            kind=column.kind,
            fill=fill,
            categories=column.categories,
            mean=float(mean),
            deviation=float(deviation),
        )
        for column, fill, mean, deviation in zip(raw, filled, means, deviations, strict=True)
    )
    return Preparation(columns=columns, scale=scale)


def apply(prepared: Preparation, values: Values) -> Float[np.ndarray, "rows places"]:
    """The numbers of these rows. A category that is not known becomes zeros.

    Raises ValueError for a gap in a column that has nothing to fill it; whoever reads the file refuses it before.
    """
    refused = [place for place, column in enumerate(prepared.columns) if column.fill is None]
    if any(np.isnan(values[:, place]).any() for place in refused):
        raise ValueError("found a gap in a column without a value to fill it")
    found: Any = _transformer(prepared.columns).transform(_scaled(values, prepared.columns, prepared.scale))
    return np.asarray(found)


def _filled(column: RawColumn, values: np.ndarray, scale: float) -> float | None:
    """What stands in place of a gap of this column, after the division by `scale`."""
    if column.fill is None or not isinstance(column.fill, str):
        unit = scale if column.kind == "number" else 1.0
        return None if column.fill is None else column.fill / unit
    if np.isnan(values).all():
        raise DataError(
            f"dataset.missing: found {column.fill!r} for {quoted(column.name)}, which has no value in the rows that "
            "are learnt from; expected a number, or leave the column out with dataset.drop"
        )
    from sklearn.impute import SimpleImputer

    (found,) = SimpleImputer(strategy=column.fill).fit(values[:, None]).statistics_
    return float(found)


def _without_gaps(values: Values, fills: Sequence[float | None]) -> Values:
    """The values with their gaps filled; without gaps the same array."""
    if not np.isnan(values).any():
        return values
    return np.where(np.isnan(values), [np.nan if fill is None else fill for fill in fills], values)


def _scaled(values: Values, columns: Sequence[RawColumn] | Sequence[PreparedColumn], scale: float) -> Values:
    if scale == 1:
        return values
    found: np.ndarray = values / np.array([scale if column.kind == "number" else 1.0 for column in columns])
    return found


def _transformer(columns: Sequence[PreparedColumn]) -> "ColumnTransformer":
    """The fitted estimators of all columns; neighbours of the same sort share one."""
    from sklearn.compose import ColumnTransformer
    from sklearn.frozen import FrozenEstimator

    parts, first = [], 0
    for is_category, group in groupby(columns, key=lambda column: column.kind == "category"):
        chosen = list(group)
        estimator = FrozenEstimator(_encoder(chosen) if is_category else _scaler(chosen))
        parts.append((f"columns from {first}", estimator, slice(first, first + len(chosen))))
        first += len(chosen)
    return ColumnTransformer(parts, sparse_threshold=0).fit(np.zeros((1, len(columns))))


def _encoder(columns: Sequence[PreparedColumn]) -> "Pipeline":
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    indices = [np.arange(len(column.categories), dtype=np.float64) for column in columns]
    encoder = OneHotEncoder(categories=indices, handle_unknown="ignore", sparse_output=False)
    return make_pipeline(_imputer(columns), encoder.fit(np.zeros((1, len(columns)))))


def _scaler(columns: Sequence[PreparedColumn]) -> "Pipeline":
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(np.zeros((1, len(columns))))
    scaler.mean_ = np.array([column.mean for column in columns])
    scaler.scale_ = np.array([column.deviation for column in columns])
    scaler.var_ = scaler.scale_**2
    return make_pipeline(_imputer(columns), scaler)


def _imputer(columns: Sequence[PreparedColumn]) -> "SimpleImputer":
    """Fills gaps: the mean of a single row is that row."""
    from sklearn.impute import SimpleImputer

    fills = [UNKNOWN if column.fill is None else column.fill for column in columns]
    return SimpleImputer().fit(np.array([fills], np.float64))
