"""Defines the errors that users can meet; each message says where, what was found, what was expected and what to do.

BenchError
├── UsageError              an option or a workload is wrong: exit 2, before anything is started
├── DataError               a data set is missing, damaged or does not fit its description: exit 2
├── NotComparableError      two runs differ in machine or workload: exit 5
├── NothingMeasuredError    there is nothing to show or to compare: exit 6
└── UnavailableError        a framework cannot run a case: the case ends as `unavailable`
"""

from collections.abc import Iterable, Mapping
from typing import Any

# What a TOML file must contain, by pydantic's name of the mistake. Pydantic's own texts use Python's words.
EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dataclass_type": "a table",
    "dict_type": "a table",
    "float_type": "a number",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "int_type": "a whole number",
    "less_than": "a number less than {lt:g}",
    "list_type": "a list in square brackets",
    "missing": "a value: this key is required",
    "missing_keyword_only_argument": "a value: this key is required",
    "model_attributes_type": 'a table, as in {{ name = "adam" }}',
    "string_pattern_mismatch": "lower-case letters, digits and hyphens",
    "string_type": "text in quotes",
    "too_short": "a list of length {min_length} or more",
    "tuple_type": "a list in square brackets",
    "union_tag_not_found": "a value: this key is required",
}


class BenchError(Exception):
    """The base of every error that a user can see."""

    exit_code = 1


class UsageError(BenchError):
    """Raised for a wrong option, workload or suite."""

    exit_code = 2


class DataError(BenchError):
    """Raised for a data set that is missing, damaged or malformed."""

    exit_code = 2


class NotComparableError(BenchError):
    """Raised if two runs differ in machine or workload."""

    exit_code = 5


class NothingMeasuredError(BenchError):
    """There are no records to show or to compare."""

    exit_code = 6


class UnavailableError(BenchError):
    """Raised if a framework cannot run a case; the message is the reason."""


def expected(mistake: Mapping[str, Any]) -> str:
    """What a TOML file must contain in the place of a mistake that pydantic found."""
    text = EXPECTED.get(mistake["type"])
    return text.format(**mistake.get("ctx", {})) if text else str(mistake["msg"]).removeprefix("Input should be ")


def key_name(parts: Iterable[int | str]) -> str:
    """The full name of a key in a TOML file: `model.hidden[0].units` from ("model", "hidden", 0, "units")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
