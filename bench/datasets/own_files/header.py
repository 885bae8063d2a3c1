"""Finds the columns of a CSV file that a workload uses, and every mistake in their names."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from bench.datasets.own_files.notation import DECIMAL_COMMA, USUAL, Notation
from bench.datasets.own_files.rows import Row, clean, plain, quoted
from bench.errors import DataError, meant

SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'", ",": "a comma"}
SHOWN, MOST = 3, 20  # cells of a first line, names of columns
# Names that programs give to a column with the numbers of the rows.
NUMBERS_OF_ROWS = re.compile(r"(.*[\W_])?(id|idx|index|row|rowid|rownum|no|nr|num|number)\.?|#|unnamed.*|level_\d+")
UNNAMED = re.compile(
    r"unnamed(: ?\d+(\.\d+)?)?(_level_\d+)?|__index_level_\d+__"
)  # what pandas calls a column without a name
NO_HEADER = (
    "set dataset.header = false if line {line} is a row: columns are then called 1, 2, 3, ..., and dataset.target is "
    'such a number, for example "3"'
)
HEADER = "set dataset.header = true if these are names"


class Header(NamedTuple):
    """The names of the columns of a file; `line` is the line that has them, or 0 for a file without such a line.

    `word` is what messages call the place of a row: `line`, or `row` in a file without lines.
    """

    path: Path
    line: int
    names: tuple[str, ...]
    word: str = "line"

    def shown(self, place: int) -> str:
        """A column for people: `column 'price'`, or its number if it has no name."""
        name = self.names[place]
        return f"column {quoted(name)}" if self.line and name else f"column {place + 1}"


class Wanted(NamedTuple):
    """The columns that a workload asks for, as its options name them; None stands for all others.

    `groups` is the column whose rows stay together. `treated` are the keys that say how columns are read, such as
    `categories`, each with its names.
    """

    target: str
    features: tuple[str, ...] | None
    drop: tuple[str, ...]
    groups: str | None = None
    treated: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def asked(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The keys of the options, each with its names."""
        groups = () if self.groups is None else (self.groups,)
        named = (("target", (self.target,)), ("features", self.features or ()), ("drop", self.drop), ("groups", groups))
        return (*named, *self.treated)


class Chosen(NamedTuple):
    """The places of the target, the features and the groups, and what is wrong with names that nobody chose.

    Columns with such names are no features. `to_drop` are the names that dataset.drop has to have.
    """

    target: int
    features: tuple[int, ...]
    problems: tuple[str, ...]
    to_drop: tuple[str, ...]
    groups: int | None = None


def read(
    path: Path, start: Sequence[Row], *, header: bool | None, target: str = "", notation: Notation = USUAL
) -> Header:
    """The names in the first row, or the numbers of the columns from 1 if `header` is false.

    `start` are the first rows. Raises DataError for another separator than that of the notation, for lines before the
    one with the target among its names, and for names that are numbers unless `header` is true.
    """
    first, cells = start[0], tuple(map(clean, start[0].cells))
    if header is not False:
        _check_lines_before(path, start, target, notation)
    _check_separator(path, start, notation)
    if header is False:
        return Header(path, 0, tuple(str(number) for number in range(1, len(cells) + 1)))
    numbers = [notation.number(cell) for cell in cells]
    if header is None and (all(map(is_number, numbers)) or any(map(_is_measured, numbers))):
        raise DataError(f"{_no_names(path, first.line, cells)}; {NO_HEADER.format(line=first.line)}; {HEADER}")
    return Header(path, first.line, cells)


def _check_lines_before(path: Path, start: Sequence[Row], target: str, notation: Notation) -> None:
    """Raise DataError if the target is no name of the first row, but stands in a later row without numbers."""
    first, *others = start
    if not target or target in _parts(first, notation):
        return
    for row in others:
        cells = _parts(row, notation)
        if target in cells and len(cells) > 1 and not any(map(is_number, cells)):
            raise DataError(
                f"{path}, line {first.line}: found {quoted(clean(notation.separator.join(first.cells)))}, expected the "
                f"names of the columns: line {first.line} is not the header, the names seem to be in line {row.line}; "
                f"delete the lines before it{_other_separator(row, notation)}"
            )


def _others(notation: Notation) -> dict[str, str]:
    """The signs that other tables have as separators, and their names."""
    return {sign: name for sign, name in SEPARATORS.items() if sign != notation.separator}


def _parts(row: Row, notation: Notation) -> list[str]:
    """The cells of a row, also if another sign separates them."""
    signs = [sign for sign in _others(notation) if len(row.cells) == 1 and sign in row.cells[0]]
    return [clean(cell) for cell in (row.cells[0].split(signs[0]) if signs else row.cells)]


def _other_separator(row: Row, notation: Notation) -> str:
    sign = next((sign for sign in _others(notation) if len(row.cells) == 1 and sign in row.cells[0]), "")
    return f", and set dataset.separator = {json.dumps(sign)}" if sign else ""


