"""Defines the errors that users can meet; each message says where, what was found, what was expected and what to do.

BenchError
├── UsageError              an option or a workload is wrong: exit 2, before anything is started
├── DataError               a data set is missing, damaged or does not fit its description: exit 2
├── NotComparableError      two runs differ in machine or workload: exit 5
├── NothingMeasuredError    there is nothing to show or to compare: exit 6
└── UnavailableError        a framework cannot run a case: the case ends as `unavailable`

UnsentWarning               records are stored on this machine, but not at the address of the results
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from enum import IntEnum
from typing import Any, TypeVar

Mistake = TypeVar("Mistake", bound=Mapping[str, Any])

UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")  # pydantic's names of the mistake
MISSING_KEY = ("missing", "missing_keyword_only_argument")

# What a TOML file must contain, by pydantic's name of the mistake. Pydantic's own texts use Python's words.
EXPECTED = {
    "arguments_type": "a table",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dataclass_exact_type": "a table",
    "dataclass_type": "a table",
    "dict_type": "a table",
    "extra_forbidden": "no such key",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_type": "a whole number",
    "invalid_key": "text as a key",
    "iterable_type": "a list in square brackets",
    "json_invalid": "JSON",
    "json_type": "JSON",
    "less_than": "a number less than {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "list_type": "a list in square brackets",
    "literal_error": "{expected}",
    "mapping_type": "a table",
    "missing": "a value: this key is required",
    "missing_argument": "a value: this key is required",
    "missing_keyword_only_argument": "a value: this key is required",
    "model_attributes_type": "a table with a key `name`",
    "none_required": "no value",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens",
    "string_too_short": "text of length {min_length} or more",
    "string_type": "text in quotes",
    "string_unicode": "text in UTF-8",
    "too_long": "a list of length {max_length} or less",
    "too_short": "a list of length {min_length} or more",
    "tuple_type": "a list in square brackets",
    "unexpected_keyword_argument": "no such key",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "a value: this key is required",
    "value_error": "a value that fits the others ({error})",
}
FEW = 2  # names that are joined by `or`
ANOTHER = "another value"  # for a mistake that is not in this table: better than the words of a library

# The text of a value that only lacks its type because it has quotes, by what a TOML file must contain in its place.
WITHOUT_QUOTES = {
    EXPECTED["bool_type"]: re.compile(r"true|false"),
    EXPECTED["float_type"]: re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"),
    EXPECTED["int_type"]: re.compile(r"[+-]?\d+"),
}


BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class ExitCode(IntEnum):
    """How a command ends. Where several codes apply, the first of PRECEDENCE counts.

    Attributes:
        DONE: The command is done. All cases ran, and all checks held.
        FAILED: At least one case failed, or a check did not hold. Examples are a certificate, and a comparison whose
            candidate lacks something that the baseline has or that the candidate planned. The code also means that
            something is missing in what was printed: stored records that could not be read, planned cases without a
            record, a chart.
        USAGE: An option, a file or a data set is wrong.
        REGRESSED: A case got slower or worse than the baseline, a budget is broken, or later data have drifted.
        INCONCLUSIVE: The noise is too large, or there are too few rows, to tell a change from no change in at least
            one case.
        NOT_COMPARABLE: The two runs differ in the machine or in the workloads, so they cannot be compared.
        NOTHING_MEASURED: There is no result to show or to compare.
        INTERRUPTED: The command was interrupted, for example by Ctrl+C. The cases that were measured are stored.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    REGRESSED = 3
    INCONCLUSIVE = 4
    NOT_COMPARABLE = 5
    NOTHING_MEASURED = 6
    INTERRUPTED = 130


PRECEDENCE = (
    ExitCode.USAGE,
    ExitCode.NOT_COMPARABLE,
    ExitCode.REGRESSED,
    ExitCode.FAILED,
    ExitCode.NOTHING_MEASURED,
    ExitCode.INCONCLUSIVE,
    ExitCode.DONE,
)


class BenchError(Exception):
    """The base of every error that a user can see."""

    exit_code = ExitCode.FAILED


class UsageError(BenchError):
    """Raised for a wrong option, workload or suite."""

    exit_code = ExitCode.USAGE


class DataError(BenchError):
    """Raised for a data set that is missing, damaged or malformed."""

    exit_code = ExitCode.USAGE


