"""Reads the targets of another file than the one that was learnt: some of its rows may have none."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.datasets import csv
from bench.datasets.own_files import columns, labels
from bench.datasets.own_files.notation import is_missing
from bench.errors import DataError

Targets = tuple[np.ndarray, np.ndarray]  # the rows that have a target, and these targets


def read(path: Path, dataset: Mapping[str, object], classes: Sequence[str] | None) -> Targets | None:
    """The targets of a CSV file that is read like the file of the table `[dataset]`; None if it lacks the column.

    With `classes`, a target is the number of a class, else a number. Raises DataError for every wrong cell.
    """
    wanted, target = dataset.get("header"), csv.named(dataset["target"])
    found, content = csv.opened(path, header=wanted if isinstance(wanted, bool) else None)
    if target not in found.names:
        return None
    if found.names.count(str(target)) > 1:
        raise DataError(f"{path}: found the name {target!r} twice, expected different names")
    place = found.names.index(str(target))
    if classes is not None:
        cells = columns.read(found, content, numbers=(), text=place)
        columns.check(cells)
        return labels.known(cells, classes)
    cells = columns.read(found, content, numbers=(place,), text=None)
    (column,) = cells.numbers
    column.wrong = [cell for cell in column.wrong if not is_missing(cell.text)]
    columns.check(cells)
    values = np.frombuffer(column.values, np.float64)
    rows = np.flatnonzero(~np.isnan(values))
    return rows, values[rows]
