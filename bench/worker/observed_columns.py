"""Turns samples and the outputs of a model into columns, so that later data can be compared with the first ones."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.analysis.drift import profiles
from bench.analysis.drift.quality import Metric
from bench.datasets.own_files.streamed_columns import Kind, StreamedColumns, source_of
from bench.records.column_profile import ColumnProfile, Group, Profile
from bench.workload.saved_model import SavedModel

MOST_COLUMNS = 50  # of a sample: a longer one is described by its statistics
IMAGE, SEQUENCE = 3, 2  # axes of a sample
MOST_CHANNELS = 4
TABLES = ("csv", "parquet", "series")
PREDICTED, CONFIDENCE = "(predicted)", "(confidence)"  # a table may have columns without the brackets

Columns = dict[str, np.ndarray]


def is_table(about: SavedModel) -> bool:
    """Whether the model was trained on a user's table, whose own columns are compared."""
    return about.dataset.get("kind") in TABLES and about.preparation is not None


def of_samples(inputs: Float[np.ndarray, "samples ..."], about: SavedModel) -> Columns:
    """The columns of samples in their original unit: their features, or the statistics of their pixels or steps."""
    values = about.inputs.undo(inputs.reshape(len(inputs), -1).astype(np.float64)).reshape(inputs.shape)
    axes = len(inputs.shape) - 1
    if axes == SEQUENCE and inputs.shape[1] == inputs.shape[2]:  # a square of grey pixels
        return dict(_of_images(values[..., np.newaxis]))
    if axes == IMAGE and inputs.shape[-1] <= MOST_CHANNELS:
        return dict(_of_images(values))
    if axes == SEQUENCE:
        return dict(_of_sequences(values))
    flat = values.reshape(len(values), -1)
    if flat.shape[1] > MOST_COLUMNS:
        return dict(_of_numbers(flat))
    names = about.description.features or tuple(f"input {place}" for place in range(1, flat.shape[1] + 1))
    return dict(zip(names, flat.T, strict=True))


def _of_numbers(values: Float[np.ndarray, "samples numbers"]) -> Iterator[tuple[str, np.ndarray]]:
    yield "mean", values.mean(1)
    yield "standard deviation", values.std(1)
    yield "smallest", values.min(1)
    yield "largest", values.max(1)


def _of_images(pixels: Float[np.ndarray, "samples height width channels"]) -> Iterator[tuple[str, np.ndarray]]:
    """Brightness, contrast, edges (the mean step between neighbours), and the brightness of each half and channel."""
    grey = pixels.mean(-1)
    height, width = grey.shape[1:]
    yield "brightness", grey.mean((1, 2))
    yield "contrast", grey.std((1, 2))
    steps = [np.abs(np.diff(grey, axis=axis)).mean((1, 2)) for axis in (1, 2) if grey.shape[axis] > 1]
    if steps:
        yield "edges", np.mean(steps, axis=0)
    if height > 1 and width > 1:
        yield "brightness of the upper half", grey[:, : height // 2].mean((1, 2))
        yield "brightness of the left half", grey[:, :, : width // 2].mean((1, 2))
    if pixels.shape[-1] > 1:
        yield from ((f"channel {place + 1}", pixels[..., place].mean((1, 2))) for place in range(pixels.shape[-1]))


def _of_sequences(values: Float[np.ndarray, "samples steps features"]) -> Iterator[tuple[str, np.ndarray]]:
    for place in range(min(values.shape[-1], MOST_COLUMNS)):
        name = f"feature {place + 1}" if values.shape[-1] > 1 else "value"
        yield f"mean of {name}", values[..., place].mean(1)
        yield f"standard deviation of {name}", values[..., place].std(1)
        yield f"last {name}", values[:, -1, place]


def of_outputs(table: pd.DataFrame) -> Columns:
    """The columns of predictions: the predicted class with the model's confidence, or the predicted numbers."""
    chances = [name for name in table if str(name).startswith("probability of ")]
    if not chances:
        return {f"({name})": table[name].to_numpy(np.float64) for name in table if str(name).startswith("predicted")}
    predicted = table["predicted"].astype(str).to_numpy(dtype=object)
    return {PREDICTED: predicted, CONFIDENCE: table[chances].to_numpy().max(1)}


def scores(table: pd.DataFrame) -> Float[np.ndarray, " samples"]:
    """For each prediction 1 or 0 for a right or wrong class, or the absolute error; NaN without a known answer."""
    truths = [str(name) for name in table if str(name).startswith("truth")]
    if not truths:
        return np.full(len(table), np.nan)
    if any(str(name).startswith("probability of ") for name in table):
        truth = table["truth"]
        right = (truth.astype(str) == table["predicted"].astype(str)).to_numpy(np.float64)
        return np.where(truth.isna(), np.nan, right)
    pairs = [(name, name.replace("truth", "predicted", 1)) for name in truths]
    errors = [np.abs(table[name].to_numpy(np.float64) - table[other].to_numpy(np.float64)) for name, other in pairs]
    found: np.ndarray = np.mean(errors, axis=0)
    return found


def metric_of(about: SavedModel) -> Metric:
    """The metric of the model's quality."""
    return "accuracy" if about.description.task == "classification" else "mae"


def profile(about: SavedModel, inputs: np.ndarray, tested: pd.DataFrame) -> Profile:
    """What later data are compared with: the training inputs, and the outputs for the test data.

    A table of the user is profiled with its own columns, all of its rows together. `tested` has the predictions of the
    test data, with the known answers.
    """
    made = _of_table(about) if is_table(about) else _of_columns(of_samples(inputs, about), "input")
    known = scores(tested)
    return Profile(
        source=f"the data of {about.workload}",
        columns=(*made, *_of_columns(of_outputs(tested), "output")),
        metric=metric_of(about),
        quality=float(np.nanmean(known)) if np.isfinite(known).any() else None,
    )


def _of_columns(columns: Columns, group: Group) -> tuple[ColumnProfile, ...]:
    return tuple(replace(item, group=group) for item in profiles.reference(lambda: iter([columns])))


def _of_table(about: SavedModel) -> tuple[ColumnProfile, ...]:
    prepared = about.preparation
    if prepared is None:
        return ()
    kinds: dict[str, Kind] = {column.name: column.kind for column in prepared.columns if column.kind != "date"}
    target = str(about.dataset.get("target", ""))
    if target and target not in kinds:  # the target of a series is one of its columns
        kinds[target] = "number" if about.description.task == "regression" else "category"
    source = source_of(Path(str(about.dataset["path"])), about.dataset)
    found = profiles.reference(StreamedColumns(source, kinds=kinds).chunks)
    is_series = about.dataset.get("kind") == "series"
    return tuple(replace(item, group="answer") if item.name == target and not is_series else item for item in found)
