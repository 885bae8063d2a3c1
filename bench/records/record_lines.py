"""The form of a record as one line of JSON."""

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bench.errors import expected, key_name
from bench.records.record import SCHEMA_VERSION, Record, to_json


class ForeignLineError(ValueError):
    """A line that is not a record of this schema version."""


@cache
def _records() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def place_of(line: bytes | str) -> tuple[int, int] | None:
    """The order and the attempt of the record in a line, which no other record of its run has; None for other lines."""
    try:
        content: Any = json.loads(line)
        return int(content["order"]), int(content.get("attempt", 1))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def to_line(record: Record) -> str:
    """The record as one line of JSON, without a line end."""
    return json.dumps(to_json(record), separators=(",", ":"), allow_nan=True)


def from_line(line: str) -> Record:
    """The record in one line of JSON.

    Raises ForeignLineError for an incomplete line, for another schema version, and for anything that is not a record.
    """
    try:
        record = _records().validate_json(line)
    except ValidationError:
        return _explained(line)
    return record if record.schema_version == SCHEMA_VERSION else _explained(line)


def _explained(line: str) -> Record:
    """The record in a line that the quick way did not take; the error says what is wrong with it."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise ForeignLineError("found an incomplete or damaged line, expected a record as a line of JSON") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        remedy = ": a newer version of Levelfield wrote it, which can read it" if newer else ""
        raise ForeignLineError(f"schema_version: found {version!r}, expected {SCHEMA_VERSION}{remedy}")
    try:
        return _records().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ForeignLineError(f"{key_name(first['loc'])}: found no valid value, expected {expected(first)}") from None
