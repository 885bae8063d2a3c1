"""Reports, comparisons and budget checks as JSON for other programs; NaN and infinity are null."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.analysis.long_table import figures
from bench.export.csv import HEADER, line
from bench.records.record import Record

RENAMED = {"contender": "framework"}  # the key of readers, for the field of our classes


def report(records: Sequence[Record]) -> str:
    """The long table of the CSV, with one object for each line."""
    return text([dict(zip(HEADER, line(figure), strict=True)) for figure in figures(records)])


def render(found: Any) -> str:  # noqa: ANN401 (a dataclass of an analysis)
    """The result of an analysis with all its parts and the exit code."""
    return text(asdict(found))


def text(content: object) -> str:
    """Dictionaries, lists and numbers as JSON."""
    return json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """The value with null for NaN and infinity, and with the key `framework` for `contender`."""
    if isinstance(value, dict):
        return {RENAMED.get(str(key), str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