def _check_separator(path: Path, start: Sequence[Row], notation: Notation) -> None:
    """Raise DataError for another separator; decimal commas in the rows are named in the same message."""
    first, *others = start
    text = clean(notation.separator.join(first.cells))
    is_data = bool(_decimals(first, notation))
    signs = [
        sign
        for sign in _others(notation)
        if (len(first.cells) == 1 and sign in text) or sign in _decimals(first, notation)
    ]
    if not signs or (len(first.cells) == 1 and signs == [","] and notation.decimal == ","):
        return
    decimals = notation.decimal == "." and (is_data or any(signs[0] in _decimals(row, notation) for row in others))
    also = ", and does a comma stand before decimals" if decimals else ""
    comma = ' and dataset.decimal = ","' if decimals else ""
    remedy = f"dataset.separator = {json.dumps(signs[0])}{comma}"
    raise DataError(
        f"{path}, line {first.line}: found {'the single column ' * (len(first.cells) == 1)}{quoted(text)}, expected "
        f"names separated by {SEPARATORS.get(notation.separator, repr(notation.separator))}: is the separator "
        f"{SEPARATORS[signs[0]]}{also}? Set {remedy}"
    )


def _decimals(row: Row, notation: Notation) -> str:
    """The signs that separate numbers with decimal commas in a row that was cut at commas; empty if there are none."""
    if notation.separator != ",":
        return ""
    text = ",".join(row.cells)
    found = {sign: [clean(part) for part in text.split(sign)] for sign in _others(notation) if sign in text}
    return "".join(sign for sign, parts in found.items() if _is_decimal(parts))


def _is_decimal(parts: Sequence[str]) -> bool:
    """Whether the commas in these cells, of which there is at least one, all stand before decimals."""
    with_comma = [part for part in parts if "," in part]
    return bool(with_comma) and all(map(DECIMAL_COMMA.fullmatch, with_comma))


def choose(header: Header, wanted: Wanted) -> Chosen:
    """The target, the features, and what is wrong with names of columns that nobody chose.

    Raises DataError with every mistake in the names that the options have.
    """
    check_names(header, wanted)
    to_drop = tuple(_to_drop(header, wanted))
    names = [*_without_a_name(header, to_drop), *_not_unique(header, wanted)]
    chosen = _features(header, wanted, to_drop)
    if not names and not chosen:
        raise DataError(f"{header.path}: found no column for the inputs, expected at least one beside the target")
    groups = None if wanted.groups is None else header.names.index(wanted.groups)
    return Chosen(header.names.index(wanted.target), chosen, tuple(names), to_drop, groups)


def check_names(header: Header, wanted: Wanted) -> None:
    """Raise DataError with every mistake in the names that the options have."""
    problems = [*_unknown(header, wanted), *_contradictions(wanted)]
    if problems:
        raise DataError("; ".join(problems))


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_measured(name: str) -> bool:
    """Whether a name is a number with a part behind the point, such as 5.1: names have none."""
    return is_number(name) and not name.isdecimal() and "." in name


def listed(names: Iterable[str]) -> str:
    """Names as a list in a TOML file: `["a", "b"]`."""
    return json.dumps(list(names), ensure_ascii=False)


def _features(header: Header, wanted: Wanted, to_drop: Sequence[str]) -> tuple[int, ...]:
    """The features in the order of the option, or in the order of the file, without those that are dropped."""
    names = header.names
    if wanted.features is not None:
        return tuple(names.index(name) for name in wanted.features if name in names and name not in wanted.drop)
    times, others = Counter(names), {wanted.target, wanted.groups, *wanted.drop, *to_drop}
    return tuple(place for place, name in enumerate(names) if name not in others and times[name] == 1)


def _unknown(header: Header, wanted: Wanted) -> Iterable[str]:
    """All names in the options that are no column, each with the nearest names first."""
    columns = tuple(plain(name) for name in header.names if name)
    found = [(key, name) for key, names in wanted.asked for name in names if name not in header.names]
    if not found:
        return
    last = found[-1][1].casefold()
    nearest = sorted(columns, key=lambda name: -SequenceMatcher(None, name.casefold(), last).ratio())
    more = f" and {len(nearest) - MOST} more" if len(nearest) > MOST else ""
    for key, name in found[:-1]:
        yield f"dataset.{key}: found {name!r}{meant(name, columns)}"
    key, name = found[-1]
    yield (
        f"dataset.{key}: found {name!r}{meant(name, columns)}, expected a column of {header.path}: one of "
        f"{', '.join(nearest[:MOST])}{more}"
    )
    if not header.line:
        yield "with dataset.header = false the columns are called by their numbers, from 1"
    if header.word != "line":
        return
    if header.line and any(map(is_number, columns)):
        yield f"{_no_names(header.path, header.line, columns)}; {NO_HEADER.format(line=header.line)}"
    elif header.line and len(header.names) == 1:  # blanks between names, or a comment above them
        yield (
            f"{header.path}, line {header.line}: found the single column {quoted(header.names[0])}, expected names "
            "separated by commas: the first line must name the columns"
        )


