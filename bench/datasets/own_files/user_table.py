"""Reads a user's table, and a second file with the published test part if there is one, into arrays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.datasets.own_files import columns, labels, other_table, remarks, typed_columns
from bench.datasets.own_files import header as headers
from bench.datasets.own_files import table_options as options_of
from bench.datasets.own_files.columns import Cells, Column
from bench.datasets.own_files.header import Chosen, Header, Wanted
from bench.datasets.own_files.labels import Labels
from bench.datasets.own_files.notation import Notation
from bench.datasets.own_files.other_table import KnownTable, Opened
from bench.datasets.own_files.prepared_columns import Kind, RawColumn
from bench.datasets.own_files.remedies import Names, quoted_key
from bench.datasets.own_files.rows import Rows, counted, quoted
from bench.datasets.own_files.table_options import TableOptions
from bench.errors import DataError

AT_START = 10  # rows among which the names of columns are looked for


Open = Callable[[Path, str], Opened]  # from the path of a file and the name of the target


class UserTable(NamedTuple):
    """All rows of the file, before they are split and prepared.

    - `values`: float64 (rows, columns): numbers, days, or indices of categories; NaN is a gap that is filled later;
    - `targets`: labels (rows,) or numbers (rows, 1);
    - `raw`: what each column is;
    - `classes`: the names of the classes, empty for regression;
    - `groups`: the number of each row's group, or None;
    - `published`: how many of the last rows are the published test part;
    - `left_out`: the names of columns that are not used;
    - `remarks`: what the user has to know.
    """

    values: np.ndarray
    targets: np.ndarray
    raw: tuple[RawColumn, ...]
    classes: tuple[str, ...]
    groups: np.ndarray | None
    published: int
    remarks: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def read(options: TableOptions, opened: Open) -> UserTable:
    """The table; raises DataError with all problems of the file, each with its line and its column."""
    found = _first(options, opened(Path(options.path), options.target))
    if options.test_path is None:
        return _with_same_rows(found, options.path)
    test = _published(options, opened(Path(options.test_path), options.target), found)
    both = found._replace(
        values=np.concatenate([found.values, test.values]),
        targets=np.concatenate([found.targets, test.targets]),
        published=len(test.values),
        remarks=(*found.remarks, *test.remarks),
    )
    return _with_same_rows(both, options.test_path)


def _with_same_rows(table: UserTable, where: str) -> UserTable:
    """The table with a remark about rows that may be in two parts."""
    told = remarks.same_rows(table.values, table.targets, table.published, where)
    return table._replace(remarks=(*table.remarks, *told))


def open_rows(content: Rows, path: Path, *, header: bool | None, target: str, notation: Notation) -> Opened:
    """The names of the columns, and the rows below. If `target` is only a later line's name, that line is told."""
    start = list(islice(content, AT_START))
    names = headers.read(path, start, header=header, target=target, notation=notation)
    return Opened(names, chain(start[bool(names.line) :], content), notation, guessed=header is None)


def _published(options: TableOptions, file: Opened, first: UserTable) -> UserTable:
    """The rows of the published test part, in their order."""
    classes = first.classes if options.task == "classification" else None
    if options.target not in file.header.names:
        raise DataError(f"{file.header.path}: found no column {options.target!r}, expected the target of every row")
    may_have_gaps = {item.name: _may_have_gaps(options, item.name, item.kind) for item in first.raw}
    known = KnownTable(first.raw, may_have_gaps.__getitem__, options.target, classes, options.date_format)
    found = other_table.read(file, known)
    path, rows = file.header.path, len(found.values)
    if len(found.labelled) < rows and options.fill(options.target) != "drop":
        gone = counted(rows - len(found.labelled), "row")
        raise DataError(
            f"{path}: found {gone} without a value in {quoted(options.target)}, expected the target of every row; "
            f'delete these rows, or set dataset.missing = {{ {quoted_key(options.target)} = "drop" }}'
        )
    is_text = options.task == "classification"
    targets = np.full(rows, -1) if is_text else np.full((rows, 1), np.nan)
    targets[found.labelled] = found.targets if is_text else found.targets[:, None]
    table = UserTable(found.values, targets, first.raw, first.classes, None, 0, found.remarks)
    return _without_gaps(table, options, path)


def _first(options: TableOptions, file: Opened) -> UserTable:
    names, is_text = file.header, options.task == "classification"
    wanted = _wanted(options)
    chosen = headers.choose(names, wanted)
    features = [_column(options, names, place) for place in chosen.features]
    target = [] if is_text else [Column(chosen.target, may_have_gaps=options.fill(options.target) == "drop")]
    groups = [] if chosen.groups is None else [Column(chosen.groups, kind="category", may_have_gaps=True)]
    cells = columns.read(
        names,
        file.rows,
        columns=[*features, *target, *groups],
        text=chosen.target if is_text else None,
        notation=file.notation,
    )
    other_table.check_rows(cells)
    known = typed_columns.days(features, options.date_format)
    labelled = _labels(cells, options) if is_text and cells.lines else labels.NONE
    _check(cells, options, chosen, features, labelled, guessed=file.guessed)
    raw = tuple(typed_columns.raw(column, options, names) for column in features)
    targets = labelled.values if is_text else target[0].numbers[:, None]
    table = UserTable(
        values=typed_columns.values(features, raw, known),
        targets=targets,
        raw=raw,
        classes=labelled.names,
        groups=groups[0].numbers.astype(np.int64) if groups else None,
        published=0,
        remarks=(),
    )
    return _remarked(_without_gaps(table, options, names.path), cells, options, chosen)


