"""Finds values of a record that nobody can have measured, although their types are right."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from bench.errors import key_name
from bench.records.measurement import Learning

Place = tuple[str | int, ...]

LARGEST = 2**63 - 1  # of a whole number
LONGEST_S = 1e10  # three centuries
NANOSECONDS, SECONDS = "_ns", "_s"  # the ends of the names of times
COUNTED = {"stolen_ns"}  # the difference of two counters of the system, one of which may have been set back
DIVISORS = {"span_ns", "wall_ns"}  # times that others are divided by
MOMENT, MACHINE = "started", "machine"
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
# Lists of which a median or the last item is needed.
NEVER_EMPTY = {"call_ns", "synchronised_ns", "pipelined_ns", "to_device_ns", "dispatch_ns", "compute_ns", "to_host_ns"}
NEVER_EMPTY |= {"batch_sizes"}
PLAIN, CHECKED = {float, str}, {MOMENT, MACHINE}
CERTAIN = {str, bool, NoneType, ...}  # types whose values are right in most fields
LONGEST_NAME = 255  # bytes
SHOWN = 60  # characters of a value


def problem(record: object) -> str | None:
    """The first impossible value in a record: its key, what was found, what is expected; None if there is none.

    Times are finite and not negative, whole numbers have 64 bits, moments are in ISO 8601, and the name of the machine
    is one that a folder can have.
    """
    return _problem(record, (), "")


def _problem(value: object, place: Place, name: str) -> str | None:
    """The first problem of a value or of the values in it; `name` is the field that it belongs to."""
    if names := _doubtful(type(value)):  # type: ignore[arg-type] # mypy: a type is not hashable
        for field in names:  # a function or a generator here would take a third of the time of all checks
            item = getattr(value, field)
            if not _is_plain(item, field) and (found := _problem(item, (*place, field), field)):
                return found
        return _restored(value, place)
    if isinstance(value, tuple):
        return _of_list(value, place, name)
    if isinstance(value, Mapping):
        return _of_items(value.items(), place, name)
    if expected := _expected(value, name):
        found = repr(value) if len(repr(value)) <= SHOWN else f"{repr(value)[:SHOWN]}..."
        return f"{key_name(place)}: found {found}, expected {expected}"
    return None


def _of_items(items: Iterable[tuple[str | int, object]], place: Place, name: str) -> str | None:
    """The first problem of these keys and values."""
    for key, item in items:
        if not _is_plain(item, name) and (found := _problem(item, (*place, key), name)):
            return found
    return None


@cache
def _doubtful(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a dataclass whose types allow an impossible value, as a negative time; none for other types."""
    hints = get_type_hints(kind) if is_dataclass(kind) else {}
    return tuple(name for name, of in hints.items() if _may_be_wrong(of, name))


def _may_be_wrong(of: Any, name: str) -> bool:  # noqa: ANN401 (a type, or a form of `typing`)
    """Whether a field of this name can have an impossible value of this type."""
    if is_dataclass(of):
        return bool(_doubtful(of))  # type: ignore[arg-type] # mypy: a type is not hashable
    if of is float:
        return name.endswith(SECONDS)
    if of in CERTAIN or get_origin(of) is Literal:
        return name in CHECKED
    parts = get_args(of)
    return name in NEVER_EMPTY or not parts or any(_may_be_wrong(part, name) for part in parts)


def _of_list(value: tuple[Any, ...], place: Place, name: str) -> str | None:
    if name in NEVER_EMPTY and not value:
        return f"{key_name(place)}: found an empty list, expected at least one value"
    if name.endswith(NANOSECONDS) and value and 0 <= min(value) <= max(value) <= LARGEST:  # most lists, and the longest
        return None
    if name.endswith(SECONDS):
        if all(0 <= item <= LONGEST_S for item in value):
            return None
    elif name not in CHECKED and _all_plain(value):
        return None
    return _of_items(enumerate(value), place, name)


def _is_plain(value: object, name: str) -> bool:
    """Whether nothing can be wrong with a single value; so it is with most, and this is quick to see."""
    kind = type(value)
    if kind is int:
        return 0 < value <= LARGEST or (value == 0 and name not in DIVISORS)  # type: ignore[operator] # an int
    if kind in PLAIN:
        return name not in CHECKED and not name.endswith(SECONDS)
    return value is None or kind is bool


def _all_plain(value: tuple[Any, ...]) -> bool:
    """Whether a list, or a list of lists, has only text, numbers with a fraction and whole numbers of a usual size."""
    items = [item for inner in value for item in inner] if set(map(type, value)) == {tuple} else value
    kinds = set(map(type, items))
    if not kinds <= PLAIN | {int}:
        return False
    whole = [item for item in items if type(item) is int] if int in kinds else [0]
    return 0 <= min(whole) <= max(whole) <= LARGEST


def _restored(value: object, place: Place) -> str | None:
    """What is wrong if an epoch was restored that was never trained."""
    if not isinstance(value, Learning) or value.restored_epoch in {None, *range(1, len(value.epochs) + 1)}:
        return None
    found = value.restored_epoch
    return f"{key_name(place)}.restored_epoch: found {found}, expected an epoch from 1 to {len(value.epochs)}"


def _expected(value: object, name: str) -> str | None:
    """What is expected in the place of a single value; None if the value is right."""
    if name == MOMENT:
        return None if _is_moment(str(value)) else "a date and a time with its zone, as in 2026-01-31T12:00:00Z"
    if name == MACHINE:
        return None if _is_folder(str(value)) else "the name of a folder"
    if isinstance(value, int):
        lowest = int(name in DIVISORS) if name.endswith(NANOSECONDS) and name not in COUNTED else -LARGEST
        return None if lowest <= value <= LARGEST else f"a whole number from {lowest} to {LARGEST}"
    if isinstance(value, float) and name.endswith(SECONDS):
        is_right = math.isfinite(value) and 0 <= value <= LONGEST_S
        return None if is_right else f"seconds from 0 to {LONGEST_S:g}"
    return None


def _is_moment(text: str) -> bool:
    try:
        return ISO_8601.fullmatch(text) is not None and bool(_moments().validate_python(text))
    except ValidationError:
        return False


@cache
def _moments() -> TypeAdapter[AwareDatetime]:
    return TypeAdapter(AwareDatetime)


def _is_folder(name: str) -> bool:
    is_short = len(name.encode(errors="replace")) <= LONGEST_NAME
    return is_short and name not in {"", ".", ".."} and not {"/", "\0"} & set(name)
