"""Reads a user's own CSV file; one column is the target."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Switch, Task, checked
from bench.datasets.own_files import columns, labels, remarks, rows
from bench.datasets.own_files import header as headers
from bench.datasets.own_files.columns import Cells
from bench.datasets.own_files.header import Header, Wanted
from bench.datasets.own_files.notation import is_missing
from bench.datasets.own_files.remedies import Names
from bench.datasets.own_files.rows import Rows
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError, meant


def _named(value: object) -> object:
    """The name of a column: a number stands for the name that consists of its digits, and blanks do not count."""
    text = str(value) if type(value) is int else value
    return rows.clean(text) if isinstance(text, str) else text


AT_START = 10  # rows among which the names of columns are looked for
Targets = tuple[np.ndarray, np.ndarray]  # the numbers of the rows that have a target, and these targets
Name = Annotated[str, BeforeValidator(_named)]


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """A CSV file of your own: comma-separated values in UTF-8. Blanks around names and cells do not count.

    Attributes:
        path: The path of the file, relative to the workload file.
        target: The name of the column to predict.
        task: Whether the target is a class or a number.
        header: Whether the first line names the columns. With `false` the first line is a row, and the columns are
            called `"1"`, `"2"`, `"3"` and so on. Without this key the first line has to name the columns, and a line of
            numbers is refused. With `true` the names may be numbers.
        features: The names of the input columns. Without this key, all columns but the target and those in `drop`.
        drop: The names of columns that are not used. `""` stands for all columns without a name.
        classes: The values of the target in the order of their labels. Without this key, the sorted values of the
            column.
        unit: The unit of a predicted number, for example `"dollars"`. Reports show it.
    """

    path: str
    target: Name
    task: Task
    header: Switch | None = None
    features: tuple[Name, ...] | None = None
    drop: tuple[Name, ...] = ()
    classes: Annotated[tuple[Name, ...], Field(min_length=2)] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse a class that is listed twice."""
        Splitting.__post_init__(self)  # `super()` fails here: `slots=True` creates a second class
        twice = sorted({name for name in self.classes or () if (self.classes or ()).count(name) > 1})
        if twice:
            raise ValueError(f"found classes with {', '.join(map(repr, twice))} more than once, expected each once")


class File(NamedTuple):
    """The table of a file, the names of its classes (empty for regression) and features, and remarks for the user."""

    table: Table
    classes: tuple[str, ...]
    features: tuple[str, ...]
    remarks: tuple[str, ...]


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with line and column of a mistake."""
    table, names, features, notes = _read(options)
    sizes = tables.sizes(len(table.targets), options)
    tables.check(table, options, names=names)
    return Description(
        name=Path(options.path).stem,
        task=options.task,
        sample_shape=table.inputs.shape[1:],
        outputs=len(names) or 1,
        **sizes,
        unit=options.unit,
        labels=names,
        features=features,
        source=f"{Path(options.path).name}, {rows.counted(len(table.targets), 'row')}",
        download=False,
        remarks=notes,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the used columns, of the class names, and of the options for splitting and scaling."""
    table, names, _, _ = _read(options)
    return tables.fingerprint(tables.splitting_of(options), checksum(*table), *names)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return tables.split(_read(options).table, options, part)


