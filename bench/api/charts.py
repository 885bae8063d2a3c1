"""The charts of a report as objects that a notebook shows and that can be saved."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from bench.api import html
from bench.errors import BenchError, NothingMeasuredError, UsageError, unknown
from bench.report.charts import catalogue, files
from bench.report.charts.files import Filled, Part
from bench.report.formatting import one_line
from bench.report.layout import Entry, Table, left
from bench.report.results import Arranged

if TYPE_CHECKING:
    import altair as alt

MOST_SHOWN = 12  # pictures of one chart
NARROW = "load fewer: `bench.load(PATH, runs=..., workload=..., device=...)`"
LARGE = f"{{}}: not drawn, because it has more than {files.MOST_PANELS} panels; {NARROW}."


@final
@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart of one run on one device, which a notebook shows as SVG: the same picture as in the report.

    - `caption`: what it shows, of what;
    - `text`: the same with the meaning of its marks, for readers who do not see it;
    - `spec`: the chart with its data in Vega-Lite.
    """

    caption: str
    text: str
    spec: Mapping[str, Any]

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return files.svg(dict(self.spec))

    @property
    def altair(self) -> "alt.FacetChart":
        """The chart as an Altair object, to change or to show it with Altair's own means."""
        import altair as alt

        return alt.FacetChart.from_dict(dict(self.spec))

    def save(self, path: str | Path) -> Path:
        """Write the picture into an SVG file. Raises UsageError for another ending, BenchError if it cannot write."""
        file = Path(path)
        if file.suffix != ".svg":
            raise UsageError(f"{file}: found the ending {file.suffix!r}, expected '.svg'")
        try:
            file.write_text(self.svg, encoding="utf-8")
        except OSError as error:
            raise BenchError(
                f"{file}: cannot be written ({error.strerror}), expected a place for a file; choose another path"
            ) from None
        return file

    def __repr__(self) -> str:
        return one_line(self.text)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}


@final
@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart of the report by its name: a picture for each run and device, or none where nothing can be drawn.

    - `name`, `caption`: as in the report;
    - `arranged`: the results that it is about;
    - `frameworks`: those that were selected, which a caption names; empty for all.
    """

    name: str
    caption: str
    arranged: Arranged
    frameworks: tuple[str, ...] = ()

    @cached_property
    def _filled(self) -> tuple[Filled, ...]:
        found = (files.filled(catalogue.CHARTS[self.name], part) for part in self._parts)
        return tuple(item for item in found if item is not None)

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        among = f", only among {', '.join(self.frameworks)}" if self.frameworks else ""
        return tuple(replace(part, where=f"{part.where}{among}") for part in files.parts(self.arranged))

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures, one for each run and device that has data for the chart."""
        return tuple(
            Picture(caption=item.caption, text=item.text, spec=item.spec) for item in self._filled if item.spec
        )

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What is not drawn, and why."""
        if not self._filled:
            return (f"{self.name}: nothing to draw, because these runs have no data for this chart.",)
        large = (item.caption for item in self._filled if item.spec is None)
        return tuple(LARGE.format(caption) for caption in large)

    @property
    def svg(self) -> str:
        """The only picture as SVG. Raises NothingMeasuredError if there is none, UsageError if there are several."""
        return self._only.svg

    @property
    def altair(self) -> "alt.FacetChart":
        """The only picture as an Altair object. Raises the same errors."""
        return self._only.altair

    def save(self, path: str | Path) -> Path:
        """Write the only picture into an SVG file. Raises the same errors, and those of `Picture.save`."""
        return self._only.save(path)

    @property
    def _only(self) -> Picture:
        if not self.pictures:
            raise NothingMeasuredError(" ".join(self.remarks))
        if len(self.pictures) > 1:
            raise UsageError(
                f"{self.name}: found {len(self.pictures)} pictures, one for each run and device, expected one; "
                f"take one of `pictures`, or {NARROW}"
            )
        return self.pictures[0]

    def __repr__(self) -> str:
        return "\n".join((*map(repr, self.pictures), *map(one_line, self.remarks)))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        alone = len(self.pictures) == 1 and not self.remarks
        shown = {"image/svg+xml": self.svg} if alone else {"text/html": self._html}
        return {**shown, "text/plain": repr(self)}

    @property
    def _html(self) -> str:
        shown = self.pictures[:MOST_SHOWN]
        more = len(self.pictures) - len(shown)
        left_out = [f"{more} more pictures are in `pictures`."] if more else []
        return "".join((*map(_image, shown), *map(html.line, (*left_out, *self.remarks))))


def _image(picture: Picture) -> str:
    """A picture as an image, whose parts have names that no other picture sees."""
    data = b64encode(picture.svg.encode()).decode()
    return f'<p><img src="data:image/svg+xml;base64,{data}" alt="{escape(picture.text)}"></p>'


@final
class Charts(dict[str, Chart]):
    """All charts by their names. A notebook shows which of them have something to draw."""

    def __missing__(self, name: str) -> Chart:
        raise UsageError(f"charts: {unknown([name], tuple(self))}")

    def _repr_html_(self) -> str:
        rows = tuple(
            (
                Entry(name),
                Entry(chart.caption),
                Entry(str(len(chart.pictures)) if chart.pictures else "nothing to draw"),
            )
            for name, chart in self.items()
        )
        return html.table(Table(title="Charts", columns=left("name", "shows", "pictures"), rows=rows))


def charts(arranged: Arranged, *, frameworks: tuple[str, ...] = ()) -> Charts:
    """Every chart of the catalogue for these results, of which a few frameworks may be selected."""
    return Charts(_named(arranged, frameworks))


def _named(arranged: Arranged, frameworks: tuple[str, ...]) -> Iterator[tuple[str, Chart]]:
    for name, chart in catalogue.CHARTS.items():
        yield name, Chart(name=name, caption=chart.caption, arranged=arranged, frameworks=frameworks)
