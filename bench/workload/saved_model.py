"""A trained network in a folder: what it is, its weights as every framework takes them, and its framework's own file.

    model.json      the network's spec, what it answers, how inputs and targets were scaled, and where it comes from
    weights.npz     the canonical weights, which any framework loads
    model.safetensors, model.keras or orbax/, the framework's own format

No pickle is ever written or read.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.datasets.description import Description, checked
from bench.errors import UsageError
from bench.workload import model_families
from bench.workload.model_families import Spec, Weights
from bench.workload.recipe import Recipe

FORMAT = 1
ABOUT, WEIGHTS = "model.json", "weights.npz"


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Scale:
    """The mean and the deviation of each column; none of either where nothing was scaled."""

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def apply(self, values: Float[np.ndarray, "samples ..."]) -> Float[np.ndarray, "samples ..."]:
        """From their own unit to what the network learnt from."""
        if not self.mean:
            return values
        columns: np.ndarray = (values.reshape(len(values), -1) - np.array(self.mean)) / np.array(self.deviation)
        return columns.reshape(values.shape)

    def undo(self, values: Float[np.ndarray, "samples ..."]) -> Float[np.ndarray, "samples ..."]:
        """Back to their own unit."""
        return values * np.array(self.deviation) + np.array(self.mean) if self.mean else values


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class SavedModel:
    """What is known of a trained network besides its weights.

    `spec` are the fields of the family's spec, `dataset` is the table of the workload that it learnt from, and
    `quality` what it reached on the test set.
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

    def network(self) -> Spec:
        """The network's spec."""
        return model_families.spec_module(self.family).Spec(**self.spec)


def write(folder: Path, about: SavedModel, weights: Weights, *, native: Callable[[Path], None]) -> None:
    """Store it; `native` adds the framework's own file. The folder is there whole or not at all."""
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    (draft / ABOUT).write_text(json.dumps(asdict(about), indent=1) + "\n", encoding="utf-8")
    np.savez(draft / WEIGHTS, **weights)  # type: ignore[arg-type]  # no weight is called as one of its options
    native(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def read(folder: Path) -> SavedModel:
    """What the folder holds; raises UsageError where it is none of ours."""
    path = folder / ABOUT
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: found {reason}, expected what `levelfield run --save-models` keeps") from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise UsageError(f"{path}: found format {version!r}, expected {FORMAT}: train the model again")
    try:
        return TypeAdapter(SavedModel).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {key}: found {first['input']!r}, expected {first['msg']}") from None


def read_weights(folder: Path, about: SavedModel) -> Weights:
    """The canonical weights; raises UsageError where they are missing, or not those of the network."""
    path = folder / WEIGHTS
    shapes = model_families.spec_module(about.family).parameter_shapes(about.network())
    try:
        with np.load(path, allow_pickle=False) as file:
            weights = dict(file)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path}: found {error}, expected weights without objects") from None
    found = {name: value.shape for name, value in weights.items()}
    wrong = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise UsageError(f"{path}, {name}: found the shape {found.get(name)}, expected {shapes.get(name)}")
    return weights
