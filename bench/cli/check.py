"""`levelfield check`: whether stored runs keep their budgets."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.check_in_use import DriftFile, LogFiles, checks
from bench.cli.console import FAILED, Results, Runs, first_of, one_of, warn
from bench.cli.notify import Notify, NotifyAlways, announced
from bench.cli.plans import unmeasured
from bench.cli.stored_runs import names, read
from bench.cli.verdicts import VERDICT_FORMATS, VerdictFormat, news, plainly, show_verdicts

if TYPE_CHECKING:
    from bench.analysis.budgets import Checks
    from bench.records.budget import Budget


def check(  # noqa: PLR0913 (the options of the command)
    budgets: Annotated[Path, typer.Argument(metavar="BUDGETS", help="A TOML file of limits (see the how-to on CI).")],
    runs: Runs = None,
    *,
    drift: DriftFile = None,
    log: LogFiles = None,
    form: VerdictFormat = "terminal",
    notify: Notify = None,
    notify_always: NotifyAlways = False,
    results: Results = Path("results"),
) -> None:
    """Check stored runs against budgets, each run by itself; or a model in use, by its drift and its log.

    The exit code is 3 if a budget is broken in one of them, and 6 if nothing was measured for it.
    """
    from bench.analysis import use_checks
    from bench.records.budget_files import load_budget_file
    from bench.report import budgets as pages

    one_of("--format", form, VERDICT_FORMATS)
    named = runs or ([] if drift or log else ["latest"])
    what = [*named, *([] if drift is None else [str(drift)]), *map(str, log or ())]
    title = f"levelfield check: {plainly(what)} against {budgets.name}"
    with announced(notify, title, always=notify_always, worse="a budget is broken") as lines:
        incomplete: list[str] = []
        asked = load_budget_file(budgets)
        others = tuple(checks(asked, budgets, drift=drift, logs=log, warn=incomplete.append))
        found, told = _found(asked.budget, budgets, named, results=results, incomplete=incomplete.append)
        together = use_checks.with_others(found, others)
        for line in incomplete:
            warn(line)
        page = pages.report(together, title=f"{told or plainly(what)} against {budgets}")
        show_verdicts(together, page, form)
        lines += [*incomplete, *news(together, page)]
        raise SystemExit(first_of(together.exit_code, FAILED if incomplete else 0))


def _found(
    limits: "Sequence[Budget]",
    budgets: Path,
    named: list[str],
    *,
    results: Path,
    incomplete: Callable[[str], None],
) -> "tuple[Checks, str]":
    """The checks of runs, and the names of these runs; no runs have no checks."""
    from bench.analysis import budgets as analysis

    if not named:
        if limits:
            warn(f"{budgets}: [[budget]] is not checked, since no run is named; `latest` names the newest one")
        return analysis.Checks(checks=(), exit_code=0), ""
    records, _ = read(named, results=results, incomplete=incomplete, unfinished=None)
    planned = unmeasured(named, results=results)
    for line in analysis.unknown_names(limits, records, unmeasured=planned):
        if line:
            warn(f"{budgets}: {line}")
    return analysis.check(limits, records, unmeasured=planned), names(records)
