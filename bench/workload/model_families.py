"""The model families, found by their folders; of them specs and scripts are loaded here, which need no framework."""

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import models
from bench.workload import source_code
from bench.workload.network_layers import Layer

if TYPE_CHECKING:  # what lists workloads need not wait for NumPy
    import numpy as np

    from models.layers.probes import Probe
    from models.layers.spec import Part

FOLDER = Path(models.__file__).parent

Spec = Any  # a frozen dataclass of one family; the harness only hands it on
Weights = dict[str, "np.ndarray"]


class SpecModule(Protocol):
    """What every `models/<family>/spec.py` offers."""

    Spec: Any
    PROBES: Sequence["Probe"]  # networks that hand their inputs on, of the layers that this family computes with
    EXAMPLES: Mapping[str, Any]  # small networks that between them have every option; the last one has the most

    def sizes(self, sample_shape: tuple[int, ...]) -> dict[str, int]:
        """The spec's fields that follow from the shape of one sample."""

    def input_shape(self, spec: Spec) -> tuple[int, ...]:
        """The shape in which the network takes one sample."""

    def parameter_shapes(self, spec: Spec) -> Mapping[str, tuple[int, ...]]:
        """Canonical names and shapes."""

    def initial_weights(self, spec: Spec, *, seed: int) -> Weights:
        """The first weights in float64."""

    def parts(self, spec: Spec) -> "list[Part]":
        """The layers in their order, with their shapes and operations."""

    def forward(self, spec: Spec, weights: Weights, inputs: "np.ndarray") -> "np.ndarray":
        """The reference that every framework must match at inference."""


def family_names() -> tuple[str, ...]:
    """The families that have a spec of their own network: `layers` holds only what they share."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/spec.py") if path.parent.name != "layers"))


def spec_module(family: str) -> SpecModule:
    """The module `models.<family>.spec`."""
    return importlib.import_module(f"models.{family}.spec")


def script_module(family: str) -> Any | None:  # noqa: ANN401 (a module; `models.layers.script` says what it offers)
    """The module `models.<family>.script`, where there is one."""
    has_one = (FOLDER / family / "script.py").is_file()
    return importlib.import_module(f"models.{family}.script") if has_one else None


def layers(family: str, spec: Spec) -> tuple[Layer, ...]:
    """The layers of a network in their order, the input first."""
    module = spec_module(family)
    shapes = module.parameter_shapes(spec)
    found = [Layer(name="input", kind="", shape=tuple(module.input_shape(spec)), parameters=0, flops=0)]
    for part in module.parts(spec):
        own = sum(math.prod(shape) for name, shape in shapes.items() if name.partition(".")[0] == part.name)
        found.append(Layer(name=part.name, kind=part.kind, shape=part.shape, parameters=own, flops=part.flops))
    return tuple(found)


def flops_per_sample(family: str, spec: Spec) -> int:
    """Floating-point operations of one forward pass of one sample."""
    return sum(part.flops for part in spec_module(family).parts(spec))


def spec_source(family: str) -> bytes:
    """The code that decides what the family computes, as a digest takes it."""
    return source_code.identity(FOLDER / folder / "spec.py" for folder in ("layers", family))


def framework_source(family: str, framework: str) -> bytes:
    """The code that decides how one framework computes it."""
    return source_code.code_of(FOLDER / folder / f"{framework}.py" for folder in ("layers", family))
