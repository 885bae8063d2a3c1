"""Writes a trained network to a folder and reads it back.

    model.json      the network's spec, its classes or unit, the scaling of inputs and targets, and its origin
    weights.npz     the canonical weights, which every framework can load
    model.safetensors, model.keras or orbax/: the same weights in the framework's own format
    profile.json    how the data and the model's outputs are distributed, with which later data are compared
    family/         the code of the network, if it is one of the user's own; whoever reads the model runs it

No pickle is ever written or read.
"""

import json
import math
import shutil
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.datasets.description import Description, checked
from bench.datasets.own_files.prepared_columns import Preparation
from bench.errors import UsageError, expected, key_name, unknown, unreadable
from bench.workload import frameworks, model_families, own_families
from bench.workload.model_families import Spec, Weights
from bench.workload.model_folders import ABOUT, FAMILY, WEIGHTS, WRITTEN_BY
from bench.workload.recipe import Recipe

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Scale:
    """The mean and the standard deviation of each column; both are empty if the columns were not scaled."""

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def apply(self, values: Float[np.ndarray, "samples ..."]) -> Float[np.ndarray, "samples ..."]:
        """The values on the scale that the network was trained on, from their original unit."""
        if not self.mean:
            return values
        columns: np.ndarray = (values.reshape(len(values), -1) - np.array(self.mean)) / np.array(self.deviation)
        return columns.reshape(values.shape)

    def undo(self, values: Float[np.ndarray, "samples ..."]) -> Float[np.ndarray, "samples ..."]:
        """The values in their original unit, from the scale that the network was trained on."""
        return values * np.array(self.deviation) + np.array(self.mean) if self.mean else values


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class SavedModel:
    """Everything about a trained network except its weights.

    `contender` is the framework that trained it, such as `keras/jax`. `spec` holds the fields of the family's spec.
    `dataset` is the table `[dataset]` of the workload. `quality` holds the metrics on the test set. `preparation` says
    how the columns of a user's table become numbers; `inputs` says how arrays are scaled.
    """

    format: int
    workload: str
    digest: str
    contender: str
    versions: dict[str, str]
    seed: int
    family: str
    spec: dict[str, Any]
    recipe: Recipe
    dataset: dict[str, Any]
    description: Description
    inputs: Scale
    targets: Scale
    quality: dict[str, float]
    preparation: Preparation | None = None

    def network(self) -> Spec:
        """The network's spec."""
        return model_families.spec_module(self.family).Spec(**self.spec)


def write(folder: Path, about: SavedModel, weights: Weights, *, native: Callable[[Path], None]) -> None:
    """Write the folder; `native` adds the framework's own file.

    An interrupted call leaves no incomplete folder: all files are written to a hidden folder, which is then renamed.
    A network of the user's own is copied into it, so that the folder can be carried to another machine.
    """
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    if own_families.is_folder(about.family):
        own_families.copy(Path(about.family), draft / FAMILY)
        about = replace(about, family=f"./{FAMILY}")
    (draft / ABOUT).write_text(json.dumps(asdict(about), indent=1) + "\n", encoding="utf-8")
    np.savez(draft / WEIGHTS, **weights)  # type: ignore[arg-type]  # no weight is called as one of its options
    native(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def read(folder: Path) -> SavedModel:
    """The description of the network in a folder; raises UsageError if `model.json` is missing, wrong or outdated."""
    path = folder / ABOUT
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {unreadable(error)}, {WRITTEN_BY}") from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise UsageError(
            f"{path}: found format {version!r}, expected {FORMAT}; train the model again with --save-models"
        )
    try:
        about = TypeAdapter(SavedModel).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{path}: {key_name(first['loc'])}"
        raise UsageError(f"{where}: found no valid value, expected {expected(first)}; train the model again") from None
    own = f"./{FAMILY}"
    if own_families.is_folder(about.family) and about.family != own:  # the code of another folder is never run
        raise UsageError(f"{path}: family: found {about.family!r}, expected {own!r}; train the model again")
    about = replace(about, family=model_families.located(about.family, beside=folder))
    wrong = _misfit(about)
    if wrong:
        raise UsageError(f"{path}: {wrong}; train the model again")
    return about


def _misfit(about: SavedModel) -> str | None:
    """What does not fit the rest of the description: the family, its options, or the names of the classes."""
    if not model_families.is_known(about.family):
        missing = f"found no file {about.family}/spec.py, expected the code of the network"
        is_own = own_families.is_folder(about.family)
        return f"family: {missing if is_own else unknown([about.family], model_families.family_names())}"
    every = tuple(map(str, frameworks.every_contender()))
    if about.contender not in every:
        return f"contender: {unknown([about.contender], every)}"
    try:
        about.network()
    except (TypeError, ValueError):
        return f"spec: found values that are no network of the family {about.family!r}"
    named = len(about.description.labels)
    if named not in {0, about.description.outputs}:
        return f"description.labels: found {named} names, expected {about.description.outputs}, one for each class"
    columns = math.prod(about.description.sample_shape)
    for key, scale, sizes in (
        ("inputs", about.inputs, {0, columns}),
        ("targets", about.targets, {0, 1, about.description.outputs}),
    ):
        if len(scale.mean) != len(scale.deviation) or len(scale.mean) not in sizes:
            found = f"{len(scale.mean)} means and {len(scale.deviation)} deviations"
            return f"{key}: found {found}, expected as many as the data have columns: {max(sizes)}"
    return None


def read_weights(folder: Path, about: SavedModel) -> Weights:
    """The canonical weights; raises UsageError if the file is missing or damaged, or if a shape is wrong."""
    path = folder / WEIGHTS
    shapes = model_families.spec_module(about.family).parameter_shapes(about.network())
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            weights = dict(file)
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
        raise UsageError(
            f"{path}: {unreadable(error)}, expected a NumPy file of weights, without Python objects"
        ) from None
    found = {name: value.shape for name, value in weights.items()}
    wrong = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
    wrong_type = sorted(name for name, value in weights.items() if not np.issubdtype(value.dtype, np.floating))
    if wrong_type:
        name = wrong_type[0]
        raise UsageError(f"{path}, {name}: found {weights[name].dtype}, expected real numbers; train the model again")
    if wrong:
        name = wrong[0]
        shape, right = (side.get(name, "no such array") for side in (found, shapes))
        raise UsageError(f"{path}, {name}: found shape {shape}, expected {right}; train the model again")
    return weights
