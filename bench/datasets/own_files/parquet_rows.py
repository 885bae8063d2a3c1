"""Reads the rows of a Parquet file as texts, so that every rule for the cells of a CSV file holds for them too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.datasets.own_files.header import Header
from bench.datasets.own_files.notation import USUAL
from bench.datasets.own_files.other_table import Opened
from bench.datasets.own_files.rows import Row, plain
from bench.errors import DataError, unreadable

AT_ONCE = 4096  # rows
FILE = "expected a Parquet file"


def opened(path: Path, target: str) -> Opened:
    """The names of the columns and the rows of the file; the number of a row, from 1, stands for its line.

    `target` is not needed: a Parquet file has its names. Raises DataError if the file cannot be read or has no rows.
    """
    del target
    try:
        import pyarrow.parquet as library
    except ModuleNotFoundError:
        raise DataError(
            f"{path}: reading a Parquet file needs the package pyarrow; install it with "
            "`pip install 'levelfield[parquet]'`"
        ) from None
    try:
        file: Any = library.ParquetFile(path)
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {FILE}") from None
    except Exception:  # noqa: BLE001 (the library has errors of its own for a damaged file)
        raise DataError(f"{path}: found a damaged file or another format, {FILE}") from None
    names = tuple(str(name).strip() for name in file.schema_arrow.names)
    return Opened(Header(path, 1, names, word="row"), _rows(file, path), USUAL)


def _rows(file: Any, path: Path) -> Iterator[Row]:  # noqa: ANN401 (of the library)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=AT_ONCE):
            texts = [_texts(column) for column in batch.columns]
            for cells in zip(*texts, strict=True):
                number += 1
                yield Row(number, list(cells))
    except DataError:
        raise
    except Exception:  # noqa: BLE001 (the library has errors of its own for a damaged file)
        raise DataError(f"{path}: found a damaged file after row {number}, {FILE}") from None


def _texts(column: Any) -> list[str]:  # noqa: ANN401 (of the library)
    """The texts of a column; an empty text for a missing value."""
    import pyarrow as pa

    try:
        found = column.cast(pa.string()).to_pylist()
    except pa.ArrowInvalid:
        return ["(bytes)"] * len(column)
    except pa.ArrowNotImplementedError:
        kind = plain(str(column.type))
        return [f"({kind})"] * len(column)
    return ["" if text is None else text for text in found]
