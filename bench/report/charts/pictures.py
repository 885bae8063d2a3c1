"""Pictures of single samples and of the network: first samples, largest errors, layers."""

import math
from base64 import b64decode
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from bench.records.evaluation import Error, Evaluation, Picture
from bench.records.measurement import Learning
from bench.report import formatting
from bench.report.charts import picture_text
from bench.report.evaluations import first_evaluations, learnings
from bench.report.results import Results
from bench.workload.network_layers import Layer

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

MARKS = "Below each image: the predicted class, and for an error the true class."
RIGHT, WRONG = "#1B7837", "#B2182B"
ACROSS = 6  # tiles in a row
TILE = 0.9  # of the room of a tile, the rest is between them
LONGEST_ANSWER = 12  # characters of a class below an image
LONGEST_LINE = 34  # characters in a box
LINE, ARROW = 0.34, 0.3  # heights: of a line in a box, and between two boxes

Pick = Callable[[Evaluation], tuple[Error, ...]]


def first_samples(axes: "Axes", results: Results, workload: str) -> None:
    """The first images of the test set; below each its predicted class, in green if right and in red if wrong."""
    _tiles(axes, results, workload, pick=lambda judgement: judgement.first)


def worst_samples(axes: "Axes", results: Results, workload: str) -> None:
    """The images with the largest errors, each with its predicted and its true class."""
    _tiles(axes, results, workload, pick=lambda judgement: judgement.worst)


def architecture(axes: "Axes", results: Results, workload: str) -> None:
    """The layers from the input down, each with the shape of its output; a larger output has a wider box."""
    from matplotlib.patches import FancyBboxPatch

    layers = _network(results, workload)
    largest = max(math.log1p(math.prod(layer.shape)) for layer in layers)
    top = 0.0
    for layer in layers:
        words = _words(layer)
        height = LINE * (words.count("\n") + 2)
        width = 0.35 + 0.65 * math.log1p(math.prod(layer.shape)) / largest
        if top < 0:  # not the first layer
            axes.annotate("", (0, top), (0, top + ARROW), arrowprops={"arrowstyle": "->", "linewidth": 0.7})
        corner = (-width / 2, top - height)
        box = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0.0,rounding_size=0.06", mutation_aspect=3)
        box.set(facecolor="#DCE9F5" if layer.parameters else "#F2F2F2", edgecolor="#5B7FA3", linewidth=0.8)
        axes.add_patch(box)
        middle = top - (height - LINE) / 2
        axes.text(0, middle, words, ha="center", va="center", fontsize=6.5, linespacing=0.95)
        axes.text(0, top - height + 0.6 * LINE, _sizes(layer), ha="center", va="center", fontsize=6, color="#444444")
        top -= height + ARROW
    axes.set_xlim(-0.62, 0.62)
    axes.set_ylim(top + ARROW - 0.1, 0.1)
    axes.axis("off")


def has_images(results: Results, workload: str) -> bool:
    """Whether samples are images."""
    return any(judgement.pictures for _, judgement in first_evaluations(results, workload))


def has_wrong_images(results: Results, workload: str) -> bool:
    """Whether samples are images and some of them were classified wrongly."""
    return any(judgement.pictures and judgement.worst for _, judgement in first_evaluations(results, workload))


def has_network(results: Results, workload: str) -> bool:
    """Whether the records have the layers of the network."""
    return any(learning.network for _, learning in learnings(results, workload))


def _tiles(axes: "Axes", results: Results, workload: str, *, pick: Pick) -> None:
    contender, judgement = next(item for item in first_evaluations(results, workload) if item[1].pictures)
    known = {picture.sample: picture for picture in judgement.pictures}
    names = _first(results, workload).labels
    shown = [error for error in pick(judgement) if error.sample in known]
    for number, error in enumerate(shown):
        across, down = number % ACROSS, number // ACROSS
        axes.imshow(
            _pixels(known[error.sample]),
            extent=(across, across + TILE, -1.35 * down - TILE, -1.35 * down),
            cmap="gray_r",
            vmin=0,
            vmax=255,
        )
        colour = WRONG if error.size else RIGHT
        below = -1.35 * down - TILE - 0.03
        axes.text(across + TILE / 2, below, _answer(error, names), ha="center", va="top", fontsize=7, color=colour)
    axes.set_xlim(-0.1, ACROSS)
    axes.set_ylim(-1.35 * -(-len(shown) // ACROSS) + 0.05, 0.1)
    axes.axis("off")
    name = picture_text.shown(workload, longest=picture_text.LONGEST_TITLE)
    axes.set_title(f"{name}, predicted by {contender}", fontsize=9)


def _answer(error: Error, names: Sequence[str]) -> str:
    predicted, truth = (
        picture_text.shown(names[int(value)], longest=LONGEST_ANSWER) if names else f"{value:g}"
        for value in (error.predicted, error.truth)
    )
    return f"{predicted}, not {truth}" if error.size else predicted


def _pixels(picture: Picture) -> "np.ndarray":
    import numpy as np

    image = np.frombuffer(b64decode(picture.pixels), np.uint8).reshape(picture.shape)
    return image[:, :, 0] if picture.shape[2] == 1 else image


def _words(layer: Layer) -> str:
    return fill(f"{layer.name}: {layer.kind}" if layer.kind else layer.name, LONGEST_LINE)


def _sizes(layer: Layer) -> str:
    shape = "×".join(map(str, layer.shape))
    return f"{shape}, {formatting.grouped(layer.parameters)} parameters" if layer.parameters else shape


def _first(results: Results, workload: str) -> Learning:
    return next(learning for _, learning in learnings(results, workload))


def _network(results: Results, workload: str) -> tuple[Layer, ...]:
    return next(learning.network for _, learning in learnings(results, workload) if learning.network)
