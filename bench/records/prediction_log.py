"""Reads prediction logs, which `bench.records.prediction_writer` writes; other lines are skipped and named."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError, expected, key_name, unreadable
from bench.records.prediction import Prediction

SHOWN = 3  # lines that are no predictions, each in a warning of its own
LINE = "expected a prediction as a line of JSON"

Warn = Callable[[str], None]


def read(paths: Sequence[Path], *, warn: Warn) -> list[Prediction]:
    """The predictions in these logs, each with the older files that were rotated, the oldest file first.

    The first lines that are no predictions are named, and the others are counted: `warn` is called with a text for
    each. Raises UsageError for a log that is missing or cannot be read.
    """
    found: list[Prediction] = []
    skipped: list[str] = []
    for path in dict.fromkeys(file for log in paths for file in files_of(log)):
        _read(path, found, skipped)
    for line in skipped[:SHOWN]:
        warn(line)
    others = len(skipped) - SHOWN
    if others > 0:
        warn(f"{others} more {'line was' if others == 1 else 'lines were'} skipped in these logs")
    return found


def files_of(log: Path) -> list[Path]:
    """The files of a log, the oldest first: FILE.5 to FILE.1, then FILE. Raises UsageError if there is none."""
    older = [path for path in log.parent.glob("*") if re.fullmatch(re.escape(log.name) + r"\.[1-9]\d*", path.name)]
    older.sort(key=lambda path: -int(path.suffix[1:]))
    found = [*older, *([log] if log.exists() else ())]
    if not found:
        raise UsageError(f"{log}: no such file, expected a log that `levelfield predict --log` has written")
    return found


def _read(path: Path, found: list[Prediction], skipped: list[str]) -> None:
    """Add the predictions in a file, and a text for each of its other lines."""
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            try:
                found.append(_predictions().validate_json(line))
            except ValidationError as error:
                skipped.append(f"{path}:{number}: skipped, {_reason(error.errors()[0])}")


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise UsageError(f"{path}: {unreadable(error)}, expected a prediction log") from None


@cache
def _predictions() -> TypeAdapter[Prediction]:
    return TypeAdapter(Prediction)


def _reason(mistake: Any) -> str:  # noqa: ANN401 (pydantic's own)
    """Why a line is no prediction."""
    if mistake["type"] == "json_invalid":
        return f"found an incomplete or damaged line, {LINE}"
    if not mistake["loc"]:
        return f"found no table of keys, {LINE}"
    return f"{key_name(mistake['loc'])}: found no valid value, expected {expected(mistake)}"
