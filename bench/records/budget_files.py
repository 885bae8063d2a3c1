"""Reads the budgets of a TOML file."""

import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError
from bench.records.budget import Budget, Budgets, name_of
from bench.workload.toml_errors import mistakes, read_toml

PLACE = re.compile(r"^budget\[(\d+)\](\.?)")


def load_budgets(path: Path) -> tuple[Budget, ...]:
    """The budgets of runs in a TOML file; raises UsageError like `load_budget_file`."""
    return load_budget_file(path).budget


def load_budget_file(path: Path) -> Budgets:
    """All budgets of a TOML file; raises UsageError with file, key, what was found and what is expected."""
    try:
        return TypeAdapter(Budgets).validate_python(read_toml(path))
    except ValidationError as error:
        lines = (PLACE.sub(_numbered, line).removeprefix(": ") for line in mistakes("", error, kind=Budgets))
        raise UsageError(f"{path}: {'; '.join(lines)}") from None


def _numbered(place: re.Match[str]) -> str:
    """The place of a mistake with the number of the budget from 1."""
    return f"{name_of(int(place[1]) + 1)}{': ' if place[2] else ''}"
