"""Makes the profiles of columns from chunks of rows, so that a table of any length fits into memory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import final

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.records.column_profile import ColumnProfile

# The columns of some rows. Numbers are float64 with NaN for a missing value, words are objects with None for it.
Chunk = Mapping[str, np.ndarray]

BINS = 200  # of a column of numbers: quantiles of the reference
CENTRAL = 0.005, 0.995  # the quantiles between which the standard deviation is computed
MOST_CATEGORIES = 50  # bins of a column of words, besides the one for all others
MOST_DIFFERENT = 0.5  # of the rows: with more different words than that, the column is no category
FEWEST_FOR_TEXT = 100  # different words
KEPT = 1_000_000  # rows from which the bins of a column are made
OTHERS = 3
MOST_EXACT = 2.0**53  # below it, every whole number is exact in float64


def reference(chunks: Callable[[], Iterable[Chunk]]) -> tuple[ColumnProfile, ...]:
    """The profile of each column of the reference; `chunks` gives its rows from the beginning, each time it is called.

    Bins are made from a random sample of `KEPT` rows if there are more. All rows are counted: then they are read twice.
    """
    kept = _Kept()
    for chunk in chunks():
        kept.add(chunk)
    if kept.is_whole:
        return tuple(column(name, kept.values(name)) for name in kept.names)
    made = [_emptied(column(name, kept.values(name))) for name in kept.names]
    return current(made, chunks())


def current(columns: Iterable[ColumnProfile], chunks: Iterable[Chunk]) -> tuple[ColumnProfile, ...]:
    """The profiles of later rows, with the bins of the reference's columns."""
    known = {item.name: _emptied(item) for item in columns}
    for chunk in chunks:
        for name, found in known.items():
            known[name] = added(found, counted(found, chunk[name]))
    return tuple(known.values())


def column(name: str, values: np.ndarray) -> ColumnProfile:
    """The profile of a column of the reference, with bins that are made from its values (rows,)."""
    if values.dtype != object:
        made = _number(name, values)
        return counted(made, values) if made else replace(column(name, _as_words(values)), of_numbers=True)
    counts = pd.Series(values).value_counts()
    rows, different = int(counts.sum()), len(counts)
    if different > max(FEWEST_FOR_TEXT, MOST_DIFFERENT * rows):
        return ColumnProfile(name=name, kind="text", counts=(rows,), missing=len(values) - rows)
    words = tuple(str(word) for word in counts.index[:MOST_CATEGORIES])
    return counted(ColumnProfile(name=name, kind="category", counts=(), categories=words), values)


def counted(bins: ColumnProfile, values: np.ndarray) -> ColumnProfile:
    """The profile of these values (rows,) in the bins of another profile."""
    if bins.kind == "number":
        known = values[np.isfinite(values)]
        places = np.searchsorted(bins.edges, known, side="left")
        counts = tuple(np.bincount(places, minlength=len(bins.edges) + 1).tolist())
        return replace(bins, counts=counts, missing=len(values) - len(known))
    words = pd.Series(values if values.dtype == object else _as_words(values)).value_counts()
    rows = int(words.sum())
    if bins.kind == "text":
        return replace(bins, counts=(rows,), missing=len(values) - rows)
    named = [int(words.get(word, 0)) for word in bins.categories]
    others = tuple(str(word) for word in words.index if word not in bins.categories)[:OTHERS]
    return replace(bins, counts=(*named, rows - sum(named)), missing=len(values) - rows, others=others)


def added(first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    """The profile of the rows of both, which have the same bins."""
    counts = np.add(first.counts, second.counts)
    others = tuple(dict.fromkeys((*first.others, *second.others)))[:OTHERS]
    return replace(first, counts=tuple(counts.tolist()), missing=first.missing + second.missing, others=others)


def _emptied(found: ColumnProfile) -> ColumnProfile:
    return replace(found, counts=(0,) * len(found.counts), missing=0, others=())


def _number(name: str, values: Float[np.ndarray, " rows"]) -> ColumnProfile | None:
    """The bins of a column of numbers, without counts; None for fewer than three different numbers."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return None
    places = (np.arange(1, BINS) * len(known) + BINS - 1) // BINS - 1
    edges = np.unique(known[places])
    if len(edges) < BINS // 4:  # few different numbers: each is the end of a bin
        different = np.unique(known)
        edges = different if len(different) <= BINS else edges
        if len(different) <= 2:  # noqa: PLR2004 (a flag, or a constant)
            return None
    low, high = np.quantile(known, CENTRAL)
    deviation = float(np.std(np.clip(known, low, high))) or float(np.std(known))
    return ColumnProfile(name=name, kind="number", counts=(), edges=tuple(edges.tolist()), deviation=deviation)


def _as_words(values: Float[np.ndarray, " rows"]) -> np.ndarray:
    """Numbers as words, such as the 0 and 1 of a flag."""
    words = [None if not np.isfinite(number) else word_of(number) for number in values.tolist()]
    return np.array(words, dtype=object)


def word_of(number: float) -> str:
    """A number as a word, with all its digits and without needless decimals."""
    return str(int(number)) if number.is_integer() and abs(number) < MOST_EXACT else repr(number)


@final
class _Kept:
    """A random sample of at most `KEPT` rows, or all rows if there are no more."""

    def __init__(self) -> None:
        self.is_whole = True
        self.names: list[str] = []
        self._chunks: list[dict[str, np.ndarray]] = []
        self._keys: list[np.ndarray] = []
        self._random = np.random.default_rng(0)

    def add(self, chunk: Chunk) -> None:
        """Add the rows of a chunk; of all rows, those with the smallest random keys are kept."""
        self.names = self.names or list(chunk)
        rows = len(next(iter(chunk.values()), ()))
        self._chunks.append(dict(chunk))
        self._keys.append(self._random.random(rows))
        if sum(map(len, self._keys)) > KEPT + rows:
            self._cut()

    def values(self, name: str) -> np.ndarray:
        """The kept values of a column (rows,)."""
        if not self.is_whole:
            self._cut()
        return np.concatenate([chunk[name] for chunk in self._chunks])

    def _cut(self) -> None:
        keys = np.concatenate(self._keys)
        if len(keys) <= KEPT:
            return
        self.is_whole = False
        limit = np.partition(keys, KEPT)[KEPT]
        for place, (chunk, found) in enumerate(zip(self._chunks, self._keys, strict=True)):
            chosen = found < limit
            self._chunks[place] = {name: values[chosen] for name, values in chunk.items()}
            self._keys[place] = found[chosen]
