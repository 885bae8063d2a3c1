"""How every chart looks: a colour and a marker for each contender, axes that say their unit."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.ticker import EngFormatter, Formatter

# Okabe and Ito's colours, which the colour-blind can tell apart; a contender keeps its own on every chart.
COLOURS = {
    "pytorch": "#D55E00",
    "keras/tensorflow": "#0072B2",
    "keras/jax": "#56B4E9",
    "keras/torch": "#CC79A7",
    "flax": "#009E73",
}
OTHER_COLOUR = "#555555"
MARKERS = {"pytorch": "o", "keras/tensorflow": "s", "keras/jax": "D", "keras/torch": "v", "flax": "^"}
EVERY_DIGIT = 0.5  # decades of an axis, at the most, where each digit has its number
SOME_DIGITS = 1.0  # the same, where five of them have


def name_y(axes: "Axes", name: str) -> None:
    """Where panels share the axis, only the first of a row names it."""
    position = axes.get_subplotspec()
    if position is None or position.is_first_col() or len(axes.get_shared_y_axes().get_siblings(axes)) == 1:
        axes.set_ylabel(name, fontsize=8)


def place(label: str) -> tuple[int, str]:
    """Where a contender stands in every list: those with a colour of their own first."""
    contender = label.split(" ", maxsplit=1)[0]
    return (list(COLOURS).index(contender) if contender in COLOURS else len(COLOURS), label)


def style(contender: str, *, every: int | tuple[int, int] = 1) -> dict[str, Any]:  # matplotlib's keywords
    """The line of a contender, with a marker at each `every`th point."""
    return {
        "color": COLOURS.get(contender, OTHER_COLOUR),
        "marker": MARKERS.get(contender, "x"),
        "markersize": 4,
        "markevery": every,
        "linewidth": 1.4,
        "alpha": 0.85,
    }


def engineering(unit: str = "") -> "EngFormatter":
    """Numbers with k, M, m, µ and the unit."""
    from matplotlib.ticker import EngFormatter

    return EngFormatter(unit=unit, sep="" if not unit else " ")


def decades(axis: "Axis", formatter: "Formatter | str", *, fine: float = 4.0) -> None:
    """Numbers at 1, 2 and 5 of each decade of a logarithmic axis, to be called when all is drawn.

    They are at 1 alone where there are over `fine` decades, and at more digits, or at all, where there are few.
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
