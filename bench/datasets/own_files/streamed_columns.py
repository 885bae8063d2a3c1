"""Reads the columns of a table in chunks of rows, so that a table of any length fits into memory.

Cells are not checked one by one, as in a table for training: what is no number counts as missing, and is counted.
"""

import warnings
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from bench.datasets import csv_mistakes
from bench.datasets.own_files import dates
from bench.datasets.own_files.notation import MISSING, USUAL, Notation
from bench.errors import DataError, unknown, unreadable

if TYPE_CHECKING:
    import pandas as pd

BY = "(by)"
ROWS = 50_000  # at once
LOOKED_AT = 2_000  # rows that decide what is in a column
NUMBERS = 0.95  # of the values: with at least so many, the column has numbers
Kind = Literal["number", "category", "date"]
FILE = "expected a Parquet file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table of a user, and how it is written. Without a header, columns are called 1, 2, 3 and so on."""

    path: Path
    notation: Notation = USUAL
    has_header: bool = True


@final
class StreamedColumns:
    """The columns of a table: numbers as float64 with NaN for a missing value, words and dates as objects with None.

    Without `kinds`, the first rows decide what is in a column. `unread` counts the cells of each column of numbers that
    are no number. Raises DataError if the file cannot be read, or lacks a column of `kinds` that is not `optional`.
    """

    def __init__(
        self, source: Source, *, kinds: Mapping[str, Kind] | None = None, optional: Container[str] = ()
    ) -> None:
        self.source, self.unread = source, dict[str, int]()
        first = _first(source)
        if first is None or not len(first):
            raise DataError(f"{source.path}: found no row, expected a table with a header and rows")
        self.names = tuple(map(str, first.columns))
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise DataError(f"{source.path}: found several columns {', '.join(twice)}, expected names that differ")
        missing = [name for name in kinds or () if name not in self.names and name not in optional]
        if missing:
            raise DataError(f"{source.path}: {unknown(missing, self.names)}")
        self.kinds = (
            {name: _kind(first[name]) for name in self.names}
            if kinds is None
            else {name: kind for name, kind in kinds.items() if name in self.names}
        )

    def chunks(self, *, by: str = "") -> Iterator[dict[str, np.ndarray]]:
        """The rows from the beginning; with `by`, the words of this column are there again, by the key `BY`."""
        words = [name for name, kind in self.kinds.items() if kind != "number"]
        self.unread.clear()
        for frame in _frames(self.source, rows=ROWS, words=words):
            found = {
                name: self._numbers(name, frame[name]) if kind == "number" else _words(frame[name])
                for name, kind in self.kinds.items()
            }
            yield {**found, BY: _words(frame[by])} if by else found

    def _numbers(self, name: str, column: "pd.Series[Any]") -> np.ndarray:
        found = _as_numbers(column)
        self.unread[name] = self.unread.get(name, 0) + int(np.isnan(found).sum() - column.isna().sum())
        return found


def _first(source: Source) -> "pd.DataFrame | None":
    """The first rows; None if there are none. Raises DataError also for rows with more cells than names."""
    from pandas.errors import ParserWarning

    try:
        with warnings.catch_warnings(action="error", category=ParserWarning):
            return next(_frames(source, rows=LOOKED_AT, words=()), None)
    except ParserWarning:
        raise DataError(
            f"{source.path}, line 2: found more cells than names in the header, expected one name for each cell; a "
            "cell that contains the separator needs quotes"
        ) from None


def _kind(column: "pd.Series[Any]") -> Kind:
    """What is in a column: numbers, dates or words."""
    import pandas as pd

    known = column.dropna()
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    if not len(known):
        return "category"
    if np.isfinite(_as_numbers(known)).mean() >= NUMBERS:
        return "number"
    return "date" if dates.form(list(map(str, known))) is not None else "category"


def _as_numbers(column: "pd.Series[Any]") -> np.ndarray:
    import pandas as pd

    values: np.ndarray = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _words(column: "pd.Series[Any]") -> np.ndarray:
    text = column.astype("object").where(column.notna(), None)
    return np.array([None if word is None else _word(word) for word in text], dtype=object)


def _word(value: object) -> str:
    """A cell as a word; whole numbers have no decimals, also if gaps have made them floating-point numbers."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _frames(source: Source, *, rows: int, words: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """The rows as frames; the cells of `words` are text."""
    is_parquet = source.path.suffix.lower() == ".parquet"
    return _of_parquet(source.path, rows) if is_parquet else _of_text(source, rows, words)


def _of_text(source: Source, rows: int, words: Sequence[str]) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    path, notation = source.path, source.notation
    gaps = {text for word in MISSING | notation.gaps for text in (word, word.upper(), word.title())}
    try:
        with pd.read_csv(
            path,
            sep=notation.separator,
            decimal=notation.decimal,
            encoding=notation.encoding,
            chunksize=rows,
            na_values=sorted(gaps - {""}),
            dtype=dict.fromkeys(words, str),
            skipinitialspace=True,
            low_memory=False,
            index_col=False,
            header=0 if source.has_header else None,
        ) as reader:
            for frame in reader:
                names = frame.columns if source.has_header else range(1, len(frame.columns) + 1)
                yield frame.set_axis([str(name).strip() for name in names], axis=1)
    except (OSError, ValueError) as error:  # missing, not text, rows of different lengths, or empty
        raise DataError(f"{path}{csv_mistakes.reason(error, header=True)}") from None


def _of_parquet(path: Path, rows: int) -> Iterator["pd.DataFrame"]:
    try:
        import pyarrow.parquet as library
    except ModuleNotFoundError:
        raise DataError(
            f"{path}: reading a Parquet file needs the package pyarrow; install it with "
            "`pip install 'levelfield[parquet]'`"
        ) from None
    try:
        for batch in library.ParquetFile(path).iter_batches(batch_size=rows):
            frame = batch.to_pandas(ignore_metadata=True)
            yield frame.set_axis([str(name).strip() for name in frame.columns], axis=1)
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {FILE}") from None
    except Exception:  # noqa: BLE001 (the library has errors of its own for a damaged file)
        raise DataError(f"{path}: found a damaged file or another format, {FILE}") from None


def source_of(path: Path, dataset: Mapping[str, object]) -> Source:
    """The table at this path, written as the table `[dataset]` of a workload says."""
    notation = Notation(
        separator=str(dataset.get("separator", USUAL.separator)),
        decimal=str(dataset.get("decimal", USUAL.decimal)),
        encoding=str(dataset.get("encoding", USUAL.encoding)),
        gaps=frozenset(str(text).casefold() for text in dataset.get("gaps", ())),  # type: ignore[attr-defined]
    )
    return Source(path=path, notation=notation, has_header=dataset.get("header") is not False)
