"""The report of a run, which `run` and `report` show and write."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import console, errors, pager, say, show
from bench.records.garbage_collection import paused

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.report.layout import Report
    from bench.report.results import Arranged


FOLDERS = re.compile(r" --results [^`]*`")


DEMO = "demo"  # the suite of `levelfield demo`
DEMONSTRATION = (
    "DEMONSTRATION: a short run of the suite demo, with one process for each figure. Quote none of them: measure with "
    "`levelfield run`."
)
MOST_DETAILED = 3000  # records; a report on more has no tables of single workloads, unless all of it is asked for


@dataclass(frozen=True, slots=True)
class Made:
    """A report, the records that it is about, and their results run by run."""

    report: "Report"
    records: Sequence["Record"]
    arranged: "Arranged"

    @property
    def is_large(self) -> bool:
        """Whether there are so many records that pages leave details out."""
        return len(self.records) > MOST_DETAILED


def make_page(
    records: Sequence["Record"],
    *,
    command: str | None,
    noise: Mapping[str, float],
    remarks: Iterable[str] = (),
    full: bool = False,
) -> Made:
    """The report on these records; `remarks` say what is missing in it, and stand below its title.

    `noise` is that of `known_noise`.
    """
    from bench.report import tables
    from bench.report.results import by_run

    with errors.status("writing the report"), paused(keep=len(records) > MOST_DETAILED):
        arranged = by_run(records, noise=noise)
        detailed = full or len(records) <= MOST_DETAILED
        report = tables.report(records, command=command, arranged=arranged, detailed=detailed)
    demo = [DEMONSTRATION] if f"--suite {DEMO}" in (command or "") else []
    return Made(replace(report, about=(*demo, *remarks, *report.about)), records, arranged)


def show_page(report: "Report", *, full: bool = False, again: Sequence[str] = (), paged: bool = False) -> None:
    """Print a report: what fits on a screen, or all of it.

    `again` are the words that name these runs in `levelfield report`. With `paged`, a terminal shows it in the pager of
    `PAGER`, which ends by itself if everything fits on the screen.
    """
    from bench.report import terminal

    with pager() if paged and console.is_terminal else nullcontext():
        show(terminal.render(report, brief=not full))
        if not full:
            command = shlex.join(("levelfield", "report", *again, "--full"))
            say(f"\nEverything: `{command}`, or the page.")


def without_folders(line: str) -> str:
    """A warning as a page has it: without the folders of a path, because a page can be shown to anybody."""
    path, colon, rest = line.partition(": ")  # a folder may have a colon in its name
    return f"INCOMPLETE: {Path(path).name}{colon}{FOLDERS.sub(' --results DIR`', rest)}"
