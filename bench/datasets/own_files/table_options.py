"""Holds the options that all tables of a user have, CSV files and Parquet files alike, and checks them together."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from bench.datasets.description import Size, Task, checked
from bench.datasets.own_files import rows
from bench.datasets.tables import Splitting
from bench.errors import meant

WORDS = ("mean", "median", "drop", "category")  # what `missing` can say besides a value


def named(value: object) -> str:
    """The name of a column that is written as text or as a number."""
    return str(_named(value))


def _named(value: object) -> object:
    """The name of a column: a number stands for the name that consists of its digits, and blanks do not count."""
    text = str(value) if type(value) is int else value
    return rows.clean(text) if isinstance(text, str) else text


def _as_lists(value: object) -> object:
    """Names of columns, or a table of names with lists; only the keys are cleaned here."""
    return {_named(key): item for key, item in value.items()} if isinstance(value, Mapping) else value


Name = Annotated[str, BeforeValidator(_named)]
Fill = Annotated[float, Field(strict=True, allow_inf_nan=False)] | str
Words = Annotated[tuple[Name, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class TableOptions(Splitting):
    """The columns of a table, and what is made of them.

    Attributes:
        path: The path of the file, relative to the workload file.
        target: The name of the column to predict.
        task: Whether the target is a class or a number.
        test_path: The path of a second file with the same columns: its rows are the test data, in their order. Then
            `test` and `folds` do not count.
        features: The names of the input columns. Without this key, all columns but the target and those in `drop`.
        drop: The names of columns that are not used. `""` stands for all columns without a name.
        classes: The values of the target in the order of their labels. Without this key, the sorted values of the
            column.
        missing: What fills cells without a value: `"mean"` or `"median"` of the rows that are learnt from, a number,
            or `"drop"` to leave such rows out. In columns of words such cells are a category of their own
            (`"category"`). A table gives columns a rule each: `{ age = "median", deck = "category", price = "drop" }`.
            Without this key every cell needs a value.
        categories: The columns of words. Each of their categories becomes a number of 0 or 1 (one-hot). A table also
            lists the categories: `{ colour = ["red", "green"] }`. Without a list they are the sorted words of the file
            at `path`. All folds have the same.
        dates: The columns of dates. A date becomes the number of days since the beginning of 1970.
        date_format: How dates are written, in the signs of Python's `strftime`, for example `"%d.%m.%Y"`. Without this
            key as in ISO 8601, for example `2014-10-13`.
        scale: The number by which all columns of numbers are divided first, for example `255` for pixels.
        shape: The shape of one sample, if its numbers are an image or a sequence: `[8, 8]`.
        groups: The name of a column whose rows stay together: no group has rows in two parts. It is no input.
        unit: The unit of a predicted number, for example `"dollars"`. Reports show it.
    """

    path: str
    target: Name
    task: Task
    test_path: str | None = None
    features: tuple[Name, ...] | None = None
    drop: tuple[Name, ...] = ()
    classes: Annotated[tuple[Name, ...], Field(min_length=2)] | None = None
    missing: Fill | Annotated[dict[str, Fill], BeforeValidator(_as_lists)] | None = None
    categories: tuple[Name, ...] | Annotated[dict[str, Words], BeforeValidator(_as_lists)] = ()
    dates: tuple[Name, ...] = ()
    date_format: str | None = None
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    shape: Annotated[tuple[Size, ...], Field(min_length=1)] | None = None
    groups: Name | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse options that contradict each other."""
        Splitting.__post_init__(self)  # `super()` fails here: `slots=True` creates a second class
        check(self)

    def fill(self, name: str) -> float | str | None:
        """What fills the gaps of a column: a number, a word, or None if gaps are refused."""
        if not isinstance(self.missing, Mapping):
            return self.missing
        return self.missing.get(name)


def check(options: TableOptions) -> None:
    """Raise ValueError for a class that is listed twice, and for options that exclude each other."""
    problems = [
        f"found {key} with {', '.join(map(repr, twice))} more than once, expected each once"
        for key, words in (("classes", options.classes or ()), *_lists(options.categories))
        if (twice := sorted({name for name in words if words.count(name) > 1}))
    ]
    problems += [*_fills(options), *_without_effect(options)]
    if options.test_path is not None:
        given = [key for key in ("folds", "groups") if getattr(options, key)]
        given += ['validation_from = "test"'] if options.validation_from == "test" else []
        problems += [f"found test_path together with {key}, expected one of both" for key in given]
        if options.test_path == options.path:
            problems.append("found the same file as path and as test_path, expected another one for the test data")
    problems += _groups(options)
    if problems:
        raise ValueError("; ".join(problems))


def _groups(options: TableOptions) -> list[str]:
    """Parts that cannot keep both groups and shares."""
    if options.groups is None or not options.stratify:
        return []
    if options.folds and options.validation is None:
        return []
    return ["found groups and stratify, expected one of both: leave stratify out, or use folds without validation"]


def _lists(categories: Sequence[str] | Mapping[str, Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    """The lists of words in the option, each with its key."""
    if isinstance(categories, Mapping):
        return [(f"categories.{name}", tuple(words)) for name, words in categories.items()]
    return [("categories", tuple(categories))]


def _fills(options: TableOptions) -> list[str]:
    """A rule for all columns that is a word without a meaning, and a rule for the target that it cannot follow."""
    missing = options.missing
    if isinstance(missing, str) and missing not in WORDS:
        near = meant(missing, WORDS)
        known = ", ".join(map(repr, WORDS))
        return [f"found missing = {missing!r}{near}, expected {known}, a number, or a table of columns"]
    rule = missing.get(options.target, "drop") if isinstance(missing, Mapping) else "drop"
    if rule != "drop":
        return [f"found missing.{options.target} = {rule!r} for the target, expected 'drop': nobody knows its value"]
    return []


def _without_effect(options: TableOptions) -> list[str]:
    """Options that nothing would use."""
    found = []
    if options.classes is not None and options.task == "regression":
        found.append('found classes and task = "regression", expected one of both: numbers have no classes')
    if options.date_format is not None and not options.dates:
        found.append("found date_format without dates, expected the columns of dates too")
    return found


def names(option: object) -> tuple[str, ...]:
    """The names of columns in an option that is a list or a table."""
    return tuple(option) if isinstance(option, Mapping | Sequence) and not isinstance(option, str) else ()
