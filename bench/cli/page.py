"""The page of a run, which `run` and `report` write."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import errors, fail, say, show, warn

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


def write_page(
    report: "Report", records: Sequence["Record"], *, reports: Path, noise: Mapping[str, float]
) -> tuple[Path, bool]:
    """Write `latest.md` with its charts: its path, and whether all charts could be drawn.

    The page names a chart that could not be drawn, with the reason.
    """
    from bench.report import markdown

    page = reports / "latest.md"
    drawn, missing = _draw(records, reports, noise=noise)
    text = markdown.render(report, charts=drawn, missing=missing)
    try:
        page.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        fail(
            f"{page}: cannot be written ({error.strerror}); the records are stored: `levelfield report` renders them", 1
        )
    for line in missing:
        warn(line)
    return page, not missing


def _draw(
    records: Sequence["Record"], reports: Path, *, noise: Mapping[str, float]
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Draw the charts beside the page: the path and the text of each, and why others could not be drawn."""
    folder = reports / "latest"
    missing: list[str] = []
    with errors.status("drawing the charts of the report"):
        try:
            from bench.report.charts import files

            drawn = files.draw(records, folder, noise=noise, tell=lambda *chart: missing.append(_told(*chart)))
        except OSError as error:
            return {}, [f"No chart could be drawn: {folder} cannot be written ({error.strerror})."]
        except ModuleNotFoundError as error:
            return {}, [f"No chart could be drawn: {error.name} is not installed."]
    return {name: (item.path.relative_to(reports).as_posix(), item.text) for name, item in drawn.items()}, missing


def without_folders(line: str) -> str:
    """A warning as a page has it: without the folders of a path, because a page can be shown to anybody."""
    path, colon, rest = line.partition(": ")  # a folder may have a colon in its name
    return f"INCOMPLETE: {Path(path).name}{colon}{FOLDERS.sub(' --results DIR`', rest)}"


def _told(caption: str, reason: Exception) -> str:
    """A chart that could not be drawn, in a sentence."""
    first = str(reason).strip().partition("\n")[0]
    why = f"{type(reason).__name__}: {first}" if first else type(reason).__name__
    return f"The chart {caption!r} could not be drawn ({why}). The tables have its figures."