def _contradictions(wanted: Wanted) -> Iterable[str]:
    if wanted.features is not None and not wanted.features:
        yield (
            "dataset.features: found an empty list, expected the names of columns; leave the key out to take all "
            "columns but the target"
        )
    for key, names in wanted.asked[1:]:
        if wanted.target in names and key != "missing":
            yield f"dataset.{key}: found {wanted.target!r}, which is the target; expected other columns"
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            yield f"dataset.{key}: found {', '.join(map(repr, twice))} more than once, expected each name once"
    if wanted.groups is not None and wanted.groups in (wanted.features or ()):
        yield (
            f"dataset.groups: found {wanted.groups!r}, which is an input by dataset.features; expected a column that "
            "only says which rows belong together"
        )
    yield from _treated_twice(wanted)
    if wanted.features and set(wanted.features) <= set(wanted.drop):
        yield "dataset.drop: found all columns of dataset.features, expected at least one that is left"


def _treated_twice(wanted: Wanted) -> Iterable[str]:
    """Columns that are read in two ways, or that are treated although they are no inputs."""
    kinds = {key: set(names) for key, names in wanted.treated if key in {"categories", "dates"}}
    both = sorted(kinds.get("categories", set()) & kinds.get("dates", set()))
    if both:
        shown = ", ".join(map(repr, both))
        yield f"dataset.dates: found {shown}, which dataset.categories names too; expected one of both"
    for key, names in wanted.treated:
        unused = [name for name in names if _is_unused(wanted, name)]
        if unused and key != "time":
            shown = ", ".join(f"{name!r}, which is {_why_unused(wanted, name)}" for name in unused)
            yield f"dataset.{key}: found {shown}; expected inputs: leave such names out here"


def _is_unused(wanted: Wanted, name: str) -> bool:
    """Whether a column is neither an input nor the target."""
    chosen = wanted.features is None or name in (*wanted.features, wanted.target)
    return name in wanted.drop or name == wanted.groups or not chosen


def _why_unused(wanted: Wanted, name: str) -> str:
    others = "in dataset.drop" if name in wanted.drop else "not in dataset.features"
    return "the column of dataset.groups" if name == wanted.groups else others


def _to_drop(header: Header, wanted: Wanted) -> Iterable[str]:
    """The names of columns that nobody chose: none, or the one that pandas gives to columns without a name."""
    if header.line and wanted.features is None:
        names = dict.fromkeys(header.names)
        yield from (
            name
            for name in names
            if (not name or is_made(name)) and name not in (*wanted.drop, wanted.target, wanted.groups)
        )


def is_made(name: str) -> bool:
    """Whether pandas made this name for a column without one."""
    return bool(UNNAMED.fullmatch(name.casefold()))


def _without_a_name(header: Header, to_drop: Sequence[str]) -> Iterable[str]:
    """What is wrong with the columns to leave out; the remedy is the whole list for dataset.drop."""
    if "" in to_drop:
        places = ", ".join(str(place) for place, name in enumerate(header.names, 1) if not name)
        yield (
            f"line {header.line}, column {places}: found no name, expected a name for each column: is it the number of "
            "the row? Leave it out, name the inputs with dataset.features, or write a name"
        )
    made = [name for name in to_drop if name]
    if made:
        yield (
            f"line {header.line}: found {', '.join(map(repr, made))}, which pandas writes for columns without a name, "
            "expected a name for each column: leave them out, or name the inputs with dataset.features"
        )


def _not_unique(header: Header, wanted: Wanted) -> Iterable[str]:
    """Names that several columns have, if one of these columns is used."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header.names):
        places.setdefault(name, []).append(place + 1)
    no_header = f"; {NO_HEADER.format(line=header.line)}"
    used = {wanted.target, wanted.groups, *(wanted.features if wanted.features is not None else header.names)}
    for name, found in places.items():
        if name and len(found) > 1 and (name in used or name in wanted.drop):
            times = "twice" if len(found) == 2 else f"{len(found)} times"  # noqa: PLR2004 (two)
            columns = " and ".join(map(str, found))
            yield (
                f"line {header.line}: found the name {quoted(name)} {times}, in the columns {columns}, "
                f"expected different names; rename one{no_header if is_number(name) else ''}"
            )
    if "" in (wanted.features or ()) and len(places.get("", ())) > 1:
        yield f"dataset.features: found '', which {len(places[''])} columns have, expected different names"


def _no_names(path: Path, line: int, cells: Sequence[str]) -> str:
    shown = ", ".join((*map(plain, cells[:SHOWN]), *["..."][: len(cells) > SHOWN]))
    what = "the numbers" if all(map(is_number, cells)) else "numbers among"
    return f"{path}, line {line}: found {what} {shown}, expected names: the first line must name the columns"
