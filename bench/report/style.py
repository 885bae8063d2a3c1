"""The look of every chart: a colour and a marker for each framework, axes with units, one legend."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, Formatter

# Okabe and Ito's colours, which colour-blind readers can tell apart; a framework has the same colour in every chart.
COLOURS = {
    "pytorch": "#D55E00",
    "keras/tensorflow": "#0072B2",
    "keras/jax": "#56B4E9",
    "keras/torch": "#CC79A7",
    "flax": "#009E73",
}
OTHER_COLOUR = "#555555"
GREY = "#666666"
LINE_BELOW = 170  # characters in a line below the panels
MARKERS = {"pytorch": "o", "keras/tensorflow": "s", "keras/jax": "D", "keras/torch": "v", "flax": "^"}
EVERY_DIGIT = 0.5  # an axis of at most so many decades has a number at every digit
SOME_DIGITS = 1.0  # an axis of at most so many decades has a number at five digits


def name_y(axes: "Axes", name: str) -> None:
    """Name the y axis; where panels share it, only the first panel of a row does."""
    position = axes.get_subplotspec()
    if position is None or position.is_first_col() or len(axes.get_shared_y_axes().get_siblings(axes)) == 1:
        axes.set_ylabel(name, fontsize=8)


def place(label: str) -> tuple[int, str]:
    """The sort key of a framework in every list: frameworks with a colour of their own come first."""
    contender = label.split(" ", maxsplit=1)[0]
    return (list(COLOURS).index(contender) if contender in COLOURS else len(COLOURS), label)


def style(contender: str, *, every: int | tuple[int, int] = 1) -> dict[str, Any]:  # matplotlib's keywords
    """The line style of a framework, with a marker at each `every`th point."""
    return {
        "color": COLOURS.get(contender, OTHER_COLOUR),
        "marker": MARKERS.get(contender, "x"),
        "markersize": 4,
        "markevery": every,
        "linewidth": 1.4,
        "alpha": 0.85,
    }


def engineering(unit: str = "") -> "EngFormatter":
    """Numbers with an SI prefix (k, M, m, µ) and the unit."""
    from matplotlib.ticker import EngFormatter

    return EngFormatter(unit=unit, sep="" if not unit else " ")


def decades(axis: "Axis", formatter: "Formatter | str", *, fine: float = 4.0) -> None:
    """Put numbers at 1, 2 and 5 of each decade of a logarithmic axis; to be called after everything is drawn.

    An axis of more than `fine` decades has them at 1 only. A short axis has them at more digits.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axis.get_view_interval()
    reach = np.log10(high / low)
    if reach <= EVERY_DIGIT:
        digits: tuple[int, ...] = tuple(range(1, 10))
    elif reach <= SOME_DIGITS:
        digits = (1, 2, 3, 5, 7)
    else:
        digits = (1, 2, 5) if reach <= fine else (1,)
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(formatter)


def name_first(grid: "np.ndarray") -> None:
    """If the first panel of a row is hidden, show the numbers and the name of the y axis at the next panel."""
    for row in grid:
        first = next((axes for axes in row if axes.get_visible()), None)
        if first is not None and first is not row[0] and row[0].get_shared_y_axes().joined(row[0], first):
            first.tick_params(axis="y", labelleft=True)
            first.set_ylabel(next((axes.get_ylabel() for axes in grid.flat if axes.get_ylabel()), ""), fontsize=8)


def legend(figure: "Figure", source: str) -> None:
    """Put the source below the panels, and one legend for all of them if lines or bars have labels."""
    source = fill(source, LINE_BELOW)
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = sorted(handles, key=place)
    if labels:
        shown = [handles[label] for label in labels]
        legend = figure.legend(
            shown,
            labels,
            loc="outside lower center",
            ncols=5,
            fontsize=8,
            frameon=False,
            title=source,
            title_fontsize=7,
        )
        legend.get_title().set_color(GREY)
    else:
        figure.supxlabel(source, fontsize=7, color=GREY)
