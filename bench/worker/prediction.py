"""Saves trained models, and predicts with them in the framework that trained them or in another."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.adapters.base import Adapter, Model
from bench.datasets import base as datasets
from bench.datasets import csv, npz
from bench.datasets.base import Split
from bench.errors import BenchError, UsageError
from bench.records.record import Case
from bench.worker import quality_metrics
from bench.worker.measure.inference import logits_of
from bench.worker.prepared_workload import PreparedWorkload, load_adapter, network_module
from bench.workload import model_families, saved_model
from bench.workload.model_families import Weights
from bench.workload.saved_model import FORMAT, SavedModel, Scale

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """A table with one row for each sample, the source of the weights, and the quality where there are labels."""

    table: pd.DataFrame
    source: Literal["its own file", "the canonical weights"]
    quality: dict[str, float]


def keep(subject: PreparedWorkload, case: Case, folder: Path, *, weights: Weights, quality: dict[str, float]) -> None:
    """Write a trained model into a folder: its canonical weights, its own file, and how its data was scaled."""
    workload, train = subject.workload, subject.dataset.train
    scaled = subject.workload.description.task == "regression"
    about = SavedModel(
        format=FORMAT,
        workload=workload.name,
        digest=workload.digest,
        contender=case.contender,
        versions=subject.adapter.versions(),
        seed=case.seed,
        family=workload.family,
        spec=asdict(workload.spec),
        recipe=workload.recipe,
        dataset=dict(workload.dataset),
        description=workload.description,
        inputs=Scale(mean=tuple(train.input_mean), deviation=tuple(train.input_deviation)),
        targets=Scale(mean=tuple(train.target_mean), deviation=tuple(train.target_deviation)) if scaled else Scale(),
        quality=quality,
    )
    model = subject.module.build(workload.spec, weights, seed=case.seed)
    saved_model.write(folder, about, weights, native=lambda draft: subject.adapter.save(model, draft))


def predict(framework: str, folder: Path, data: str, *, device: str, threads: int) -> Predictions:
    """The predictions of a saved model for `data`: a part of its data set, or a file with samples of the same kind.

    A CSV file has a header and the feature columns of the data set. An .npz file has the array `inputs`. The values
    of both are not scaled. Raises UsageError or DataError for a wrong folder or file.
    """
    about = saved_model.read(folder)
    split = _part(about, data) if data in PARTS else None
    inputs = _read(Path(data), about) if split is None else split.inputs
    shape = model_families.spec_module(about.family).input_shape(about.network())
    adapter = load_adapter(framework)
    adapter.configure(device="cpu" if device == "cpu" else "cuda", precision="fp32", threads=threads)
    own = framework == about.contender.partition("/")[0]
    model = _loaded(adapter, framework, folder, about, own=own)
    adapter.prepare(model, about.recipe)
    logits = logits_of(adapter, inputs.reshape(len(inputs), *shape).astype(np.float32))
    found = (
        {}
        if split is None
        else quality_metrics.evaluate(quality_metrics.answers(about.description, about.recipe.loss, logits, split))
    )
    return Predictions(
        table=_table(about, logits, split),
        source="its own file" if own else "the canonical weights",
        quality=found,
    )


def _loaded(adapter: Adapter, framework: str, folder: Path, about: SavedModel, *, own: bool) -> Model:
    weights = {name: value.astype(np.float32) for name, value in saved_model.read_weights(folder, about).items()}
    model = network_module(about.family, framework).build(about.network(), weights, seed=about.seed)
    if not own:
        return model
    try:
        return adapter.load(model, folder)
    except BenchError:
        raise
    except Exception as error:  # each library raises its own errors for a damaged file
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UsageError(
            f"{folder}: {framework} cannot read the model file that it saved there: {reason}. To load the canonical "
            "weights instead, choose another framework with --framework"
        ) from error


def _part(about: SavedModel, name: str) -> Split:
    dataset = datasets.load(about.dataset)
    if name == "validation" and not dataset.description.validation:
        raise UsageError(f"DATA: found 'validation', but {dataset.description.name} has no validation data of its own")
    part: Split = getattr(dataset, name)
    return part


def _read(path: Path, about: SavedModel) -> np.ndarray:
    """The samples of a file, scaled like the training data."""
    known = about.description
    if path.suffix == ".npz":
        inputs = npz.inputs_of(path, about.dataset)
    elif path.suffix == ".csv":
        cells = csv.inputs_of(path, about.dataset, known.features)
        fits = cells.shape[1] == math.prod(known.sample_shape)
        inputs = cells.reshape(len(cells), *known.sample_shape) if fits else cells
    else:
        raise UsageError(f"DATA: found {str(path)!r}, expected a .csv or .npz file, or one of {', '.join(PARTS)}")
    if inputs.shape[1:] != known.sample_shape or not len(inputs):
        expected = ", ".join(map(str, ("samples", *known.sample_shape)))
        raise UsageError(f"{path}: found samples of shape {inputs.shape}, expected ({expected})")
    return about.inputs.apply(inputs.astype(np.float64))


def _table(about: SavedModel, logits: np.ndarray, split: Split | None) -> pd.DataFrame:
    outputs, known = logits.astype(np.float64), about.description
    if known.task == "regression":
        columns = dict(_named("predicted", about.targets.undo(outputs)))
        truth = {} if split is None else dict(_named("truth", about.targets.undo(split.targets)))
    else:
        names = np.array(known.labels or range(max(quality_metrics.BINARY, known.outputs)))
        chances = quality_metrics.probabilities(outputs, about.recipe.loss)
        columns = {"predicted": names[quality_metrics.classes(outputs)]}
        columns |= {f"probability of {name}": chances[:, number] for number, name in enumerate(names)}
        truth = {} if split is None else {"truth": names[split.targets]}
    return pd.DataFrame({"sample": np.arange(len(outputs)), **truth, **columns})


def _named(name: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """One column with this name, or several with a number behind it."""
    if values.shape[1] == 1:
        return [(name, values[:, 0])]
    return [(f"{name} {number}", column) for number, column in enumerate(values.T)]
