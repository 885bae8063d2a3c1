"""Reads the detail log of LoadGen: lines that begin with `:::MLLOG`, each with a JSON object."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError

NAME = "mlperf_log_detail.txt"
MARK = ":::MLLOG "
MEAN, P90 = "result_mean_latency_ns", "result_90.00_percentile_latency_ns"
SCHEDULED = "generated_query_duration"
# What a record keeps of the log.
KEPT = ("loadgen_version", "result_validity", MEAN, P90, "result_99.00_percentile_latency_ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What LoadGen logged: values by its own names, the last of each, and its errors."""

    values: dict[str, Any]
    errors: tuple[str, ...]

    @property
    def kept(self) -> dict[str, str]:
        """The values that a record keeps, as text."""
        return {name: str(self.values[name]) for name in KEPT if name in self.values}

    def number(self, name: str) -> float | None:
        """A value that is a number; None if it was not logged."""
        found = self.values.get(name)
        return None if found is None else float(found)


def read(folder: Path) -> Log:
    """The log in this folder; raises BenchError if there is none, or a line that is not as expected."""
    path = folder / NAME
    try:
        lines = path.read_text("utf-8").splitlines()
        entries = list(_entries(lines))
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{path.name}: found {error}, expected the detail log of LoadGen with lines that begin with {MARK!r}"
        ) from error
    errors = tuple(str(value) for name, value, is_error in entries if is_error or name == "error_invalid_config")
    return Log(values={name: value for name, value, _ in entries}, errors=errors)


def _entries(lines: list[str]) -> Iterator[tuple[str, Any, bool]]:
    """Name, value, and whether it is an error, of each line."""
    for line in lines:
        if line.startswith(MARK):
            found = json.loads(line.removeprefix(MARK))
            yield found["key"], found["value"], bool(found["metadata"].get("is_error"))
