"""What a data set is, without its data: name, task, shapes, sizes and fingerprint, for whoever plans or lists.

A data set is one module of this package, found by its name, with
- `Options`: a frozen pydantic dataclass, what a workload's table `[dataset]` may say besides the name;
- `describe(options)`: its Description;
- `fingerprint(options)`: a hash that changes whenever a sample would, known without reading the data;
- `read(options, part)`: one part of it as a Split, importing there whatever is slow to import.
"""

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

import bench.datasets
from bench.errors import UsageError, expected, key_name

Task = Literal["classification", "regression"]
Part = Literal["train", "validation", "test"]
Size = Annotated[int, Field(gt=0, strict=True)]

checked = ConfigDict(extra="forbid")

FILES = ("csv", "npz")  # kinds of files that a user brings, which are no data sets until one is named

_NO_DATA_SETS = {"base", "description", "tables", *FILES}


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Description:
    """What a data set holds: samples of `sample_shape` in its parts, and how many `outputs` there are to predict.

    `outputs` are the classes, or the numbers. `validation` is 0 where the data set has no such part of its own. `unit`
    is what a predicted number is counted in, `labels` are the names of the classes and `features` those of the columns,
    where they have some; `naive` is the forecast that a sequence is compared with: its last value. `source` is one line
    for people; `download` says whether the data come from the network (or from the folder in LEVELFIELD_DATA).
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


def dataset_names() -> tuple[str, ...]:
    """The names of all data sets, sorted."""
    modules = {module.name for module in iter_modules(bench.datasets.__path__)}
    return tuple(sorted(name.replace("_", "-") for name in modules - _NO_DATA_SETS))


def describe(table: Mapping[str, object]) -> Description:
    """What the table `[dataset]` of a workload stands for.

    Raises UsageError with the key, what was found and what is allowed for an unknown name or a wrong option.
    """
    module, options = find(table)
    description: Description = module.describe(options)
    return description


def fingerprint(table: Mapping[str, object]) -> str:
    """A sha256 in hex that changes whenever a sample would; neither reads nor downloads the data.

    Raises UsageError like `describe`.
    """
    module, options = find(table)
    digest: str = module.fingerprint(options)
    return digest


def folds(table: Mapping[str, object]) -> int | None:
    """Into how many folds the data are dealt out; None where they are split once. Raises UsageError like `describe`."""
    return getattr(find(table)[1], "folds", None)


def find(table: Mapping[str, object]) -> tuple[ModuleType, object]:
    """The module of the data set that the table names, and its Options; raises UsageError like `describe`."""
    key, known = ("kind", FILES) if "kind" in table else ("name", dataset_names())
    name = table.get(key)
    if name not in known:
        found = repr(name) if key in table else "nothing"
        own = "" if key == "kind" else f", or kind = {' or '.join(map(repr, FILES))} for a file of your own"
        raise UsageError(f"dataset.{key}: found {found}, expected one of {', '.join(known)}{own}")
    module = import_module(f"bench.datasets.{str(name).replace('-', '_')}")
    given = {option: value for option, value in table.items() if option != key}
    try:
        return module, TypeAdapter(module.Options).validate_python(given)
    except ValidationError as error:
        allowed = ", ".join((key, *(field.name for field in fields(module.Options))))
        raise UsageError(f"{_wrong(error.errors()[0], allowed)} (data set {name!r})") from None


def _wrong(details: ErrorDetails, allowed: str) -> str:
    """The text about one wrong option: its key, what was found, what is expected."""
    key = key_name(("dataset", *details["loc"]))
    if details["type"] == "unexpected_keyword_argument":
        return f"{key}: unknown key, expected one of {allowed}"
    if details["type"] == "missing":
        return f"{key}: found nothing, expected {expected(details)}"
    if details["type"] == "value_error":  # a rule about several options together
        return f"{key}: {details['ctx']['error']}"
    return f"{key}: found {details['input']!r}, expected {expected(details)}"
