"""`levelfield check`: whether stored runs keep their budgets."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import FAILED, Results, Runs, first_of, one_of, warn
from bench.cli.notify import Notify, NotifyAlways, announced
from bench.cli.plans import unmeasured
from bench.cli.stored_runs import names, read
from bench.cli.verdicts import VERDICT_FORMATS, VerdictFormat, news, plainly, show_verdicts


def check(  # noqa: PLR0913 (the options of the command)
    budgets: Annotated[Path, typer.Argument(metavar="BUDGETS", help="A TOML file of limits (see the how-to on CI).")],
    runs: Runs = None,
    *,
    form: VerdictFormat = "terminal",
    notify: Notify = None,
    notify_always: NotifyAlways = False,
    results: Results = Path("results"),
) -> None:
    """Check stored runs against budgets, each run by itself.

    The exit code is 3 if a budget is broken in one of them, and 6 if nothing was measured for it.
    """
    one_of("--format", form, VERDICT_FORMATS)
    named = runs or ["latest"]
    title = f"levelfield check: {plainly(named)} against {budgets.name}"
    with announced(notify, title, always=notify_always, worse="a budget is broken") as lines:
        raise SystemExit(_checked(budgets, named, form=form, results=results, lines=lines))


def _checked(budgets: Path, named: list[str], *, form: str, results: Path, lines: list[str]) -> int:
    """Print the verdicts, add to the lines of a message what they say, and return the exit code."""
    from bench.analysis import budgets as analysis
    from bench.records.budget_files import load_budgets
    from bench.report import budgets as pages

    limits = load_budgets(budgets)
    incomplete: list[str] = []
    records, _ = read(named, results=results, incomplete=incomplete.append, unfinished=None)
    for line in incomplete:
        warn(line)
    planned = unmeasured(named, results=results)
    for line in analysis.unknown_names(limits, records, unmeasured=planned):
        if line:
            warn(f"{budgets}: {line}")
    found = analysis.check(limits, records, unmeasured=planned)
    page = pages.report(found, title=f"{names(records)} against {budgets}")
    show_verdicts(found, page, form)
    lines += [*incomplete, *news(found, page)]
    return first_of(found.exit_code, FAILED if incomplete else 0)
