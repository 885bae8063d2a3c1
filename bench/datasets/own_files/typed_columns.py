"""Turns the cells of words and dates into numbers: indices of categories, and days."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.datasets.own_files import dates
from bench.datasets.own_files import table_options as options_of
from bench.datasets.own_files.columns import KEPT, Column, Wrong
from bench.datasets.own_files.header import Header
from bench.datasets.own_files.prepared_columns import NO_VALUE, UNKNOWN, Fill, Kind, PreparedColumn, RawColumn
from bench.datasets.own_files.remedies import quoted_key
from bench.datasets.own_files.rows import plain, quoted
from bench.datasets.own_files.table_options import TableOptions

SHOWN = 8  # words
STATISTICS: dict[str, Fill] = {"mean": "mean", "median": "median"}
Days = Mapping[int, np.ndarray]  # for the place of each column of dates, the days of its known texts


def kind(options: TableOptions, name: str) -> Kind:
    """How the column of this name is read."""
    if name in options_of.names(options.categories):
        return "category"
    return "date" if name in options.dates else "number"


def days(columns: Sequence[Column], form: str | None) -> Days:
    """The days of the texts in each column of dates; cells that are no dates are noted as wrong."""
    found = {column.place: dates.days(list(column.known), form) for column in columns if column.kind == "date"}
    for column in columns:
        if column.kind == "date":
            _note(column, found[column.place])
    return found


def _note(column: Column, known: np.ndarray) -> None:
    wrong = np.flatnonzero(np.isnan(known))
    if not len(wrong):
        return
    values, texts = column.numbers, list(column.known)
    present, rows, counts = np.unique(values, return_index=True, return_counts=True)
    places = np.searchsorted(present, wrong)
    column.wrong.number += int(counts[places].sum())
    column.wrong.first += [
        Wrong(int(rows[place]), column.lines[index], texts[index])
        for index, place in zip(wrong[:KEPT].tolist(), places[:KEPT].tolist(), strict=True)
    ]


def raw(column: Column, options: TableOptions, header: Header) -> RawColumn:
    """What the column is: its categories, and what fills its gaps."""
    name = header.names[column.place]
    rule = options.fill(name)
    if column.kind != "category":
        return RawColumn(name, column.kind, (), _number(rule, column.kind, options.date_format))
    words = _categories(column, options, name)
    if rule is None or rule == "drop":
        return RawColumn(name, "category", words)
    own = rule == "category" or rule in {"mean", "median"} or not isinstance(rule, str)
    if own and rule != "category" and not column.gaps.number:
        return RawColumn(name, "category", words, UNKNOWN)
    word = NO_VALUE if own else str(rule)
    words = words if word in words else (*words, word)
    return RawColumn(name, "category", words, float(words.index(word)))


def problems(column: Column, options: TableOptions, header: Header) -> Iterator[str]:
    """Words that dataset.categories does not list, and rules for gaps that the column cannot follow."""
    name = header.names[column.place]
    if column.kind == "category":
        yield from _unlisted(column, options, header, name)
        if not column.known:
            yield f"{header.shown(column.place)}: found no word in any row, expected categories; leave the column out"
        return
    rule = options.fill(name)
    if isinstance(rule, str) and rule not in {"mean", "median", "drop"} and isinstance(options.missing, Mapping):
        if column.kind == "date" and not np.isnan(dates.days([rule], options.date_format)).any():
            return
        what = "dates" if column.kind == "date" else "numbers"
        value = "a date" if column.kind == "date" else "a number"
        yield (
            f"dataset.missing.{quoted_key(name)}: found {rule!r} for a column of {what}, expected "
            f'"mean", "median", "drop" or {value}'
        )


def values(columns: Sequence[Column], chosen: Sequence[RawColumn | PreparedColumn], known: Days) -> np.ndarray:
    """One column for each of the chosen ones: numbers, days, or indices of categories; NaN for gaps."""
    found = [_values(column, item, known) for column, item in zip(columns, chosen, strict=True)]
    return np.stack(found, axis=1) if found else np.zeros((0, 0))


def unknown(column: Column, item: RawColumn | PreparedColumn) -> list[str]:
    """The words of a column that are no category."""
    return [word for word in column.known if word not in item.categories] if column.kind == "category" else []


def _values(column: Column, item: RawColumn | PreparedColumn, known: Days) -> np.ndarray:
    cells = column.numbers
    if column.kind == "number":
        return cells
    places = {word: float(place) for place, word in enumerate(item.categories)}
    of_texts = (
        known[column.place]
        if column.kind == "date"
        else np.array([places.get(word, UNKNOWN) for word in column.known], np.float64)
    )
    found = np.full(len(cells), np.nan)
    there = ~np.isnan(cells)
    found[there] = of_texts[cells[there].astype(np.int64)]
    return found


def _number(rule: float | str | None, of: Kind, form: str | None) -> Fill:
    """What fills the gaps of a column of numbers or dates."""
    if not isinstance(rule, str):
        return rule
    if rule in STATISTICS:
        return STATISTICS[rule]
    if rule in {"drop", "category"}:
        return None
    return float(dates.days([rule], form)[0]) if of == "date" else None


def _categories(column: Column, options: TableOptions, name: str) -> tuple[str, ...]:
    if isinstance(options.categories, Mapping):
        return tuple(options.categories[name])
    return tuple(sorted(column.known))


def _unlisted(column: Column, options: TableOptions, header: Header, name: str) -> Iterator[str]:
    if not isinstance(options.categories, Mapping):
        return
    listed = options.categories[name]
    found = [(word, line) for word, line in zip(column.known, column.lines, strict=True) if word not in listed]
    if found:
        shown = "; ".join(f"{header.word} {line}: found {quoted(word)}" for word, line in found[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        expected = ", ".join(map(plain, listed[:SHOWN])) + (", ..." if len(listed) > SHOWN else "")
        yield f"{header.shown(column.place)}: {shown}{more}, expected one of {expected}; add it to dataset.categories"
