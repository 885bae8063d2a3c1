"""Says what to do about wrong cells: the option that cures each, with lists of names that are complete."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.datasets.own_files import dates
from bench.datasets.own_files.header import Header, listed
from bench.datasets.own_files.notation import Notation, cause
from bench.datasets.own_files.rows import counted

MOST = 20  # columns with gaps that a message counts
MOST_GAPS = 0.5  # the share of rows without a value from which a column is better left out
FEWEST, MOST_DIFFERENT = 20, 0.5  # words: from so many on, and if most of them differ, they are names of the rows
ANY_FILL = '"median" (or "mean", "drop", or a number)'


class Names(NamedTuple):
    """Problems of the names of columns, the names that the options have, and those that dataset.drop lacks.

    `fill` has the values that dataset.missing may have. `treats` says whether options can leave columns out, or read
    them as words or dates. `missing` are the rules for columns that dataset.missing has.
    """

    problems: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    to_drop: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    fill: str = ANY_FILL
    treats: bool = True
    missing: tuple[tuple[str, float | str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The chosen columns, and the texts of the first wrong cells of those that have any.

    - `used`: the places of the columns that are read;
    - `gaps`: how many cells of a column have no value, for columns that must not have gaps;
    - `dates`: the places of columns that are read as dates;
    - `names`: what is known of the names; None where no option can leave out columns;
    - `only_first_row`: whether each wrong column is wrong in the first row only.
    """

    header: Header
    notation: Notation
    used: tuple[int, ...]
    wrong: Mapping[int, Sequence[str]]
    gaps: Mapping[int, int]
    dates: tuple[int, ...]
    rows: int
    target: int | None = None
    unchosen: tuple[int, ...] = ()
    names: Names | None = None
    only_first_row: bool = False


def remedies(found: Columns) -> Iterator[str]:
    """What to do; names only options that exist, each with the whole list of its names."""
    words = [place for place in found.wrong if place != found.target and _has_words(found, place)]
    with_dates = [place for place in words if dates.form(_texts(found, place)) is not None and place not in found.dates]
    plain_words = [place for place in words if place not in (*with_dates, *found.dates)]
    rows_named = [place for place in plain_words if _names_rows(_texts(found, place))]
    others = [place for place in plain_words if place not in rows_named]
    empty = [place for place in found.gaps if place not in words and found.gaps[place] > MOST_GAPS * found.rows]
    drop = _to_drop(found, [*rows_named, *[place for place in empty if place != found.target]])
    if found.names and found.names.treats:
        yield from _options(found, others, with_dates, drop)
    elif found.names:
        yield "correct the cells"
    if found.target is not None and _has_words(found, found.target):
        yield 'if the target is a class and not a number, set dataset.task = "classification"'
    if any(cause(text, found.notation).kind == "comma" for texts in found.wrong.values() for text in texts):
        sign, other = ("comma", ",") if found.notation.decimal == "." else ("point", ".")
        if found.names and found.header.word == "line":
            yield f'if a {sign} stands before decimals, set dataset.decimal = "{other}"'
    yield from _gaps(found, [place for place in found.wrong if place not in (*drop, *words)])
    if not found.header.line and found.wrong and found.only_first_row:
        yield "if line 1 has the names of the columns, leave dataset.header out"
    if found.names and found.names.treats and (words or found.gaps) and not found.notation.gaps:
        yield f"`levelfield init data {found.header.path.name}` writes a workload with such options"


