"""Writes the TOML file of a workload for a user's table, with what was found in it."""

import json
from collections.abc import Iterator, Sequence
from math import isqrt
from pathlib import Path
from typing import NamedTuple

from bench.datasets.own_files.columns import SWITCHES
from bench.datasets.own_files.notation import USUAL
from bench.datasets.own_files.remedies import quoted_key
from bench.datasets.own_files.rows import counted, plain
from bench.datasets.own_files.survey import SeenColumn, Survey, is_row_number
from bench.errors import DataError

# Names that people give to what they want to predict, the likeliest first; the last ones are often inputs too.
TARGETS = ("target", "label", "outcome", "species", "survived", "price", "quality", "class", "result", "output", "y")
MOST_CLASSES = 20  # whole numbers: with more different ones the target is a quantity
FEWEST_OF_CLASS = 5  # rows, on average
STEPS = 12  # of a window, if the series is long enough
FEWEST_WINDOWS = 5  # windows of the length of the series
BATCH, LEAST_BATCHES = 32, 4
SHOWN = 6  # words
# Names of what may have several rows.
GROUPS = {"patient", "person", "subject", "customer", "client", "user", "household", "machine", "device", "account"}
REPEATS, SMALLEST_SIDE = 2, 7  # rows of one group on average, and pixels of an image


class NewWorkload(NamedTuple):
    """A workload: the text of its TOML file, and one line for each thing that was decided."""

    text: str
    decided: tuple[str, ...]


def table(path: Path, found: Survey, *, name: str, target: str | None, relative: str) -> NewWorkload:
    """The workload of a table whose rows are samples. `relative` is the path of the file as the TOML file has it."""
    chosen = found.column(target) if target is not None else _target(found, path)
    is_class = _is_class(chosen, found.rows)
    inputs = [column for column in found.columns if not column.reason and column.name != chosen.name]
    if not inputs:
        reasons = "; ".join(f"{column.name!r}: {column.reason}" for column in found.columns if column.reason)
        raise DataError(
            f"{path}: found no column for the inputs beside the target {chosen.name!r} ({reasons or 'no other column'})"
            "; name another target with --target, or write the workload yourself"
        )
    task = "classification" if is_class else "regression"
    lines = [
        *_head(name, path, found),
        "[dataset]",
        f'kind = "{"parquet" if path.suffix.casefold() == ".parquet" else "csv"}"',
        f"path = {toml(relative)}",
        *_notation(found),
        f"target = {toml(chosen.name)}",
        f'task = "{task}"',
        *_columns(found, chosen, inputs),
        "standardise = true",
        *(_shares(chosen, found.rows) if is_class else ["standardise_target = true"]),
        "",
        "[model]",
        'family = "dnn"',
        "hidden = [{ units = 64 }, { units = 32 }]",
        "",
        *recipe(found.rows),
    ]
    why = "you named it" if target is not None else "by its name" if _is_usual(chosen) else "it is the last column"
    decided = (
        f"target: {plain(chosen.name)} ({why}; another one: --target NAME)",
        f"task: {task} ({_why(chosen, is_class=is_class)})",
        *_hints(found, inputs),
    )
    return NewWorkload("\n".join(lines) + "\n", decided)


