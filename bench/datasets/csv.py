"""Reads a user's own CSV file; one column is the target."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, Switch, checked
from bench.datasets.own_files import prepared_table, rows
from bench.datasets.own_files.notation import Notation
from bench.datasets.own_files.other_table import Opened
from bench.datasets.own_files.prepared_columns import Preparation
from bench.datasets.own_files.table_options import TableOptions
from bench.datasets.own_files.user_table import open_rows


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(TableOptions):
    r"""A CSV file of your own. Blanks around names and cells do not count.

    Attributes:
        separator: The sign between two cells. `"\t"` is a tab.
        decimal: The sign before decimals, `"."` or `","`.
        encoding: The encoding of the text, for example `"cp1252"` for Windows.
        gaps: Texts that stand for a missing value, for example `["-999"]`. Empty cells and words such as `NA`, `?` and
            `null` always do.
        header: Whether the first line names the columns. With `false` the first line is a row, and the columns are
            called `"1"`, `"2"`, `"3"` and so on. Without this key the first line has to name the columns, and a line of
            numbers is refused. With `true` the names may be numbers.
    """

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    gaps: tuple[str, ...] = ()
    header: Switch | None = None

    def __post_init__(self) -> None:
        """Refuse options that contradict each other, and an encoding that does not exist."""
        TableOptions.__post_init__(self)
        check_notation(self.separator, self.decimal, self.encoding)


def check_notation(separator: str, decimal: str, encoding: str) -> None:
    """Raise ValueError for signs that cannot separate cells, and for an encoding that does not exist."""
    if separator in {'"', "\r", "\n"}:
        raise ValueError(f"found separator = {separator!r}, expected another sign: this one has a meaning in cells")
    if separator == decimal:
        raise ValueError(f"found {decimal!r} as separator and as decimal, expected two signs")
    rows.check_encoding(encoding)


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with line and column of a mistake."""
    return prepared_table.describe(options, _opener(options))


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the used columns, of the class names, and of the options for splitting and scaling."""
    return prepared_table.fingerprint(options, _opener(options))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return prepared_table.read(options, _opener(options), part)


def preparation(options: Options) -> Preparation:
    """The parameters that turn a row of the file into the numbers of a sample."""
    return prepared_table.preparation(options, _opener(options))


def open_another(path: Path, dataset: Mapping[str, object], target: str) -> Opened:
    """Another file, which is written like the file of the table `[dataset]`; without such a table, as usual."""
    given = {key: dataset[key] for key in ("separator", "decimal", "encoding", "gaps", "header") if key in dataset}
    options = Options(path=str(path), target=target or "-", task="regression", **given)  # type: ignore[arg-type]
    return _open(options, path, target)


def _opener(options: Options) -> "partial[Opened]":
    return partial(_open, options)


def _open(options: Options, path: Path, target: str) -> Opened:
    gaps = frozenset(rows.clean(text).casefold() for text in options.gaps)
    notation = Notation(options.separator, options.decimal, options.encoding, gaps)
    content = rows.rows(path, notation)
    return open_rows(content, path, header=options.header, target=target, notation=notation)
