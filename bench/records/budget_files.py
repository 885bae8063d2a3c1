"""Reads the budgets of a TOML file."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.records.budget import Budget, Budgets
from bench.workload.toml_errors import read_toml, refuse


def load_budgets(path: Path) -> tuple[Budget, ...]:
    """The budgets of a TOML file; raises UsageError with file, key, what was found and what is expected."""
    try:
        return TypeAdapter(Budgets).validate_python(read_toml(path)).budget
    except ValidationError as error:
        refuse(path, "", error, kind=Budgets)
