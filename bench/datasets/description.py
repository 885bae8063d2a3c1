"""Finds the module of a data set and describes the data set without reading a public file.

A data set is one module of this package with
- `Options`: a frozen pydantic dataclass of the keys that the table `[dataset]` may have besides `name`;
- `describe(options)`: its Description;
- `fingerprint(options)`: a hash that changes if a sample changes; no public file is read for it;
- `read(options, part)`: one part as a Split; slow imports belong into this function.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

import bench.datasets
from bench.datasets.own_files import facts as own_facts
from bench.errors import UsageError, expected, found_and_expected, in_toml, key_name, meant, without_consequences

Task = Literal["classification", "regression"]
Part = Literal["train", "validation", "test"]
Size = Annotated[int, Field(gt=0, strict=True)]
Switch = Annotated[bool, Field(strict=True)]

checked = ConfigDict(extra="forbid")

# Kinds of a user's own files; a table names them with `kind`, not with `name`.
FILES = ("csv", "idx", "images", "npz", "parquet", "series")

PATHS = ("path", "test_path", "images", "labels", "test_images", "test_labels")  # options that name files or folders

_NO_DATA_SETS = {"base", "class_shares", "csv_mistakes", "description", "own_files", "tables", *FILES}
# Options whose effect depends on which rows are learnt from.
LEARNT = ("standardise", "standardise_target", "stratify", "folds")
# Options of several types, and what they may be.
SEVERAL = {
    "missing": 'a number, "mean", "median", "drop", "category", or a table such as { age = "median" }',
    "categories": 'a list of columns, such as ["colour"], or a table such as { colour = ["red", "green"] }',
}
MOST_NUMBERS = 10**18  # of all samples of a data set
HELD_OUT = "held_out"  # the option that no file has: it comes from the recipe


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class ColumnUse:
    """A column of a user's table: its name, what it was in the file, and what it became for the network."""

    name: str
    was: str
    became: str


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Description:
    """The properties of a data set.

    - `sample_shape`: the shape of one sample;
    - `outputs`: the number of classes (classification), or of values to predict (regression);
    - `train`, `validation`, `test`: the number of samples in each part; 0 if there is no validation part;
    - `unit`: the unit of a predicted number, or empty;
    - `labels`, `features`: the names of the classes and of the columns, or empty;
    - `naive`: the simple forecast that a sequence is compared with (`last`: the last value is repeated), or None;
    - `source`: the origin of the data, in one line;
    - `download`: whether the data come from the network (or from the folder in LEVELFIELD_DATA);
    - `remarks`: what a user has to know about the data, one sentence each;
    - `columns`: what became of each column of a user's table.
    """

    name: str
    task: Task
    sample_shape: tuple[Size, ...]
    outputs: Size
    train: Size
    test: Size
    validation: Annotated[int, Field(ge=0, strict=True)] = 0
    unit: str = ""
    labels: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    naive: Literal["last"] | None = None
    source: str
    download: bool
    remarks: tuple[str, ...] = ()
    columns: tuple[ColumnUse, ...] = ()


def dataset_names() -> tuple[str, ...]:
    """The names of all data sets, sorted."""
    modules = {module.name for module in iter_modules(bench.datasets.__path__)}
    return tuple(sorted(name.replace("_", "-") for name in modules - _NO_DATA_SETS))


def describe(table: Mapping[str, object]) -> Description:
    """The description of the data set that the table `[dataset]` of a workload names.

    Raises UsageError for an unknown name or a wrong option, with the key, what was found and what is expected.
    """
    module, options = find(table)
    description: Description = (
        TypeAdapter(Description).validate_python(facts(table)["description"])
        if "kind" in table
        else module.describe(options)
    )
    if description.task == "classification" and getattr(options, "standardise_target", False):
        raise UsageError(
            "dataset.standardise_target: found true, expected false: the task is classification, and only numbers are "
            "scaled"
        )
    samples = description.train + description.validation + description.test
    if samples * math.prod(description.sample_shape) > MOST_NUMBERS:
        raise UsageError(
            f"dataset: found samples that together have more than {MOST_NUMBERS:.0e} numbers, which no machine can "
            "hold; expected smaller sizes"
        )
    return description


