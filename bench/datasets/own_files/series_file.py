"""Reads the columns of a user's series, checks the order of time, and fills gaps with the row before."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bench.datasets.own_files import columns, other_table, typed_columns
from bench.datasets.own_files import header as headers
from bench.datasets.own_files.columns import Cells, Column
from bench.datasets.own_files.header import Header, Wanted
from bench.datasets.own_files.other_table import Opened
from bench.datasets.own_files.remedies import Names
from bench.datasets.own_files.rows import counted
from bench.errors import DataError

MOST_WRONG = 0.5  # of the cells of the column of time: with more that are no number, they are dates
LARGE = 1.5  # times the usual step of time: a step that is told


class SeriesOptions(NamedTuple):
    """The columns of a series: the target, further columns, the column of time, how dates are written, what fills gaps.

    `missing` is `previous`, or another rule that later fills gaps; None if gaps are refused.
    """

    target: str
    features: tuple[str, ...]
    time: str | None
    date_format: str | None
    missing: float | str | None


class Series(NamedTuple):
    """The columns (rows, columns) with the target first, their names, what is told of the gaps of each, and remarks.

    `filled` (rows,) says where the target had a gap.
    """

    values: np.ndarray
    names: tuple[str, ...]
    gaps: tuple[str, ...]
    remarks: tuple[str, ...]
    filled: np.ndarray


def read(options: SeriesOptions, file: Opened) -> Series:
    """The series; raises DataError with all problems of the file, each with its line and its column."""
    names = (options.target, *options.features)
    time = () if options.time is None else (options.time,)
    wanted = Wanted(options.target, options.features or None, (), treated=(("time", time),))
    headers.check_names(file.header, wanted)
    _check_unique(file.header, (*names, *time))
    chosen = [Column(file.header.names.index(name), may_have_gaps=options.missing is not None) for name in names]
    times = [
        Column(file.header.names.index(name), kind=kind, may_have_gaps=True)
        for name in time
        for kind in _kinds(options)
    ]
    cells = columns.read(file.header, file.rows, columns=[*chosen, *times], notation=file.notation)
    other_table.check_rows(cells)
    moments = _moments(times, options)
    cells.columns = [*chosen, *(column for column, _ in moments)]
    fill = '"previous" (or "mean", "median", or a number)'
    columns.check(cells, others=tuple(_order(cells, moments)), names=Names(fill=fill, treats=False))
    values = columns.matrix(cells)[:, : len(names)]
    filled = np.isnan(values[:, 0])
    gaps = np.isnan(values).sum(axis=0).tolist()
    if options.missing == "previous":
        values = _filled(values, cells, names)
    by = " become the value before" if options.missing == "previous" else ""
    told = tuple(f", {counted(number, 'gap')}{by}" if number else "" for number in gaps)
    return Series(values, names, told, (*_steps(cells, moments), *_left_out(cells, filled)), filled)


def _left_out(cells: Cells, filled: np.ndarray) -> Iterator[str]:
    if filled.any():
        gaps = counted(int(filled.sum()), "gap")
        shown = cells.header.shown(cells.columns[0].place)
        is_are = "is an input and no target" if filled.sum() == 1 else "are inputs and no targets"
        yield f"{cells.header.path}: {gaps} in {shown} {is_are}, since nobody knows the value"


def _check_unique(header: Header, names: Sequence[str]) -> None:
    twice = [name for name in names if header.names.count(name) > 1]
    if twice:
        raise DataError(
            f"{header.path}: found the name {twice[0]!r} more than once, expected different names; rename one"
        )


def _kinds(options: SeriesOptions) -> tuple[columns.Kind, ...]:
    """How the column of time is read: as numbers and as dates, since either may fit."""
    return ("date",) if options.date_format is not None else ("number", "date")


def _moments(times: Sequence[Column], options: SeriesOptions) -> list[tuple[Column, np.ndarray]]:
    """The column of time and its values in days, or as they are; empty without such a column."""
    if not times:
        return []
    first = times[0]
    if first.kind == "number" and first.wrong.number <= MOST_WRONG * len(first.values):
        return [(first, first.numbers)]
    column = times[-1]
    days = typed_columns.days([column], options.date_format)[column.place]
    places = column.numbers
    found = np.full(len(places), np.nan)
    there = ~np.isnan(places)
    found[there] = days[places[there].astype(np.int64)]
    return [(column, found)]


def _order(cells: Cells, moments: Sequence[tuple[Column, np.ndarray]]) -> Iterator[str]:
    """A row whose time is not later than that of the row before it."""
    for column, values in moments:
        if column.gaps.number:
            first = column.gaps.first[0]
            more = columns.more(column.gaps.number - 1, "row")
            at = f"{cells.header.word} {first.line}, {cells.header.shown(column.place)}"
            yield f"{at}: found a row without a time{more}, expected the time of every row; write it, or delete the row"
        wrong = np.flatnonzero(np.diff(values) <= 0)
        if len(wrong):
            row = int(wrong[0]) + 1
            what = "the same time as" if values[row] == values[row - 1] else "an earlier time than"
            others = columns.more(len(wrong) - 1, "row")
            yield (
                f"{cells.header.word} {cells.lines[row]}, {cells.header.shown(column.place)}: found {what} the row "
                f"before{others}, expected rows in the order of time, each with its own; sort the file, and keep one "
                "series in it"
            )


def _steps(cells: Cells, moments: Sequence[tuple[Column, np.ndarray]]) -> Iterator[str]:
    """Steps of time that are longer than usual: a window there covers more time than others."""
    for column, values in moments:
        steps = np.diff(values)
        if not len(steps):
            return
        usual = float(np.median(steps))
        long = np.flatnonzero(steps > LARGE * usual)
        if len(long):
            row = int(long[0]) + 1
            is_are = "step is" if len(long) == 1 else "steps are"
            yield (
                f"{cells.header.path}: {len(long)} {is_are} longer than usual in {cells.header.shown(column.place)} "
                f"(the first before {cells.header.word} {cells.lines[row]}): rows may be missing there"
            )


def _filled(values: np.ndarray, cells: Cells, names: Sequence[str]) -> np.ndarray:
    """The values with each gap filled by the row before."""
    import pandas as pd

    found: np.ndarray = pd.DataFrame(values).ffill().to_numpy()
    empty = [name for name, first in zip(names, np.isnan(found[0]), strict=True) if first]
    if empty:
        raise DataError(
            f"{cells.header.path}, {cells.header.word} {cells.lines[0]}: found no value in "
            f"{', '.join(map(repr, empty))}, "
            'expected one: dataset.missing = "previous" has no row before the first; delete the first rows'
        )
    return found
