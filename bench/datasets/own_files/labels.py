"""Turns the texts of a target column into class labels, and finds missing labels and labels that look alike."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from bench.datasets.own_files.columns import Cells, more, shown
from bench.datasets.own_files.header import is_number
from bench.datasets.own_files.remedies import table_of_rules
from bench.datasets.own_files.rows import plain, quoted
from bench.errors import DataError

NAMES = {"none"}  # a word for a missing value that is also the name of a class
SHOWN = 8


class Labels(NamedTuple):
    """The names of the classes, the label of each row, and what is wrong with the column."""

    names: tuple[str, ...]
    values: Int64[np.ndarray, " rows"]
    problems: tuple[str, ...]


NONE = Labels((), np.zeros(0, np.int64), ())


def read(
    cells: Cells,
    classes: Sequence[str] | None,
    *,
    may_have_gaps: bool = False,
    rules: Mapping[str, float | str] | None = None,
) -> Labels:
    """The labels of the column of texts; `classes` are the names in the order of their labels, or None to find them.

    If it may have gaps, the label of a cell without a value is -1. `rules` are those of other columns for their gaps.
    """
    firsts: dict[str, int] = {}
    for row, text in enumerate(cells.texts):
        firsts.setdefault(text, row)
    known = set(classes or ())
    is_missing = cells.notation.is_missing
    may_be_names = NAMES - cells.notation.gaps
    missing = [
        text for text in firsts if text not in known and is_missing(text) and text.casefold() not in may_be_names
    ]
    names = tuple(classes) if classes else tuple(sorted(text for text in firsts if text not in missing))
    problems = [
        *([] if may_have_gaps else _missing(cells, missing, firsts, rules or {})),
        *_unknown(cells, names, firsts, missing),
    ]
    if not classes:
        problems += _alike(cells, names, firsts)
    if not problems:
        problems += _too_few(cells, names, firsts)
    labels = {name: label for label, name in enumerate(names)}
    values = np.array([labels.get(text, -1) for text in cells.texts], np.int64)
    return Labels(names, values, tuple(problems))


def known(
    cells: Cells, classes: Sequence[str]
) -> tuple[Int64[np.ndarray, " labelled"], Int64[np.ndarray, " labelled"]]:
    """The rows that have a label, and the numbers of their classes; raises DataError for labels of no class."""
    firsts: dict[str, int] = {}
    for row, text in enumerate(cells.texts):
        firsts.setdefault(text, row)
    missing = [text for text in firsts if text not in classes and cells.notation.is_missing(text)]
    if problems := tuple(_unknown(cells, classes, firsts, missing)):
        raise DataError(f"{cells.header.path}, {'; '.join(problems)}")
    numbers = {name: number for number, name in enumerate(classes)}
    rows = np.array([row for row, text in enumerate(cells.texts) if text in numbers], np.int64)
    return rows, np.array([numbers[cells.texts[row]] for row in rows], np.int64)


def _where(cells: Cells, row: int) -> str:
    return f"{cells.header.word} {cells.lines[row]}, {cells.header.shown(cells.text or 0)}"


def _expected(names: Sequence[str]) -> str:
    others = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(plain, names[:SHOWN])) + others


def _missing(
    cells: Cells, missing: Sequence[str], firsts: Mapping[str, int], rules: Mapping[str, float | str]
) -> Iterator[str]:
    """All cells without a value in one sentence, whatever word they have for it."""
    if not missing:
        return
    names = tuple(sorted(name for name in firsts if name not in missing))
    words = [text for text in missing if text]
    first, *others = missing
    also = f", also {', '.join(map(shown, others))}" if others else ""
    number = sum(map(cells.texts.count, missing)) - 1
    rule = table_of_rules({**rules, cells.header.names[cells.text or 0]: "drop"})
    allow = f", or list it in dataset.classes if {' or '.join(map(quoted, words))} is a class" if words else ""
    yield (
        f"{_where(cells, firsts[first])}: found {shown(first)}{more(number)}{also}, expected one of "
        f"{_expected(names)}: delete such rows, or set dataset.missing = {rule}{allow}"
    )


def _unknown(cells: Cells, names: Sequence[str], firsts: Mapping[str, int], missing: Sequence[str]) -> Iterator[str]:
    """All labels that dataset.classes does not list, each with its first line."""
    listed = {*names, *missing}  # a column of quantities may have as many labels as rows
    found = [text for text in firsts if text not in listed]
    firsts_shown = [f"{_where(cells, firsts[text])}: found {shown(text)}" for text in found[:SHOWN]]
    if firsts_shown:
        others = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        yield f"{'; '.join(firsts_shown)}{others}, expected one of {_expected(names)}"


def _alike(cells: Cells, names: Sequence[str], firsts: Mapping[str, int]) -> Iterator[str]:
    """Labels that differ only in upper and lower case, in blanks inside, or in how a number is written."""
    groups: dict[object, list[str]] = {}
    for name in names:
        groups.setdefault(_meaning(name), []).append(name)
    for group in groups.values():
        if len(group) > 1:
            found = " and ".join(
                f"{quoted(name)} ({cells.header.word} {cells.lines[firsts[name]]})" for name in group[:SHOWN]
            )
            same = "are the same number" if is_number(group[0]) else "differ only in case or in blanks"
            yield (
                f"{cells.header.shown(cells.text or 0)}: found the labels {found}, which {same}, expected one label "
                "for each class; correct the file, or list all labels in dataset.classes"
            )


def _meaning(name: str) -> object:
    """What a label probably means: a number, or the text without the difference of case, blanks and code points."""
    if is_number(name) and name.isascii():
        with suppress(InvalidOperation):  # an exponent of twenty digits
            return Decimal(name)  # exact, unlike float: long numbers that differ are different labels
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _too_few(cells: Cells, names: Sequence[str], firsts: Mapping[str, int]) -> Iterator[str]:
    """A class without a row, or a single class."""
    absent = [name for name in names if name not in firsts]
    if absent or len(names) < 2:  # noqa: PLR2004 (with one class there is nothing to predict)
        what = f"no row of class {', '.join(map(quoted, absent))}" if absent else "a single class"
        yield f"{cells.header.shown(cells.text or 0)}: found {what}, expected two classes or more, each with rows"