def _options(found: Columns, words: Sequence[int], with_dates: Sequence[int], drop: Sequence[int]) -> Iterator[str]:
    """The options for words, for dates and for columns to leave out."""
    names = found.names or Names()
    if words:
        yield f"for words set dataset.categories = {_listed(found, names.categories, words)}"
    if with_dates:
        yield f"for dates set dataset.dates = {_listed(found, names.dates, with_dates)}{_form(found, with_dates)}"
    for place in found.dates:
        form = dates.form(_texts(found, place))
        if form:
            yield f"for these dates set dataset.date_format = {json.dumps(form)}"
    if drop or names.to_drop:
        whole = listed(dict.fromkeys([*names.dropped, *names.to_drop, *(found.header.names[place] for place in drop)]))
        yield f"leave columns out with dataset.drop = {whole}"
    notations = [
        place
        for place, texts in found.wrong.items()
        if place not in (*words, *with_dates, *drop) and any(not found.notation.is_missing(text) for text in texts)
    ]
    if words or with_dates or notations:
        yield "or correct the cells" if words or with_dates or drop else "correct the cells"


def _form(found: Columns, places: Sequence[int]) -> str:
    forms = {dates.form(_texts(found, place)) for place in places} - {""}
    return f" and dataset.date_format = {json.dumps(forms.pop())}" if len(forms) == 1 else ""


def _listed(found: Columns, chosen: Iterable[str], places: Sequence[int]) -> str:
    return listed(dict.fromkeys([*chosen, *(found.header.names[place] for place in places)]))


def _texts(found: Columns, place: int) -> list[str]:
    """The texts of the wrong cells of a column that have a value."""
    return [text for text in found.wrong.get(place, ()) if not found.notation.is_missing(text)]


def _has_words(found: Columns, place: int) -> bool:
    return any(cause(text, found.notation).kind == "word" for text in found.wrong.get(place, ()))


def _names_rows(texts: Sequence[str]) -> bool:
    """Whether most of the texts differ, so that they name the rows and say nothing about other rows."""
    return len(texts) >= FEWEST and len(set(texts)) > MOST_DIFFERENT * len(texts)


def _to_drop(found: Columns, places: Sequence[int]) -> list[int]:
    """The columns to leave out; empty if no option can do that, or if no column would be left."""
    if found.names is None:
        return []
    chosen = sorted({*places, *found.unchosen})
    return chosen if set(found.used) - {found.target} - set(chosen) else []


def _gaps(found: Columns, places: Sequence[int]) -> Iterator[str]:
    """What to do about rows without a value, for all columns at once."""
    counts = {place: found.gaps[place] for place in places if found.gaps.get(place)}
    if not counts:
        return
    shown = [
        f"{counted(number, 'row')} {'has' if number == 1 else 'have'} no value in {found.header.shown(place)}"
        f"{', the target' if place == found.target else ''}"
        for place, number in list(counts.items())[:MOST]
    ]
    if len(counts) > MOST:
        shown.append(f"{counted(len(counts) - MOST, 'more column')} with such rows")
    many = " and ".join(shown)
    if found.names is None:
        yield f"{many}: fill these cells, or delete these rows"
        return
    inputs = [place for place in counts if place != found.target]
    rules = dict(found.names.missing)
    whole = _fill(found, inputs, rules, target=found.target in counts)
    yield f"{many}: set dataset.missing = {whole}, or delete these rows"


def _fill(found: Columns, inputs: Sequence[int], rules: Mapping[str, float | str], *, target: bool) -> str:
    """A value of dataset.missing; the rows without a target can only be left out."""
    if not target and not rules:
        return found.names.fill if found.names else ANY_FILL
    fills = {**rules, **{found.header.names[place]: "median" for place in inputs}}
    if target:
        fills[found.header.names[found.target or 0]] = "drop"
    return table_of_rules(fills)


def table_of_rules(rules: Mapping[str, float | str]) -> str:
    """The rules for gaps as a table in a TOML file: `{ age = "median", price = "drop" }`."""
    return f"{{ {', '.join(f'{quoted_key(name)} = {json.dumps(fill)}' for name, fill in rules.items())} }}"


def quoted_key(name: str) -> str:
    """A name as a key of a TOML file, in quotes where it needs them."""
    plain = name and all(sign.isascii() and (sign.isalnum() or sign in "_-") for sign in name)
    return name if plain else json.dumps(name, ensure_ascii=False)
