"""Says of each column of a user's table what it was in the file, and what it became for the network."""

import math
from collections.abc import Iterator

import numpy as np

from bench.datasets.description import ColumnUse
from bench.datasets.own_files.prepared_columns import NO_VALUE, Preparation, PreparedColumn, RawColumn
from bench.datasets.own_files.rows import counted, plain, quoted
from bench.datasets.own_files.table_options import TableOptions
from bench.datasets.own_files.user_table import UserTable

SHOWN = 6  # words


def uses(table: UserTable, prepared: Preparation, options: TableOptions) -> tuple[ColumnUse, ...]:
    """All columns in the order of the inputs, then the target, the groups, and the columns that are not used."""
    columns = [
        ColumnUse(
            name=item.name,
            was=_was(table.values[:, place], item),
            became=_became(column, options),
        )
        for place, (item, column) in enumerate(zip(table.raw, prepared.columns, strict=True))
    ]
    columns.append(ColumnUse(name=options.target, was=_target(table), became=_predicted(options, table)))
    if table.groups is not None and options.groups is not None:
        number = len(np.unique(table.groups))
        columns.append(
            ColumnUse(name=options.groups, was=f"{number} groups", became="no input: a group stays in one part")
        )
    columns += [ColumnUse(name=name, was="not read", became=_why_not(name, options)) for name in table.left_out]
    return tuple(columns)


def remarks(table: UserTable, learnt: np.ndarray) -> Iterator[str]:
    """Categories that no row has from which the network learns."""
    for place, item in enumerate(table.raw):
        if item.kind != "category":
            continue
        present = {int(index) for index in np.unique(table.values[learnt, place]) if index >= 0}
        fill = int(item.fill) if isinstance(item.fill, float) else None
        absent = [word for index, word in enumerate(item.categories) if index not in present and index != fill]
        if absent:
            more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
            yield (
                f"column {quoted(item.name)}: no row that is learnt from has {', '.join(map(quoted, absent[:SHOWN]))}"
                f"{more}, so nothing is learnt about {'it' if len(absent) == 1 else 'them'}"
            )


def _why_not(name: str, options: TableOptions) -> str:
    return "left out by dataset.drop" if name in options.drop else "not named in dataset.features"


def _was(values: np.ndarray, item: RawColumn) -> str:
    """What the column is in the file, with the number of its gaps."""
    there = values[~np.isnan(values)]
    gaps = len(values) - len(there)
    without = f", {counted(gaps, 'gap')}" if gaps else ""
    if not len(there):
        return f"no value in any of {len(values)} rows"
    if item.kind == "category":
        words = [word for word in item.categories if word != NO_VALUE]
        more = ", ..." if len(words) > SHOWN else ""
        return f"{counted(len(words), 'word')}: {', '.join(map(plain, words[:SHOWN]))}{more}{without}"
    if item.kind == "date":
        first, last = (np.datetime64(math.floor(day), "D") for day in (there.min(), there.max()))
        return f"dates from {first} to {last}{without}"
    whole = "whole numbers" if (there == np.floor(there)).all() else "numbers"
    if there.min() == there.max():
        return f"the {'whole ' * (whole != 'numbers')}number {there[0]:g}{without}"
    return f"{whole} from {there.min():g} to {there.max():g}{without}"


def _became(column: PreparedColumn, options: TableOptions) -> str:
    """What the network gets of a column."""
    if column.kind == "category":
        of = f"{counted(column.width, 'number')} of 0 or 1"
        filled = column.fill is not None and column.fill >= 0
        fill = f", gaps become {plain(column.categories[int(column.fill or 0)])}" if filled else ""
        return f"{of}, one for each word{fill}"
    parts = ["days since 1970-01-01"] if column.kind == "date" else []
    unit = options.scale if column.kind == "number" else 1.0
    if column.fill is not None:
        rule = options.fill(column.name)
        by = f" (the {rule})" if rule in {"mean", "median"} else ""
        parts.append(f"gaps become {column.fill * unit:g}{by}")
    if unit != 1:
        parts.append(f"divided by {unit:g}")
    if options.standardise:
        parts.append(f"standardised: mean {column.mean * unit:g}, deviation {column.deviation * unit:g}")
    return ", ".join(["a number", *parts]) if parts else "a number, as it is"


def _target(table: UserTable) -> str:
    if table.classes:
        counts = np.bincount(table.targets, minlength=len(table.classes))
        shown = [f"{plain(name)} {count}" for name, count in zip(table.classes, counts.tolist(), strict=True)]
        return f"{len(table.classes)} classes: {', '.join(shown[:SHOWN])}{', ...' * (len(shown) > SHOWN)}"
    return _was(table.targets[:, 0], RawColumn("", "number"))


def _predicted(options: TableOptions, table: UserTable) -> str:
    if table.classes:
        return "the target: labels from 0"
    return "the target, standardised" if options.standardise_target else "the target"
