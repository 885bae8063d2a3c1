"""Charts as files beside a page: SVG, and PNG for pictures of samples and networks."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from bench.records.record import Record
from bench.report import formatting
from bench.report.charts import catalogue, picture_text, pictures
from bench.report.results import Arranged, Results, by_device, by_run, workloads
from bench.workload import places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_PER_ROW, MOST_PANELS, MOST_LINES = 3, 36, 60
FEWER = f" The first {MOST_LINES} lines."
DOTS_PER_INCH = 100
WIDTH_INCHES, PANEL_INCHES = 9.0, 2.6
LONGEST_LINE = 125  # characters below the title of a chart
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")  # of a file: an id in a records file is anybody's text

Tell = Callable[[str, Exception], None]


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one run on one device; `where` names both in a caption, `suffix` in the name of a file.

    The part of the first device also stands for the `whole` run, for charts that compare devices.
    """

    results: Results
    where: str
    suffix: str
    whole: Results | None = None


@dataclass(frozen=True, slots=True)
class File:
    """The file of a chart, and what it shows, for readers who do not see it."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A chart with its data: its caption, what it shows in words, and its declaration; None for too many panels."""

    caption: str
    text: str
    spec: catalogue.Spec | None


def draw(
    records: Sequence[Record],
    folder: Path,
    *,
    tell: Tell | None = None,
    arranged: Arranged | None = None,
    leave_out: Callable[[str], None] = lambda _: None,
) -> dict[str, File]:
    """Write every chart that the records have data for, and return the files by their captions.

    Each run and each device gets its own charts. A missing folder is made. Charts of an earlier page in this folder
    are deleted. `tell` is called with the caption of each chart that cannot be drawn, and with the reason; the other
    charts are drawn. Without `tell`, the reason is raised. `arranged` are the results of these records, if they are
    known already. `leave_out` is called with the caption of each chart that has too many panels to be drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*catalogue.CHARTS, *PICTURES):
        for path in (*folder.glob(f"{name}-*.svg"), *folder.glob(f"{name}-*.png")):
            path.unlink()
    drawn: dict[str, File] = {}
    for part in parts(by_run(records) if arranged is None else arranged):
        for caption, path, write in (*_charts(part, folder), *_pictures(part, folder)):
            try:
                text = write(path)
            except Exception as reason:  # a chart with unforeseen data must not cost the page
                if tell is None:
                    raise
                tell(caption, reason)
            else:
                drawn |= {caption: File(path, text)} if text else {}
                if text is None:
                    leave_out(caption)
    return drawn


def source(results: Results) -> str:
    """A line for charts that are shown alone: the run and the machine."""
    first = results.records[0]
    environment = first.environment
    on_gpu = not places.is_cpu(first.case.device) and environment.gpus
    machine = environment.gpus[0] if on_gpu else f"{environment.cpu}, {environment.cores} cores"
    return formatting.one_line(f"{first.run} · {machine}")


Write = Callable[[Path], str | None]  # what the chart shows; empty without data, None if there are too many panels
Drawing = tuple[str, Path, Write]


def parts(runs: Arranged) -> Iterator[Part]:
    """The records of each run on each device: each part has its own charts."""
    for run, whole in runs.items():
        for device, part in by_device(whole).items():
            where = f"on {device}" if len(runs) == 1 else f"on {device}, run {run}"
            suffix = NOT_IN_A_NAME.sub("-", device if len(runs) == 1 else f"{device}-{run}")
            yield Part(part, where, suffix, whole if device == whole.records[0].case.device else None)


def filled(chart: catalogue.Chart, part: Part) -> Filled | None:
    """The chart with the data of this part; None if the part has no data for it."""
    results = part.whole if chart.whole else part.results
    rows = catalogue.drawn_rows(chart, results, most=MOST_PANELS) if results is not None else []
    if not rows:
        return None
    panels = catalogue.panels(rows)
    marks = chart.marks + chart.remark(part.results) + (FEWER if len(panels) > MOST_LINES else "")
    caption = f"{chart.caption} {part.where}"
    text = f"{caption}. {marks}"
    if chart.source == "overview":
        left_out = set(panels[MOST_LINES:])
        rows = [row for row in rows if row.get("panel") not in left_out]
    elif len(panels) > MOST_PANELS:
        return Filled(caption, text, None)
    lines = [source(part.results), *wrap(marks, LONGEST_LINE)]
    return Filled(caption, text, catalogue.filled(chart, rows, title=caption, subtitle=lines))


def _charts(part: Part, folder: Path) -> Iterator[Drawing]:
    for name, chart in catalogue.CHARTS.items():

        def write(path: Path, chart: catalogue.Chart = chart) -> str | None:
            found = filled(chart, part)
            if found is None:
                return ""
            if found.spec is None:
                return None
            path.write_text(svg(found.spec), encoding="utf-8")
            return found.text

        yield f"{chart.caption} {part.where}", folder / f"{name}-{part.suffix}.svg", write


def svg(spec: catalogue.Spec) -> str:
    """A chart as SVG, drawn without a browser."""
    import vl_convert

    # The text of a picture on a page says what it shows; marks that each have a name of their own double the file.
    silent = {name: {**spec["config"].get(name, {}), "aria": False} for name in ("axis", "header", "legend", "title")}
    config = {**spec["config"], **silent, "aria": False}
    return str(vl_convert.vegalite_to_svg({**spec, "config": config, "background": "white"}))


def _pictures(part: Part, folder: Path) -> Iterator[Drawing]:
    for name, picture in PICTURES.items():
        caption, path = f"{picture.caption} {part.where}", folder / f"{name}-{part.suffix}.png"

        def write(path: Path, picture: "Picture" = picture, caption: str = caption) -> str | None:
            shown = [workload for workload in workloads(part.results) if picture.has(part.results, workload)]
            if len(shown) > MOST_PANELS:
                return None
            if shown:
                with picture_text.plain():
                    _figure(part.results, shown, picture, title=caption).savefig(path, dpi=DOTS_PER_INCH)
            return f"{caption}. {picture.marks}".strip() if shown else ""

        yield caption, path, write


def _figure(results: Results, shown: Sequence[str], picture: "Picture", *, title: str) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = -(-len(shown) // PANELS_PER_ROW)
    across = -(-len(shown) // down)  # no more columns than needed
    figure = Figure(figsize=(WIDTH_INCHES, 0.9 + PANEL_INCHES * down), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, workload in zip(grid.flat, shown, strict=False):
        axes.set_title(picture_text.shown(workload, longest=picture_text.LONGEST_TITLE), fontsize=10)
        picture.panel(axes, results, workload)
    figure.suptitle(picture_text.shown(title, longest=LONGEST_LINE), fontsize=11, fontweight="bold")
    below = f"{picture_text.shown(source(results), longest=LONGEST_LINE)}. {picture.marks}".strip()
    figure.supxlabel(below + picture_text.remark(picture_text.texts(figure)), fontsize=7, color="#666666")
    return figure


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its caption, whether a workload has data for it (`has`), the function that draws it, its marks."""

    caption: str
    has: Callable[[Results, str], bool]
    panel: Callable[["Axes", Results, str], None]
    marks: str = ""


PICTURES: Mapping[str, Picture] = {
    "first-samples": Picture("First samples", pictures.has_images, pictures.first_samples, pictures.MARKS),
    "worst-samples": Picture("Largest errors", pictures.has_wrong_images, pictures.worst_samples, pictures.MARKS),
    "architecture": Picture("Networks", pictures.has_network, pictures.architecture),
}
