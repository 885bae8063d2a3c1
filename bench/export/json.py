"""What reports, comparisons and budgets say, as JSON for other programs; what is not a number is null."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.analysis.long_table import figures
from bench.export.csv import HEADER, line
from bench.records.record import Record


def report(records: Sequence[Record]) -> str:
    """The long table of the CSV, an object for each line."""
    return _text([dict(zip(HEADER, line(figure), strict=True)) for figure in figures(records)])


def render(found: Any) -> str:  # noqa: ANN401 (a dataclass of an analysis)
    """What an analysis found, with all that it rests on, and its exit code."""
    return _text(asdict(found))


def _text(content: object) -> str:
    return json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """JSON has no word for what is not a number."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
