"""Writes the profile of a data set to a file, and reads it back: a file of its own, or one beside a saved model."""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError, expected, key_name, unreadable
from bench.records.column_profile import FORMAT, Profile


def write(profile: Profile, path: Path) -> None:
    """Write the profile as JSON."""
    path.write_text(json.dumps(asdict(profile)) + "\n", encoding="utf-8")


def read(path: Path) -> Profile:
    """The profile in a file; raises UsageError if it has none, or one of another version."""
    wanted = "expected a profile that `levelfield drift --save-profile` or `levelfield run --save-models` has written"
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {unreadable(error)}, {wanted}") from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise UsageError(f"{path}: format: found {version!r}, expected {FORMAT}; {wanted}")
    try:
        return TypeAdapter(Profile).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{path}: {key_name(first['loc'])}: found no valid value, {expected(first)}; {wanted}"
        ) from None
