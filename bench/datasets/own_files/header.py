"""Finds the columns of a CSV file that a workload uses, and every mistake in their names."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from bench.datasets.own_files.notation import DECIMAL_COMMA
from bench.datasets.own_files.rows import Row, clean, plain, quoted
from bench.errors import DataError, meant

SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'"}
SHOWN, MOST = 3, 20  # cells of a first line, names of columns
# Names that programs give to a column with the numbers of the rows.
NUMBERS_OF_ROWS = re.compile(r"(.*[\W_])?(id|idx|index|row|rowid|rownum|no|nr|num|number)\.?|#|unnamed.*|level_\d+")
UNNAMED = re.compile(r"unnamed(: ?\d+(\.\d+)?)?(_level_\d+)?")  # what pandas calls a column without a name
NO_HEADER = (
    "set dataset.header = false if line {line} is a row: columns are then called 1, 2, 3, ..., and dataset.target is "
    'such a number, for example "3"'
)
HEADER = "set dataset.header = true if these are names"


class Header(NamedTuple):
    """The names of the columns of a file; `line` is the line that has them, or 0 for a file without such a line."""

    path: Path
    line: int
    names: tuple[str, ...]

    def shown(self, place: int) -> str:
        """A column for people: `column 'price'`, or its number if it has no name."""
        name = self.names[place]
        return f"column {quoted(name)}" if self.line and name else f"column {place + 1}"


class Wanted(NamedTuple):
    """The columns that a workload asks for, as its options name them; None stands for all others."""

    target: str
    features: tuple[str, ...] | None
    drop: tuple[str, ...]


class Chosen(NamedTuple):
    """The places of the target and the features, and what is wrong with names of columns that nobody chose.

    These columns are no features. `to_drop` are the names that dataset.drop has to have.
    """

    target: int
    features: tuple[int, ...]
    problems: tuple[str, ...]
    to_drop: tuple[str, ...]


def read(path: Path, start: Sequence[Row], *, header: bool | None, target: str = "") -> Header:
    """The names in the first row, or the numbers of the columns from 1 if `header` is false.

    `start` are the first rows. Raises DataError for another separator than a comma, for lines before the one with the
    target among its names, and for names that are numbers unless `header` is true.
    """
    first = start[0]
    cells = tuple(map(clean, first.cells))
    if header is not False:
        _check_lines_before(path, start, target)
    _check_separator(path, start)
    if header is False:
        return Header(path, 0, tuple(str(number) for number in range(1, len(cells) + 1)))
    if header is None and (all(map(is_number, cells)) or any(map(_is_measured, cells))):
        raise DataError(f"{_no_names(path, first.line, cells)}; {NO_HEADER.format(line=first.line)}; {HEADER}")
    return Header(path, first.line, cells)


def _check_lines_before(path: Path, start: Sequence[Row], target: str) -> None:
    """Raise DataError if the target is no name of the first row, but stands in a later row without numbers."""
    first, *others = start
    if not target or target in _parts(first):
        return
    for row in others:
        cells = _parts(row)
        if target in cells and len(cells) > 1 and not any(map(is_number, cells)):
            raise DataError(
                f"{path}, line {first.line}: found {quoted(clean(','.join(first.cells)))}, expected the names of the "
                f"columns: line {first.line} is not the header, the names seem to be in line {row.line}; delete the "
                f"lines before it{_other_separator(row)}"
            )


def _parts(row: Row) -> list[str]:
    """The cells of a row, also if another sign than a comma separates them."""
    signs = [sign for sign in SEPARATORS if len(row.cells) == 1 and sign in row.cells[0]]
    return [clean(cell) for cell in (row.cells[0].split(signs[0]) if signs else row.cells)]


def _other_separator(row: Row) -> str:
    name = next((name for sign, name in SEPARATORS.items() if len(row.cells) == 1 and sign in row.cells[0]), "")
    return f", and save the file with commas as separators: the separator seems to be {name}" if name else ""


def _check_separator(path: Path, start: Sequence[Row]) -> None:
    """Raise DataError for another separator than a comma; decimal commas in the rows are named in the same message."""
    first, *others = start
    text = clean(",".join(first.cells))
    is_data = bool(_decimals(first))
    signs = [sign for sign in SEPARATORS if (len(first.cells) == 1 and sign in text) or sign in _decimals(first)]
    if not signs:
        return
    decimals = is_data or any(signs[0] in _decimals(row) for row in others)
    remedy = "commas as separators, and points in numbers" if decimals else "commas as separators"
    also = ", and does a comma stand before decimals" if decimals else ""
    raise DataError(
        f"{path}, line {first.line}: found {'the single column ' * (len(first.cells) == 1)}{quoted(text)}, expected "
        f"names separated by commas: is the separator {SEPARATORS[signs[0]]}{also}? Only commas are read; save the "
        f"file with {remedy}"
    )


def _decimals(row: Row) -> str:
    """The signs that separate numbers with decimal commas in a row; empty if there are none."""
    text = ",".join(row.cells)
    found = {sign: [clean(part) for part in text.split(sign)] for sign in SEPARATORS if sign in text}
    return "".join(sign for sign, parts in found.items() if _is_decimal(parts))


def _is_decimal(parts: Sequence[str]) -> bool:
    """Whether the commas in these cells, of which there is at least one, all stand before decimals."""
    with_comma = [part for part in parts if "," in part]
    return bool(with_comma) and all(map(DECIMAL_COMMA.fullmatch, with_comma))


def choose(header: Header, wanted: Wanted) -> Chosen:
    """The target, the features, and what is wrong with names of columns that nobody chose.

    Raises DataError with every mistake in the names that the options have.
    """
    problems = [*_unknown(header, wanted), *_contradictions(wanted)]
    if problems:
        raise DataError("; ".join(problems))
    to_drop = tuple(_to_drop(header, wanted))
    names = [*_without_a_name(header, to_drop), *_not_unique(header, wanted)]
    chosen = _features(header, wanted, to_drop)
    if not names and not chosen:
        raise DataError(f"{header.path}: found no column for the inputs, expected at least one beside the target")
    return Chosen(header.names.index(wanted.target), chosen, tuple(names), to_drop)


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
    times, others = Counter(names), {wanted.target, *wanted.drop, *to_drop}
    return tuple(place for place, name in enumerate(names) if name not in others and times[name] == 1)


def _unknown(header: Header, wanted: Wanted) -> Iterable[str]:
    """All names in the options that are no column, each with the nearest names first."""
    columns = tuple(plain(name) for name in header.names if name)
    asked = (("target", (wanted.target,)), ("features", wanted.features or ()), ("drop", wanted.drop))
    found = [(key, name) for key, names in asked for name in names if name not in header.names]
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
    for key, names in (("features", wanted.features or ()), ("drop", wanted.drop)):
        if wanted.target in names:
            yield f"dataset.{key}: found {wanted.target!r}, which is the target; expected other columns"
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            yield f"dataset.{key}: found {', '.join(map(repr, twice))} more than once, expected each name once"
    if wanted.features and set(wanted.features) <= set(wanted.drop):
        yield "dataset.drop: found all columns of dataset.features, expected at least one that is left"


def _to_drop(header: Header, wanted: Wanted) -> Iterable[str]:
    """The names of columns that nobody chose: none, or the one that pandas gives to columns without a name."""
    if header.line and wanted.features is None:
        names = dict.fromkeys(header.names)
        yield from (
            name for name in names if (not name or _is_made(name)) and name not in (*wanted.drop, wanted.target)
        )


def _is_made(name: str) -> bool:
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
    used = {wanted.target, *(wanted.features if wanted.features is not None else header.names)}
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