def fingerprint(table: Mapping[str, object]) -> str:
    """A sha256 in hex that changes if a sample changes. Only a user's own file is read for it, no public file.

    Raises UsageError like `describe`.
    """
    module, options = find(table)
    digest: str = facts(table)["fingerprint"] if "kind" in table else module.fingerprint(options)
    return digest


def facts(table: Mapping[str, object]) -> dict[str, Any]:
    """The description and the fingerprint of a user's own files, as JSON has them. Raises DataError for a mistake.

    Both are found once for the same content and the same options.
    """
    module, options = find(table)

    def compute() -> dict[str, Any]:
        found = TypeAdapter(Description).dump_python(module.describe(options), mode="json")
        return {"description": found, "fingerprint": module.fingerprint(options)}

    paths = [Path(str(table[key])) for key in PATHS if key in table]
    return own_facts.of(table, paths, compute)


def folds(table: Mapping[str, object]) -> int | None:
    """The number of folds for cross-validation; None for a single split. Raises UsageError like `describe`."""
    return getattr(find(table)[1], "folds", None)


def held_out(table: Mapping[str, object], fraction: float) -> Mapping[str, object]:
    """The table with the share of training rows that the recipe holds out, if the rows or their scaling depend on it.

    The option is left out where it changes nothing, so that digests stay what they were. Raises UsageError like
    `describe`.
    """
    _, options = find(table)
    known = {field.name for field in fields(options)}  # type: ignore[arg-type]
    depends = "kind" in table or not known & set(LEARNT) or any(getattr(options, name, None) for name in LEARNT)
    return {**table, HELD_OUT: fraction} if fraction and HELD_OUT in known and depends else table


def find(table: Mapping[str, object]) -> tuple[ModuleType, object]:
    """The module of the data set, and its checked Options; raises UsageError like `describe`."""
    key, known = ("kind", FILES) if "kind" in table else ("name", dataset_names())
    name = table.get(key)
    if name not in known:
        found = in_toml(name) if key in table else "nothing"
        own = "" if key == "kind" else f", or kind = {' or '.join(map(repr, FILES))} for a file of your own"
        raise UsageError(f"dataset.{key}: found {found}, expected one of {', '.join(known)}{own}")
    module = import_module(f"bench.datasets.{str(name).replace('-', '_')}")
    given = {option: value for option, value in table.items() if option != key}
    try:
        return module, TypeAdapter(module.Options).validate_python(given)
    except ValidationError as error:
        allowed = (key, *(field.name for field in fields(module.Options) if field.name != HELD_OUT))
        mistakes = without_consequences(error.errors())
        told = dict.fromkeys(_wrong(details, allowed, given) for details in mistakes)
        raise UsageError(f"{'; '.join(told)} (data set {name!r})") from None


def _of_another_kind(option: str) -> str:
    """A remark about an option that other kinds of a user's files have; empty if none has it."""
    modules = {kind: import_module(f"bench.datasets.{kind}") for kind in FILES}
    kinds = [kind for kind, module in modules.items() if option in {field.name for field in fields(module.Options)}]
    return f", which belongs to kind = {' or '.join(map(repr, kinds))}" if kinds and option != HELD_OUT else ""


def _wrong(details: ErrorDetails, allowed: Sequence[str], given: Mapping[str, object]) -> str:
    """The text about one wrong option: its key, what was found, what is expected."""
    key = key_name(("dataset", *details["loc"]))
    option = str(details["loc"][0]) if details["loc"] else ""
    if option in SEVERAL and option in given:
        return f"dataset.{option}: found {in_toml(given[option])}, expected {SEVERAL[option]}"
    if details["type"] == "unexpected_keyword_argument":
        name = str(details["loc"][-1])
        remark = (_of_another_kind(name) if allowed[0] == "kind" else "") or meant(name, allowed)
        return f"{key}: unknown key{remark}, expected one of {', '.join(allowed)}"
    if details["type"] == "missing":
        return f"{key}: found nothing, expected {expected(details)}"
    if details["type"] == "value_error":  # a rule about several options together
        return f"{key}: {details['ctx']['error']}"
    return f"{key}: {found_and_expected(details)}"
