"""The TOML files in which people keep budgets."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.records.budget import Budget, Budgets
from bench.workload.toml_errors import read_toml, refuse


def load_budgets(path: Path) -> tuple[Budget, ...]:
    """The budgets of a TOML file; raises UsageError for a mistake in it: file, key, what was found, what is allowed."""
    try:
        return TypeAdapter(Budgets).validate_python(read_toml(path)).budget
    except ValidationError as error:
        refuse(path, "", error, kind=Budgets)
