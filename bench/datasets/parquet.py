"""Reads a user's own Parquet file by the options of a CSV file; one column is the target."""

from collections.abc import Mapping
from pathlib import Path

from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, checked
from bench.datasets.own_files import parquet_rows, prepared_table
from bench.datasets.own_files.other_table import Opened
from bench.datasets.own_files.prepared_columns import Preparation
from bench.datasets.own_files.table_options import TableOptions


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(TableOptions):
    """A Parquet file of your own. It needs the package `pyarrow` (the extra `parquet`)."""


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with row and column of a mistake."""
    return prepared_table.describe(options, parquet_rows.opened)


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the used columns, of the class names, and of the options for splitting and scaling."""
    return prepared_table.fingerprint(options, parquet_rows.opened)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return prepared_table.read(options, parquet_rows.opened, part)


def preparation(options: Options) -> Preparation:
    """The parameters that turn a row of the file into the numbers of a sample."""
    return prepared_table.preparation(options, parquet_rows.opened)


def open_another(path: Path, dataset: Mapping[str, object], target: str) -> Opened:
    """Another Parquet file; `dataset` has no option that changes how it is read."""
    del dataset
    return parquet_rows.opened(path, target)
