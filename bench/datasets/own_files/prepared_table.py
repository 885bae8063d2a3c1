"""A user's table from its file to the parts of a data set: read once, split, and prepared."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part
from bench.datasets.own_files import column_facts, parsed_cache, user_table
from bench.datasets.own_files import preparation as preparations
from bench.datasets.own_files.prepared_columns import Preparation, RawColumn
from bench.datasets.own_files.rows import counted
from bench.datasets.own_files.table_options import TableOptions
from bench.datasets.own_files.user_table import Open, UserTable
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError

# Options that do not change what is read from the file.
AFTER_READING = {field.name for field in fields(Splitting)} - {"standardise"} | {"unit"}
# Options that older workloads do not have; the digest has those that are set.
LATER = ("missing", "categories", "dates", "date_format", "scale", "shape", "groups", "test_path")


def describe(options: TableOptions, opened: Open) -> Description:
    """The description of the file, which is read and checked; raises DataError with every mistake."""
    found = _read(options, opened)
    shape = _shape(options, sum(item.width for item in found.raw))
    table = _table(found)
    parts = tables.sizes_of(table, options, names=found.classes)
    tables.check(table, options, names=found.classes)
    prepared = _fitted(found, options)
    return Description(
        name=Path(options.path).stem,
        task=options.task,
        sample_shape=shape,
        outputs=len(found.classes) or 1,
        **parts,
        unit=options.unit,
        labels=found.classes,
        features=tuple(column.name for column in found.raw),
        source=_source(options, found),
        download=False,
        remarks=(*found.remarks, *column_facts.remarks(found, _learnt(found, options))),
        columns=column_facts.uses(found, prepared, options),
    )


def fingerprint(options: TableOptions, opened: Open) -> str:
    """The sha256 in hex of the used columns, of the class names, and of the options for splitting and preparation."""
    found = _read(options, opened)
    words = [json.dumps([item.name, item.kind, item.categories]) for item in found.raw if item.kind != "number"]
    set_later = _later(options)
    groups = [] if found.groups is None else [checksum(found.groups)]
    return tables.fingerprint(
        tables.splitting_of(options),
        checksum(found.values, found.targets),
        *found.classes,
        *words,
        *groups,
        *([json.dumps([set_later, found.published], sort_keys=True)] if set_later else []),
    )


def read(options: TableOptions, opened: Open, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    found = _read(options, opened)
    prepared = _fitted(found, options)
    table = _table(found)
    split = tables.split(table, options, part, prepare=partial(preparations.apply, prepared))
    shape = _shape(options, prepared.width)
    scaled = options.standardise or options.scale != 1
    return Split(
        inputs=split.inputs.reshape(len(split.inputs), *shape),
        targets=split.targets,
        target_mean=split.target_mean,
        target_deviation=split.target_deviation,
        input_mean=prepared.mean if scaled else np.zeros(0),
        input_deviation=prepared.deviation if scaled else np.zeros(0),
    )


def preparation(options: TableOptions, opened: Open) -> Preparation:
    """The preparation of the columns, with parameters of the rows that are learnt from."""
    return _fitted(_read(options, opened), options)


def _read(options: TableOptions, opened: Open) -> UserTable:
    paths = [Path(path) for path in (options.path, options.test_path) if path is not None]
    given = {key: value for key, value in asdict(options).items() if key not in AFTER_READING}
    key = json.dumps([type(options).__module__, given], sort_keys=True, default=str)
    return parsed_cache.stored(key, paths, lambda: user_table.read(options, opened), _made)


def _made(*, raw: Sequence[Sequence[Any]], groups: np.ndarray | None = None, **others: Any) -> UserTable:  # noqa: ANN401
    """A stored table as it was read."""
    return UserTable(raw=tuple(RawColumn(*item) for item in raw), groups=groups, **others)


def _table(found: UserTable) -> Table:
    return Table(inputs=found.values, targets=found.targets, published=found.published, groups=found.groups)


def _learnt(found: UserTable, options: TableOptions) -> np.ndarray:
    return tables.learnt_rows(_table(found), options, names=found.classes)


def _fitted(found: UserTable, options: TableOptions) -> Preparation:
    return preparations.fit(
        found.values,
        found.raw,
        _learnt(found, options),
        standardise=options.standardise,
        scale=options.scale,
    )


def _shape(options: TableOptions, width: int) -> tuple[int, ...]:
    """The shape of a sample. Raises DataError if the numbers of a row do not fill the shape that is asked for."""
    shape = options.shape or (width,)
    if np.prod(shape, dtype=object) != width:
        product = " times ".join(map(str, shape))
        raise DataError(
            f"dataset.shape: found {list(shape)}, which is {product} = {np.prod(shape, dtype=object)} numbers, "
            f"expected {width}, the numbers of a row; name the columns of the sample with dataset.features"
        )
    return shape


def _source(options: TableOptions, found: UserTable) -> str:
    name, rows = Path(options.path).name, len(found.targets) - found.published
    test = f" and {Path(options.test_path).name}, {counted(found.published, 'row')}" if options.test_path else ""
    return f"{name}, {counted(rows, 'row')}{test}"


def _later(options: TableOptions) -> dict[str, object]:
    """The options for the preparation that are set; a path does not count, since the content does."""
    defaults = {field.name: field.default for field in fields(options)}
    found = {key: getattr(options, key) for key in LATER if getattr(options, key) != defaults[key]}
    return {key: key if key == "test_path" else value for key, value in found.items()}
