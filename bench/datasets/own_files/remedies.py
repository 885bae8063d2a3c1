"""Says what to do about wrong cells, with a list of columns to leave out that is complete."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.datasets.own_files.header import Header, listed
from bench.datasets.own_files.notation import cause, is_missing
from bench.datasets.own_files.rows import counted, quoted

MOST = 20  # columns with gaps that a message counts
MOST_GAPS = 0.5  # the share of rows without a value from which a column is better left out


class Names(NamedTuple):
    """Problems of the names of columns, the names in dataset.drop, and names that nobody chose and that it lacks."""

    problems: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    to_drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The chosen columns, and the texts of the wrong cells of those that have any.

    - `used`: the places of the columns that are read as numbers;
    - `names`: what is known of the names; None where no option can leave out columns;
    - `only_first_row`: whether each wrong column is wrong in the first row only.
    """

    header: Header
    used: tuple[int, ...]
    wrong: Mapping[int, Sequence[str]]
    rows: int
    target: int | None = None
    unchosen: tuple[int, ...] = ()
    names: Names | None = None
    only_first_row: bool = False


def remedies(found: Columns) -> Iterator[str]:
    """What to do; names only options that exist, and the whole list for dataset.drop."""
    words = [place for place, texts in found.wrong.items() if _needs_drop(texts, found.rows)]
    others = [place for place in words if place != found.target]
    names = _names(found, others)
    if names:
        drop = f"leave columns out with dataset.drop = {listed(names)}"
        yield f"correct the cells, write their values as numbers, or {drop}" if others else drop
    elif others and found.names:
        yield "correct the cells, or write their values as numbers"
    elif found.names and any(not is_missing(text) for texts in found.wrong.values() for text in texts):
        yield "correct the cells"
    if found.target is not None and _has_words(found.wrong.get(found.target, ())):
        yield 'if the target is a class and not a number, set dataset.task = "classification"'
    yield from _gaps(found, [place for place in found.wrong if place not in others], names)
    if not found.header.line and found.wrong and found.only_first_row:
        yield "if line 1 has the names of the columns, leave dataset.header out"


def _needs_drop(texts: Sequence[str], rows: int) -> bool:
    """Whether a column has words, or more gaps than values."""
    return sum(map(is_missing, texts)) > MOST_GAPS * rows or _has_words(texts)


def _has_words(texts: Sequence[str]) -> bool:
    return any(cause(text).kind == "word" for text in texts)


def _names(found: Columns, words: Sequence[int]) -> list[str]:
    """The whole list for dataset.drop: what it has already, and what has to be left out; empty if that does not help.

    It does not help if no column would be left.
    """
    if found.names is None or not (words or found.unchosen or found.names.to_drop):
        return []
    places = sorted({*words, *found.unchosen})
    if not set(found.used) - {found.target} - set(places):
        return []
    _, dropped, to_drop = found.names
    return list(dict.fromkeys([*dropped, *to_drop, *(found.header.names[place] for place in places)]))


def _gaps(found: Columns, places: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """What to do about rows without a value, for all columns at once."""
    counts = {place: sum(map(is_missing, found.wrong[place])) for place in places}
    counts = {place: number for place, number in counts.items() if number}
    if not counts:
        return
    shown = [
        f"{counted(number, 'row')} {'has' if number == 1 else 'have'} no value in {found.header.shown(place)}"
        f"{', the target' if place == found.target else ''}"
        for place, number in list(counts.items())[:MOST]
    ]
    if len(counts) > MOST:
        shown.append(f"{counted(len(counts) - MOST, 'more column')} with such rows")
    if found.target in counts:
        yield f"{' and '.join(shown)}: delete these rows"
        return
    yield f"{' and '.join(shown)}: delete these rows{_fill(found, list(counts), names)}"


def _fill(found: Columns, places: Sequence[int], names: Sequence[str]) -> str:
    columns = [found.header.names[place] for place in places]
    left = set(found.used) - {found.target} - set(places)
    if found.names is None or not left:
        return " or fill them"
    what = "the column" if len(places) == 1 else "the columns"
    if names:
        return f", fill them, or add {', '.join(map(quoted, columns))} to this list too"
    whole = listed(dict.fromkeys([*found.names.dropped, *columns]))
    return f", fill them, or leave {what} out with dataset.drop = {whole}"