class NotComparableError(BenchError):
    """Raised if two runs differ in machine or workload."""

    exit_code = ExitCode.NOT_COMPARABLE


class NothingMeasuredError(BenchError):
    """There are no records to show or to compare."""

    exit_code = ExitCode.NOTHING_MEASURED


class UnavailableError(BenchError):
    """Raised if a framework cannot run a case; the message is the reason."""


class UnsentWarning(UserWarning):
    """Warns that records are stored on this machine, but could not be written to the address of the results."""


def expected(mistake: Mapping[str, Any]) -> str:
    """What a TOML file must contain in the place of a mistake that pydantic found."""
    if mistake["type"] in {"list_type", "tuple_type"} and isinstance(mistake["input"], Mapping):
        return "a list in square brackets, or tables whose headers have double brackets"
    return EXPECTED.get(mistake["type"], ANOTHER).format(**mistake.get("ctx", {}))


def found_and_expected(mistake: Mapping[str, Any]) -> str:
    """`found ..., expected ...` for a mistake that pydantic found; a text in the place of a number shows its quotes."""
    value, wanted = mistake["input"], expected(mistake)
    if not isinstance(value, str) or wanted not in WITHOUT_QUOTES:
        return f"found {in_toml(value)}, expected {wanted}"
    remedy = ": leave out the quotes" if WITHOUT_QUOTES[wanted].fullmatch(value) else ""
    return f"found the text {json.dumps(value, ensure_ascii=False)}, expected {wanted}{remedy}"


def in_toml(value: object) -> str:
    """A value as a TOML file has it: `true`, not `True`; a date or a time without Python's words."""
    if isinstance(value, bool):
        return str(value).lower()
    written = getattr(value, "isoformat", None)  # of a date or a time
    return str(written()) if written else repr(value)


def without_consequences(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """The mistakes with unknown keys first, without those that follow from another one.

    Left out are keys that are only missing because their name is misspelt, and lists that are only too short because
    their items are wrong.
    """
    unknown = [item for item in mistakes if item["type"] in UNKNOWN_KEY]
    return [*unknown, *(item for item in mistakes if item not in unknown and not _follows(item, mistakes, unknown))]


def _follows(mistake: Mistake, mistakes: Sequence[Mistake], unknown: Sequence[Mistake]) -> bool:
    place = list(mistake["loc"])
    if mistake["type"] in MISSING_KEY and place:
        beside = [str(other["loc"][-1]) for other in unknown if list(other["loc"][:-1]) == place[:-1]]
        return bool(meant(str(place[-1]), beside))
    inside = (
        other for other in mistakes if len(other["loc"]) > len(place) and list(other["loc"][: len(place)]) == place
    )
    return mistake["type"] == "too_short" and any(inside)


def unreadable(error: Exception) -> str:
    """Why a file cannot be read: `no such file`, the reason of the operating system, or what was found in the file.

    The words of the library that tried to read it are left out: they are about its code, not about the file.
    """
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    if isinstance(error, UnicodeError):
        return "found bytes that are not text in UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"found a mistake in line {error.lineno}, column {error.colno}"
    return "found a damaged file"


def meant(found: str, known: Iterable[str]) -> str:
    """A remark to put after `found`, such as ` (did you mean wine?)`; empty if no known name is similar."""
    names: dict[str, str] = {}
    for name in known:  # upper and lower case do not count
        names.setdefault(name.casefold(), name)
    near = [names[name] for name in get_close_matches(found.casefold(), tuple(names))]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def unknown(found: Iterable[str], known: Sequence[str]) -> str:
    """`found ..., expected one of ...` for all names that are not known, each with the names that are nearest to it."""
    wrong = ", ".join(f"{name!r}{meant(name, known)}" for name in dict.fromkeys(found) if name not in known)
    every = " or ".join(known) if len(known) <= FEW else f"one of {', '.join(known)}"
    return f"found {wrong}, expected {every}"


def key_name(parts: Iterable[int | str]) -> str:
    """The full name of a key in a TOML file: `model.hidden[0].units` from ("model", "hidden", 0, "units")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in parts).removeprefix(".")


def _key(name: str) -> str:
    """A key as a TOML file has it: in quotes if it has line breaks, blanks or other signs."""
    return name if BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)
