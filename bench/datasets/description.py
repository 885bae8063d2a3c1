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
from bench.errors import UsageError

Task = Literal["classification", "regression"]
Part = Literal["train", "test"]
Size = Annotated[int, Field(gt=0, strict=True)]

checked = ConfigDict(extra="forbid")

_NO_DATA_SETS = {"base", "description"}


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Description:
    """What a data set holds: `train` and `test` samples of `sample_shape`, and as many `outputs` as a network needs.

    `outputs` are the classes, or the numbers to predict. `source` is one line for people; `download` says whether the
    data come from the network (or from the folder in LEVELFIELD_DATA).
    """

    name: str
    task: Task
    sample_shape: tuple[Size, ...]
    outputs: Size
    train: Size
    test: Size
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


def find(table: Mapping[str, object]) -> tuple[ModuleType, object]:
    """The module of the data set that the table names, and its Options; raises UsageError like `describe`."""
    name = table.get("name")
    if name not in dataset_names():
        found = repr(name) if "name" in table else "nothing"
        raise UsageError(f"dataset.name: found {found}, expected one of {', '.join(dataset_names())}")
    module = import_module(f"bench.datasets.{str(name).replace('-', '_')}")
    given = {key: value for key, value in table.items() if key != "name"}
    try:
        return module, TypeAdapter(module.Options).validate_python(given)
    except ValidationError as error:
        allowed = ", ".join(("name", *(field.name for field in fields(module.Options))))
        raise UsageError(f"{_wrong(error.errors()[0], allowed)} (data set {name!r})") from None


def _wrong(details: ErrorDetails, allowed: str) -> str:
    """One wrong option: its key, what was found, what is allowed."""
    key = ".".join(map(str, ("dataset", *details["loc"])))
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "unexpected_keyword_argument":
        return f"{key}: found {details['input']!r}, but the keys are {allowed}"
    if details["type"] == "missing":
        return f"{key}: found nothing, and it is required"
    if len(details["loc"]) == 0:  # a rule about several options together, whose input is all of them
        return f"{key}: {message}"
    return f"{key}: found {details['input']!r}; {message[0].lower()}{message[1:]}"
