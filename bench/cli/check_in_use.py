"""What `levelfield check` checks of a model in use: the result of `levelfield drift`, and logs of predictions."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.options import as_option
from bench.errors import UsageError, unreadable
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.analysis.budgets import Check
    from bench.analysis.drift.verdicts import Drift
    from bench.records.budget import Budgets

GROUP = "Check a model in use"
DriftFile = Annotated[
    Path | None, as_option("drift", Help("Check this result of `levelfield drift --format json`.", "FILE", GROUP))
]
LogFiles = Annotated[
    list[Path] | None,
    as_option("log", Help("Check this log of `levelfield predict --log`. Repeatable.", "FILE", GROUP)),
]


def checks(
    budgets: "Budgets", path: Path, *, drift: Path | None, logs: Sequence[Path] | None, warn: Callable[[str], None]
) -> "Iterator[Check]":
    """The checks by the tables [drift] and [log] of the budgets at this path; `warn` gets each line that was skipped.

    Raises UsageError for a table without its file, and for a file without its table.
    """
    from bench.analysis import prediction_logs, use_checks
    from bench.records import prediction_log

    problems = [
        *_unmatched(path, "drift", has_table=budgets.drift is not None, has_file=drift is not None),
        *_unmatched(path, "log", has_table=budgets.log is not None, has_file=bool(logs)),
    ]
    if problems:
        raise UsageError("; ".join(problems))
    if budgets.drift is not None and drift is not None:
        yield from use_checks.of_drift(budgets.drift, _drift(drift))
    if budgets.log is not None and logs:
        lines = prediction_log.read(logs, warn=warn)
        if not lines:
            names = ", ".join(map(str, logs))
            raise UsageError(f"--log: {names}: found no predictions, expected lines of `levelfield predict --log`")
        yield from use_checks.of_logs(budgets.log, prediction_logs.watched(lines))


def _unmatched(path: Path, name: str, *, has_table: bool, has_file: bool) -> Iterator[str]:
    if has_table and not has_file:
        yield f"{path}: found [{name}] without --{name}, expected `--{name} FILE`"
    if has_file and not has_table:
        yield f"--{name}: {path} has no table [{name}], expected one with limits"


def _drift(path: Path) -> "Drift":
    """The result in a file of `levelfield drift --format json`."""
    from pydantic import TypeAdapter, ValidationError

    from bench.analysis.drift.verdicts import Drift

    wanted = "expected what `levelfield drift --format json` prints"
    try:
        return TypeAdapter(Drift).validate_json(path.read_bytes())
    except ValidationError:
        raise UsageError(f"--drift: {path}: found another content, {wanted}") from None
    except OSError as error:
        raise UsageError(f"--drift: {path}: {unreadable(error)}, {wanted}") from None
