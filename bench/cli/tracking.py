"""The option `--mlflow`: what was measured is also logged to MLflow."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import USAGE, errors, fail, say, warn
from bench.cli.options import as_option
from bench.cli.page_files import NOT_IN_A_NAME
from bench.cli.stored_runs import place_of
from bench.errors import BenchError
from bench.plan.options import WHERE, Help
from bench.workload.model_folders import MODELS

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.store import RunFolder

Mlflow = Annotated[
    str | None,
    as_option("mlflow", Help("Log to MLflow too: sqlite:///FILE, or the http address of a server.", "ADDRESS", WHERE)),
]


def check(address: str | None, *, tensorboard: bool = False, compares: bool = False) -> None:
    """Refuse an address that nothing can be logged to, two runs that are compared, and libraries that are missing."""
    if tensorboard:
        from bench.export.tensorboard import check as check_tensorboard

        check_tensorboard()
    if address is not None:
        from bench.export.mlflow import check as check_mlflow

        check_mlflow(address)
        if compares:
            fail("--mlflow: found with --against or --self-check, expected without: they measure two runs", USAGE)


def track(records: Sequence["Record"], address: str, *, runs: Iterable["RunFolder"], reports: Path) -> str:
    """Log these records, with the saved models and the pages of their runs: what was logged. Raises BenchError."""
    from bench.export import mlflow

    files = {}
    for run in runs:
        page = reports / f"{NOT_IN_A_NAME.sub('-', run.name)}.html"
        found = page if page.is_file() else None
        files[run.name] = mlflow.Files(models=run.folder / MODELS, page=found)
    with errors.status("logging to MLflow"):
        logged = mlflow.log(records, address, files=files)
    return f"mlflow: {address}, experiment {mlflow.EXPERIMENT}: {logged}"


def track_run(run: "RunFolder", records: Sequence["Record"], address: str | None, *, reports: Path) -> None:
    """Log a run that has just ended; if that fails, a warning has the command that logs it: its records are stored."""
    if address is None:
        return
    try:
        say(track(records, address, runs=[run], reports=reports))
    except BenchError as error:
        again = shlex.join(("levelfield", "report", *place_of(run, reports=reports), "--mlflow", address))
        warn(f"{error}; the records are stored; log them with `{again}`")