def _check_classes(table: UserTable, path: Path) -> None:
    """Raise DataError if a class has lost all its rows."""
    counts = np.bincount(table.targets, minlength=len(table.classes)) if table.classes else np.ones(1)
    gone = [quoted(name) for name, number in zip(table.classes, counts.tolist(), strict=False) if not number]
    if gone:
        raise DataError(
            f"{path}: found no row of class {', '.join(gone)} in which every column has a value, and dataset.missing "
            'says "drop"; expected rows of every class: choose another rule for the columns with gaps'
        )


def _check(  # noqa: PLR0913 (what has been read)
    cells: Cells,
    options: TableOptions,
    chosen: Chosen,
    features: Sequence[Column],
    labelled: Labels,
    *,
    guessed: bool,
) -> None:
    """Raise DataError with all problems of the cells."""
    names = cells.header
    words = [problem for column in features for problem in typed_columns.problems(column, options, names)]
    columns.check(
        cells,
        target=None if options.task == "classification" else chosen.target,
        others=[*words, *labelled.problems, *_ungrouped(cells, chosen.groups)],
        unchosen=remarks.numbers_of_rows(cells, chosen.features) if options.features is None else (),
        names=Names(
            chosen.problems,
            options.drop,
            chosen.to_drop,
            options_of.names(options.categories),
            options.dates,
            missing=_rules(cells, options),
        ),
    )
    if guessed:
        _check_header(names, options.target, labelled.names)


def _ungrouped(cells: Cells, place: int | None) -> Iterator[str]:
    """Rows without a group."""
    for column in cells.columns:
        if column.place == place and column.gaps.number:
            first = column.gaps.first[0]
            more = columns.more(column.gaps.number - 1, "row")
            yield (
                f"{cells.header.word} {first.line}, {cells.header.shown(column.place)}: found a row without a "
                f"group{more}, expected the group of every row; write them, or delete these rows"
            )


def _rules(cells: Cells, options: TableOptions) -> tuple[tuple[str, float | str], ...]:
    """The rules for gaps that the options have, one for each column with gaps."""
    if isinstance(options.missing, Mapping):
        return tuple(options.missing.items())
    names = [cells.header.names[column.place] for column in cells.columns if column.gaps.number]
    return tuple((name, options.missing) for name in names if options.missing is not None and name != options.groups)


def _labels(cells: Cells, options: TableOptions) -> Labels:
    """The labels of the target; rows without one are left out later if the options say so."""
    may_have_gaps = options.fill(options.target) == "drop"
    return labels.read(cells, options.classes, may_have_gaps=may_have_gaps, rules=dict(_rules(cells, options)))


def _without_gaps(table: UserTable, options: TableOptions, path: Path) -> UserTable:
    """The table without rows that have a gap where `missing` says `drop`."""
    rules = [options.fill(item.name) for item in table.raw]
    dropped = [place for place, rule in enumerate(rules) if rule == "drop"]
    gone = np.isnan(table.values[:, dropped]).any(axis=1)
    gone |= table.targets < 0 if table.targets.ndim == 1 else np.isnan(table.targets[:, 0])
    if not gone.any():
        return table
    kept = ~gone
    if not kept.any():
        raise DataError(f'{path}: found a cell without a value in every row, and dataset.missing says "drop"')
    note = f"{path}: {counted(int(gone.sum()), 'row')} of {len(gone)} left out, since a cell has no value"
    return table._replace(
        values=table.values[kept],
        targets=table.targets[kept],
        groups=None if table.groups is None else table.groups[kept],
        remarks=(*table.remarks, note),
    )


def _remarked(table: UserTable, cells: Cells, options: TableOptions, chosen: Chosen) -> UserTable:
    """The table with what a user has to know about it; raises DataError if there is nothing to learn."""
    _check_classes(table, cells.header.path)
    names = cells.header
    remarks.constant(table.targets, names, chosen.target)
    notes = (
        *remarks.options(cells, _wanted(options)),
        *table.remarks,
        *remarks.remarks(
            table.values, table.targets, names, chosen.features, scaled=options.standardise, dropped=options.drop
        ),
    )
    used = {chosen.target, chosen.groups, *chosen.features}
    return table._replace(
        remarks=notes, left_out=tuple(name for place, name in enumerate(names.names) if place not in used)
    )


def _wanted(options: TableOptions) -> Wanted:
    missing = tuple(options.missing) if isinstance(options.missing, dict) else ()
    treated = (("categories", options_of.names(options.categories)), ("dates", options.dates), ("missing", missing))
    return Wanted(options.target, options.features, options.drop, options.groups, treated)


def _column(options: TableOptions, names: Header, place: int) -> Column:
    name = names.names[place]
    listed = options.categories.get(name, ()) if isinstance(options.categories, Mapping) else ()
    kind = typed_columns.kind(options, name)
    return Column(place, kind=kind, may_have_gaps=_may_have_gaps(options, name, kind), listed=frozenset(listed))


def _may_have_gaps(options: TableOptions, name: str, kind: Kind) -> bool:
    """Whether a rule says what to do about gaps of this column; only words have a category for them."""
    rule = options.fill(name)
    return rule is not None and (rule != "category" or kind == "category")


def _check_header(names: Header, target: str, classes: tuple[str, ...]) -> None:
    """Raise DataError if the line with the names looks like a row: the target is called like one of its classes."""
    if target in classes and any(map(headers.is_number, names.names)):
        raise DataError(
            f"{names.path}, line {names.line}: found {target!r} as the name of the target and as one of its values, "
            "expected names: the first line must name the columns; "
            f"{headers.NO_HEADER.format(line=names.line)}; {headers.HEADER}"
        )
