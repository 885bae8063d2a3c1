"""How `compare`, `check` and `run --against` print what they found."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import USAGE, fail, show, write
from bench.cli.options import as_option
from bench.plan.options import COMPARE, Help

if TYPE_CHECKING:
    from bench.analysis.budgets import Checks
    from bench.analysis.compare import Comparison
    from bench.report.layout import Report

PAGES = ("terminal", "markdown")
VERDICT_FORMATS = (*PAGES, "json", "junit", "github")

VerdictFormat = Annotated[
    str,
    as_option(
        "format",
        Help(f"How verdicts are printed: {', '.join(VERDICT_FORMATS)} (annotations).", "NAME", COMPARE),
    ),
]


def show_verdicts(found: "Comparison | Checks", page: "Report", form: str) -> None:
    """What was found, for people or for a program."""
    if form == "junit":
        from bench.export import junit

        write(junit.render(found))
    elif form == "github":
        from bench.export import github
        from bench.report import markdown

        write(github.annotations(found))
        _summarise(markdown.render(page))
    else:
        show_found(found, page, form)


def show_found(found: object, page: "Report", form: str, *, brief: bool = False) -> None:
    """What was found, as a page for a terminal or in Markdown, or as JSON; `brief` is what fits on a screen."""
    from bench.report import markdown, terminal

    if form == "json":
        from bench.export import json

        write(json.render(found))
    elif form == "markdown":
        write(markdown.render(page))
    else:
        show(terminal.render(page, brief=brief))


def news(found: "Comparison | Checks", page: "Report") -> list[str]:
    """The title, and what got worse or is not kept; if that is nothing, the answers of the page."""
    from bench.export import github

    return [page.title, *(github.problems(found) or answers_of(page))]


def answers_of(page: "Report") -> list[str]:
    """The questions and answers of a page, one in a line."""
    return [
        f"{line.question} {'; '.join(f'{clause.who}: {clause.words}' for clause in line.clauses)}"
        for part in page.answers
        for line in part.lines
    ]


def plainly(names: Sequence[str]) -> str:
    """The names of runs or files as they were given, without folders."""
    from bench.records.remote_files import shown

    return ", ".join(Path(shown(name).partition("?")[0]).name or name for name in names)


def _summarise(page: str) -> None:
    """Add the page to the summary of a job on GitHub, or print it where there is none."""
    from bench.export import github

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        write(page)
        return
    path = Path(summary)
    try:
        before = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8") as file:
            file.write(github.summary(page, before=before))
    except OSError as error:
        fail(f"{summary}: cannot be written ({error.strerror}), expected the file of GITHUB_STEP_SUMMARY", USAGE)
