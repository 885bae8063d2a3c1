"""The report of a run, which `run` and `report` show and write."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import errors, say, show

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.report.layout import Report


FOLDERS = re.compile(r" --results [^`]*`")


def make_page(
    records: Sequence["Record"], *, command: str | None, noise: Mapping[str, float], remarks: Iterable[str] = ()
) -> "Report":
    """The report on these records; `remarks` say what is missing in it, and stand below its title.

    `noise` is that of `known_noise`.
    """
    from bench.report import tables

    with errors.status("writing the report"):
        report = tables.report(records, command=command, noise=noise)
    return replace(report, about=(*remarks, *report.about))


def show_page(report: "Report", *, full: bool = False, again: Sequence[str] = ()) -> None:
    """Print a report: what fits on a screen, or all of it.

    `again` are the words that name these runs in `levelfield report`.
    """
    from bench.report import terminal

    show(terminal.render(report, brief=not full))
    if not full:
        command = shlex.join(("levelfield", "report", *again, "--full"))
        say(f"\nEverything: `{command}`, or the page.")


def without_folders(line: str) -> str:
    """A warning as a page has it: without the folders of a path, because a page can be shown to anybody."""
    path, colon, rest = line.partition(": ")  # a folder may have a colon in its name
    return f"INCOMPLETE: {Path(path).name}{colon}{FOLDERS.sub(' --results DIR`', rest)}"
