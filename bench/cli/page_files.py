"""The files of a report: a Markdown page with its charts, and an interactive HTML page."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.cli.console import errors, fail, note, warn
from bench.cli.page import Made
from bench.records.garbage_collection import paused

if TYPE_CHECKING:
    from bench.report.page.sheet import Sheet

NOT_MADE = "The interactive page could not be made: it needs altair and vl-convert-python."
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")  # of a file: an id in a records file is anybody's text


@dataclass(frozen=True, slots=True)
class Written:
    """The pages that were written, and whether all charts could be drawn."""

    pages: tuple[Path, ...]
    is_whole: bool

    def __str__(self) -> str:
        """The pages as a list of paths."""
        return ", ".join(map(str, self.pages))


def write_pages(made: Made, *, reports: Path, view: str = "") -> Written:
    """Write `latest.md` with its charts, `latest.html`, and the same as `RUN.html` if it is about a single run.

    The Markdown page names a chart that could not be drawn, with the reason. `view` is the state in which the HTML page
    opens.
    """
    pictures, missing = write_markdown(made, reports)
    pages = write_html(made, reports, view=view, pictures=pictures)
    if not pages:
        missing.append(NOT_MADE)
    for line in missing:
        warn(line)
    return Written((reports / "latest.md", *pages), not missing)


@paused()
def write_markdown(made: Made, reports: Path) -> tuple[dict[str, Path], list[str]]:
    """Write `latest.md` with its charts; its PNG files by their captions, and why charts could not be drawn."""
    from bench.report import markdown

    drawn, missing, left_out = _draw(made, reports)
    linked = {caption: (path.relative_to(reports).as_posix(), text) for caption, (path, text) in drawn.items()}
    _write(reports / "latest.md", markdown.render(made.report, charts=linked, missing=[*missing, *left_out]))
    return {caption: path for caption, (path, _) in drawn.items() if path.suffix == ".png"}, missing


@paused()
def write_html(
    made: Made, reports: Path, *, view: str = "", pictures: Mapping[str, Path] = MappingProxyType({})
) -> list[Path]:
    """Write `latest.html`, and the same as `RUN.html` for a single run; none without the library of its charts."""
    text = _interactive(made, view=view, pictures=pictures)
    names = ("latest", *made.arranged) if len(made.arranged) == 1 else ("latest",)
    pages = [reports / f"{NOT_IN_A_NAME.sub('-', name)}.html" for name in names] if text else []
    for page in pages:
        _write(page, text)
    return pages


def write_sheet(make: "Callable[[], Sheet]", page: Path) -> None:
    """Write the interactive page of a comparison or of a search; if that fails, a warning says why.

    The exit code of the command does not change: what it found was printed before.
    """
    with errors.status("making the interactive page"):
        try:
            from bench.report.page import sheet

            text = sheet.render(make())
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8", errors="backslashreplace")
        except ModuleNotFoundError:
            warn(NOT_MADE)
        except OSError as error:
            warn(f"{page}: cannot be written ({error.strerror}); everything was printed above")
        except Exception as error:  # noqa: BLE001 (what was found must not be lost with the page)
            warn(f"{page}: could not be made ({type(error).__name__}: {error}); everything was printed above")
        else:
            note(f"page: {page}")


def _interactive(made: Made, *, view: str, pictures: Mapping[str, Path]) -> str:
    """The interactive page; empty if the library of its charts is not installed."""
    with errors.status("making the interactive page"):
        try:
            from bench.report.page import data, html

            content = data.page_data(made.report, made.records, arranged=made.arranged, detailed=not made.is_large)
            return html.render(content, view=view, pictures=pictures)
        except ModuleNotFoundError:
            return ""


def _write(page: Path, text: str) -> None:
    try:
        page.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        fail(
            f"{page}: cannot be written ({error.strerror}); the records are stored: `levelfield report` renders them", 1
        )


def _draw(made: Made, reports: Path) -> tuple[dict[str, tuple[Path, str]], list[str], list[str]]:
    """Draw the charts beside the page: the path and the text of each, why others could not be drawn, and a remark.

    The remark names the charts that have too many panels for a picture.
    """
    folder = reports / "latest"
    missing: list[str] = []
    large: list[str] = []
    with errors.status("drawing the charts of the report"):
        try:
            from bench.report.charts import files

            drawn = files.draw(
                made.records,
                folder,
                tell=lambda *chart: missing.append(_told(*chart)),
                arranged=made.arranged,
                leave_out=large.append,
            )
        except OSError as error:
            return {}, [f"No chart could be drawn: {folder} cannot be written ({error.strerror})."], []
        except ModuleNotFoundError as error:
            return {}, [f"No chart could be drawn: {error.name} is not installed."], []
    return {caption: (item.path, item.text) for caption, item in drawn.items()}, missing, _named(large)


def _named(large: Sequence[str]) -> list[str]:
    """A sentence about charts that are only on the interactive page."""
    return [f"These charts have too many panels for a picture, see the HTML page: {', '.join(large)}."] if large else []


def _told(caption: str, reason: Exception) -> str:
    """A chart that could not be drawn, in a sentence."""
    first = str(reason).strip().partition("\n")[0]
    why = f"{type(reason).__name__}: {first}" if first else type(reason).__name__
    return f"The chart {caption!r} could not be drawn ({why}). The tables have its figures."
