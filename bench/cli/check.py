"""`levelfield check`: whether stored runs keep their budgets."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import FAILED, Results, Runs, first_of, one_of, warn
from bench.cli.plans import unmeasured
from bench.cli.stored_runs import names, read
from bench.cli.verdicts import VERDICT_FORMATS, VerdictFormat, show_verdicts


def check(
    budgets: Annotated[Path, typer.Argument(metavar="BUDGETS", help="A TOML file of limits (see the how-to on CI).")],
    runs: Runs = None,
    *,
    form: VerdictFormat = "terminal",
    results: Results = Path("results"),
) -> None:
    """Check stored runs against budgets, each run by itself.

    The exit code is 3 if a budget is broken in one of them, and 6 if nothing was measured for it.
    """
    from bench.analysis import budgets as analysis
    from bench.records.budget_files import load_budgets
    from bench.report import budgets as pages

    one_of("--format", form, VERDICT_FORMATS)
    limits = load_budgets(budgets)
    named = runs or ["latest"]
    incomplete: list[str] = []
    records, _ = read(named, results=results, incomplete=incomplete.append, unfinished=None)
    for line in incomplete:
        warn(line)
    planned = unmeasured(named, results=results)
    for line in analysis.unknown_names(limits, records, unmeasured=planned):
        if line:
            warn(f"{budgets}: {line}")
    found = analysis.check(limits, records, unmeasured=planned)
    show_verdicts(found, pages.report(found, title=f"{names(records)} against {budgets}"), form)
    raise SystemExit(first_of(found.exit_code, FAILED if incomplete else 0))