def series(path: Path, found: Survey, *, name: str, target: str | None, relative: str) -> NewWorkload:
    """The workload of a series, whose rows are in the order of time."""
    others = [column for column in found.columns if column.name != target]
    in_order = (column for column in others if is_time(column))
    by_date = (column for column in others if column.kind == "date")  # the order is checked when it is read
    time = next(in_order, next(by_date, None))
    numbers = [column for column in found.columns if column.kind == "number" and column is not time]
    if target is not None:
        chosen = found.column(target)
    elif numbers:
        chosen = next((column for column in numbers if _is_usual(column)), numbers[-1])
    else:
        raise DataError(f"{path}: found no column of numbers, expected one to predict")
    others_used = [column.name for column in numbers if column.name != chosen.name and not column.reason]
    steps = max(1, min(STEPS, found.rows // FEWEST_WINDOWS))
    gaps = any(column.gaps for column in numbers if column is chosen or column.name in others_used)
    lines = [
        *_head(name, path, found),
        "[dataset]",
        'kind = "series"',
        f"path = {toml(relative)}",
        *_notation(found),
        f"target = {toml(chosen.name)}",
        *([f"time = {toml(time.name)}"] if time else []),
        *([f"date_format = {toml(time.form)}"] if time and time.form else []),
        *([f"features = {_names(others_used)}"] if others_used else []),
        f"steps = {steps}                  # rows of the past that the network sees",
        "horizon = 1                 # rows of the future that it predicts",
        *(['missing = "previous"'] if gaps else []),
        "standardise = true",
        "",
        "[model]",
        'family = "lstm"',
        "layers = [{ units = 32 }]",
        "",
        *recipe(found.rows),
    ]
    order = plain(time.name) if time else "the rows"
    decided = (
        f"kind: a series in the order of {order} (if rows do not depend on each other: --kind table)",
        f"target: {plain(chosen.name)} (another one: --target NAME)",
        *_unused(found, (chosen.name, *others_used), time),
    )
    return NewWorkload("\n".join(lines) + "\n", decided)


def _unused(found: Survey, used: Sequence[str], time: SeenColumn | None) -> Iterator[str]:
    """The columns of a series that are no inputs."""
    for column in found.columns:
        if column.name not in used and column is not time:
            why = column.reason or ("a series has no words" if column.kind == "category" else "it is a date")
            yield f"left out: {plain(column.name)} ({why})"


def _hints(found: Survey, inputs: Sequence[SeenColumn]) -> Iterator[str]:
    """What the file may be beside a plain table."""
    time = next((column for column in found.columns if column.kind == "date" and (column.grows or column.falls)), None)
    if time is not None:
        sort = "" if time.grows else "sort the file, the oldest row first, and use "
        yield f"hint: rows are in the order of {plain(time.name)}; if they are a series: {sort}--kind series"
    for column in found.columns:
        names_group = is_row_number(column.name) or column.name.casefold() in GROUPS
        if names_group and 1 < column.different <= found.rows // REPEATS:
            option = f"groups = {toml(column.name)}, without stratify, and without this name in drop or categories"
            yield f"hint: rows share {plain(column.name)}; to keep those of one in one part: {option}"
    side = isqrt(len(inputs))
    if side >= SMALLEST_SIDE and side**2 == len(inputs) and all(column.is_byte for column in inputs):
        yield f"hint: each row may be an image: shape = [{side}, {side}] and scale = 255 in place of standardise"


def is_series(found: Survey) -> bool:
    """Whether the rows are probably in the order of time: a first column of dates or a counter, and numbers only."""
    if not found.columns:
        return False
    first, *others = found.columns
    if not is_time(first) or is_row_number(first.name) or any(column.kind != "number" for column in others):
        return False
    return bool(others) and (first.kind == "date" or len(others) == 1)


def is_time(column: SeenColumn) -> bool:
    """Whether a column has the time of each row: dates, or whole numbers, that grow."""
    return column.grows and (column.kind == "date" or column.whole)


def recipe(samples: int) -> Iterator[str]:
    """A recipe that trains any of these networks for a start."""
    batch = max(1, min(BATCH, samples // LEAST_BATCHES))
    yield from ("[recipe]", 'optimizer = { name = "adam" }', f"batch_size = {batch}", "epochs = 20")


def _head(name: str, path: Path, found: Survey) -> Iterator[str]:
    yield f"name = {toml(name)}"
    title = f"{path.name}: {counted(found.rows, 'row')}"
    yield f"title = {toml(title)}"
    yield ""


def _notation(found: Survey) -> Iterator[str]:
    """How the file is written, where that is not usual."""
    for key in ("separator", "decimal", "encoding"):
        value = getattr(found.notation, key)
        if value != getattr(USUAL, key):
            yield f"{key} = {toml(value)}"
    if found.header is not None:
        yield f"header = {'true  # these are names' if found.header else 'false  # the first line is a row'}"


def _columns(found: Survey, target: SeenColumn, inputs: Sequence[SeenColumn]) -> Iterator[str]:
    """The options for words, dates, gaps, and columns to leave out, each with what was found."""
    left_out = [column for column in found.columns if column.reason and column.name != target.name]
    names = [column.name for column in found.columns]
    if len(set(names)) < len(names):  # a name that several columns have cannot be dropped
        yield f"features = {_names([column.name for column in inputs])}  # other columns have the same name, or no use"
    elif left_out:
        yield "drop = ["
        yield from (f"  {toml(column.name)},  # {column.reason}" for column in _once(left_out))
        yield "]"
    words = [column for column in inputs if column.kind == "category"]
    if words:
        yield "categories = ["
        yield from (f"  {toml(column.name)},  # {_words(column)}" for column in words)
        yield "]"
    with_dates = [column for column in inputs if column.kind == "date"]
    if with_dates:
        yield f"dates = {_names([column.name for column in with_dates])}  # days since 1970; or put them into drop"
        forms = {column.form for column in with_dates} - {""}
        if len(forms) == 1:
            form = forms.pop()
            order = "  # the day first: is this right?" if "%d" in form and form.find("%d") < form.find("%m") else ""
            yield f"date_format = {toml(form)}{order}"
    yield from _missing([*inputs, target], target)


def _shares(target: SeenColumn, rows: int) -> list[str]:
    """Keep the classes in their shares, if each part can have every class."""
    enough = target.rarest >= FEWEST_OF_CLASS and rows // FEWEST_OF_CLASS >= target.different
    return ["stratify = true"] if enough else []


def _missing(used: Sequence[SeenColumn], target: SeenColumn) -> Iterator[str]:
    gaps = [column for column in used if column.gaps]
    if not gaps:
        return
    if not target.gaps:  # then a column that has its first gap in another file can be filled too
        yield 'missing = "median"'
        yield "# " + ", ".join(f"{plain(column.name)}: {counted(column.gaps, 'gap')}" for column in gaps)
        return
    rules = ", ".join(f"{quoted_key(column.name)} = {json.dumps(_fill(column, target))}" for column in gaps)
    yield f"missing = {{ {rules} }}"
    yield "# " + ", ".join(f"{plain(column.name)}: {counted(column.gaps, 'gap')}" for column in gaps)


def _fill(column: SeenColumn, target: SeenColumn) -> str:
    if column is target:
        return "drop"
    return "category" if column.kind == "category" else "median"


def _once(columns: Sequence[SeenColumn]) -> list[SeenColumn]:
    """Each name once: several columns may have none."""
    return list({column.name: column for column in columns}.values())


def _words(column: SeenColumn) -> str:
    more = ", ..." if column.different > SHOWN else ""
    return f"{column.different} words: {', '.join(map(plain, sorted(column.texts)[:SHOWN]))}{more}".replace("\n", " ")


def _names(names: Sequence[str]) -> str:
    return f"[{', '.join(map(toml, names))}]"


def toml(text: str) -> str:
    """A text as a string in a TOML file."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_usual(column: SeenColumn) -> bool:
    return column.name.casefold() in TARGETS


def _target(found: Survey, path: Path) -> SeenColumn:
    """The column with a usual name, else the last one that can be predicted."""
    usable = [column for column in found.columns if column.kind in {"number", "category"} and column.different > 1]
    if not usable:
        raise DataError(f"{path}: found no column of numbers or words that differ, expected one to predict; add one")
    last = ([column for column in usable if not column.reason] or usable)[-1]
    named = {column.name.casefold(): column for column in usable}
    usual = next((named[name] for name in TARGETS if name in named), None)
    return last if _is_usual(last) or usual is None else usual


def _is_class(column: SeenColumn, rows: int) -> bool:
    if column.kind == "category":
        return True
    few = column.different <= MOST_CLASSES and column.different * FEWEST_OF_CLASS <= rows
    return column.whole and few


def _why(column: SeenColumn, *, is_class: bool) -> str:
    if column.kind == "category":
        return f"{column.different} different words"
    if {text.casefold() for text in column.texts} <= SWITCHES.keys():
        return "true and false"
    if is_class:
        return f'{column.different} different whole numbers; if it is a quantity, write task = "regression"'
    return f"{column.different} different numbers"
