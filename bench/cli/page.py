"""The page of a run, which `run` and `report` write."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import errors, fail, show

if TYPE_CHECKING:
    from bench.records.record import Record


def write_page(records: Sequence["Record"], *, command: str | None, reports: Path, brief: bool = False) -> Path:
    """Write `latest.md` with its charts; in brief, print the summary as well."""
    from bench.report import charts, markdown, tables, terminal

    with errors.status("writing the report"):
        report = tables.report(records, command=command)
    if brief:
        show(terminal.render(report, brief=True))
    page = reports / "latest.md"
    try:
        with errors.status("drawing the charts of the report"):
            drawn = charts.draw(records, reports / "latest")
        linked = {caption: path.relative_to(reports).as_posix() for caption, path in drawn.items()}
        page.write_text(markdown.render(report, charts=linked), encoding="utf-8")
    except OSError as error:
        fail(
            f"{page}: cannot be written ({error.strerror}); the records are stored: `levelfield report` renders them", 1
        )
    return page