def inputs_of(path: Path, dataset: Mapping[str, object], features: tuple[str, ...]) -> np.ndarray:
    """The feature columns of another file, read like the file of the table `[dataset]`; no other column is read.

    Without names of features, all columns are features. Raises DataError for a mistake in the file.
    """
    wanted = dataset.get("header")
    found, content = _opened(path, header=wanted if isinstance(wanted, bool) else None, target="".join(features[:1]))
    missing = [name for name in features if name not in found.names]
    if missing:
        shown = ", ".join(f"{name!r}{meant(name, found.names)}" for name in missing)
        word = "column" if len(missing) == 1 else "columns"
        raise DataError(f"{path}: found no {word} {shown}, expected {', '.join(map(rows.plain, features))}")
    twice = [name for name in features if found.names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: found the name {twice[0]!r} twice, expected different names")
    places = [found.names.index(name) for name in features] or range(len(found.names))
    cells = columns.read(found, content, numbers=places, text=None)
    _check_rows(cells)
    columns.check(cells)
    return columns.matrix(cells)


def targets_of(path: Path, dataset: Mapping[str, object], classes: Sequence[str] | None) -> Targets | None:
    """The targets of another file, read like the file of the table `[dataset]`; None if it lacks their column.

    With `classes`, a target is the number of a class, else a number. A row whose cell is empty has none. Raises
    DataError for every wrong cell.
    """
    wanted, target = dataset.get("header"), str(_named(dataset["target"]))
    found, content = _opened(path, header=wanted if isinstance(wanted, bool) else None)
    if target not in found.names:
        return None
    if found.names.count(target) > 1:
        raise DataError(f"{path}: found the name {target!r} twice, expected different names")
    place = found.names.index(target)
    if classes is not None:
        cells = columns.read(found, content, numbers=(), text=place)
        columns.check(cells)
        return labels.known(cells, classes)
    cells = columns.read(found, content, numbers=(place,), text=None)
    (column,) = cells.numbers
    column.wrong = [cell for cell in column.wrong if not is_missing(cell.text)]
    columns.check(cells)
    values = columns.matrix(cells)[:, 0]
    there = np.flatnonzero(~np.isnan(values))
    return there, values[there]


@cache
def _read(options: Options) -> File:
    path, is_text = Path(options.path), options.task == "classification"
    names, content = _opened(path, header=options.header, target=options.target)
    wanted = Wanted(options.target, options.features, options.drop)
    chosen = headers.choose(names, wanted)
    target, features = chosen.target, chosen.features
    numbers = features if is_text else (*features, target)
    cells = columns.read(names, content, numbers=numbers, text=target if is_text else None)
    _check_rows(cells)
    found = labels.read(cells, options.classes) if is_text and cells.lines else labels.NONE
    unchosen = remarks.numbers_of_rows(cells, features) if options.features is None else ()
    columns.check(
        cells,
        target=None if is_text else target,
        others=found.problems,
        unchosen=unchosen,
        names=Names(chosen.problems, options.drop, chosen.to_drop),
    )
    if options.header is None:
        _check_header(names, options.target, found.names)
    values = columns.matrix(cells)
    table = (
        Table(inputs=values, targets=found.values) if is_text else Table(inputs=values[:, :-1], targets=values[:, -1:])
    )
    remarks.constant(table, names, target)
    notes = (
        *remarks.options(cells, wanted),
        *remarks.remarks(table, names, features, scaled=options.standardise, dropped=options.drop),
    )
    return File(table, found.names, tuple(names.names[place] for place in features), notes)


def _opened(path: Path, *, header: bool | None, target: str = "") -> tuple[Header, Rows]:
    """The names of the columns, and the rows below them. If `target` is only a later line's name, that line is told."""
    content = rows.rows(path)
    start = list(islice(content, AT_START))
    names = headers.read(path, start, header=header, target=target)
    return names, chain(start[bool(names.line) :], content)


def _check_rows(cells: Cells) -> None:
    if not (cells.lines or cells.ragged or cells.blank):
        path = cells.header.path
        raise DataError(f"{path}: found the names of the columns and 0 rows, expected at least one row")


def _check_header(names: Header, target: str, classes: tuple[str, ...]) -> None:
    """Raise DataError if the line with the names looks like a row: the target is called like one of its classes."""
    if target in classes and any(map(headers.is_number, names.names)):
        raise DataError(
            f"{names.path}, line {names.line}: found {target!r} as the name of the target and as one of its values, "
            "expected names: the first line must name the columns; "
            f"{headers.NO_HEADER.format(line=names.line)}; {headers.HEADER}"
        )
