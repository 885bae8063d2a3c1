"""Finds the model families by their folders, and loads their specs and scripts, which import no framework.

A family is named by its folder in `models`, or by the path of a folder of the user: see `own_families`.
"""

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import models
from bench.workload import frameworks, own_families, source_code
from bench.workload.network_layers import Layer

if TYPE_CHECKING:  # commands that only list workloads start faster without NumPy
    import numpy as np

    from models.layers.probes import Probe
    from models.layers.spec import Part

FOLDER = Path(models.__file__).parent
SHARED = ("layers/activations.py", "layers/spec.py", "layers/sequence.py")  # what the specs of all families are made of

Spec = Any  # a frozen dataclass of one family; the harness only passes it on
Weights = dict[str, "np.ndarray"]


class SpecModule(Protocol):
    """The functions and constants that every `models/<family>/spec.py` must define.

    A family from a folder may lack `parts` and `forward`: see `has_parts` and `has_reference`.
    """

    Spec: Any
    PROBES: Sequence["Probe"]  # identity networks made of this family's layers: their output equals their input
    EXAMPLES: Mapping[str, Any]  # small networks that together use every option; the last one uses the most options

    def sizes(self, sample_shape: tuple[int, ...]) -> dict[str, int]:
        """The fields of the spec that the shape of one sample determines."""

    def input_shape(self, spec: Spec) -> tuple[int, ...]:
        """The shape of one sample as the network takes it."""

    def parameter_shapes(self, spec: Spec) -> Mapping[str, tuple[int, ...]]:
        """The canonical name and shape of every parameter."""

    def initial_weights(self, spec: Spec, *, seed: int) -> Weights:
        """The initial weights in float64, by canonical name."""

    def parts(self, spec: Spec) -> "list[Part]":
        """The layers from input to output, each with its output shape and its FLOPs."""

    def forward(self, spec: Spec, weights: Weights, inputs: "np.ndarray") -> "np.ndarray":
        """The outputs of the NumPy reference network, which every framework must match at inference."""


def family_names() -> tuple[str, ...]:
    """The names of the model families; `models/layers` is not one, since it holds only what families share."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/spec.py") if path.parent.name != "layers"))


def located(family: str, *, beside: Path) -> str:
    """The name of a family of Levelfield, or the absolute path of a folder that is named relative to `beside`."""
    return own_families.located(family, beside=beside) if own_families.is_folder(family) else family


def is_known(family: str) -> bool:
    """Whether there is such a family; one from a folder is known if its folder has a `spec.py`."""
    if own_families.is_folder(family):
        return (Path(family) / "spec.py").is_file()
    return family in family_names()


def package(family: str) -> str:
    """The package of the family's files: `models.<family>`, or one that is made of the user's folder."""
    return own_families.package(Path(family)) if own_families.is_folder(family) else f"models.{family}"


def spec_module(family: str) -> SpecModule:
    """The module `models.<family>.spec`, or the functions of the user's `spec.py` with those that it leaves out."""
    if own_families.is_folder(family):
        return cast("SpecModule", own_families.load(Path(family)))
    return importlib.import_module(f"models.{family}.spec")


def has_parts(family: str) -> bool:
    """Whether the family says what its layers are; one from a folder may not."""
    return not own_families.is_folder(family) or own_families.load(Path(family)).parts is not None


def has_reference(family: str) -> bool:
    """Whether the family has a reference in NumPy; one from a folder may not."""
    return not own_families.is_folder(family) or own_families.load(Path(family)).forward is not None


def has_file(family: str, framework: str) -> bool:
    """Whether the family has a file for this framework; those of Levelfield have one for each."""
    return not own_families.is_folder(family) or framework in own_families.framework_files(Path(family))


def script_module(family: str) -> Any | None:  # noqa: ANN401 (a module; `models.layers.script` says what it offers)
    """The module `models.<family>.script`, or None if the family has no such file."""
    has_one = not own_families.is_folder(family) and (FOLDER / family / "script.py").is_file()
    return importlib.import_module(f"models.{family}.script") if has_one else None


def layers(family: str, spec: Spec) -> tuple[Layer, ...]:
    """The layers of a network from input to output; the first item is the input itself.

    Empty if the family does not say what its layers are.
    """
    if not has_parts(family):
        return ()
    module = spec_module(family)
    shapes = module.parameter_shapes(spec)
    found = [Layer(name="input", kind="", shape=tuple(module.input_shape(spec)), parameters=0, flops=0)]
    for part in module.parts(spec):
        prefixes = (part.name, *part.others)
        own = sum(math.prod(shape) for name, shape in shapes.items() if name.partition(".")[0] in prefixes)
        found.append(Layer(name=part.name, kind=part.kind, shape=part.shape, parameters=own, flops=part.flops))
    return tuple(found)


def vocabulary(spec: Spec) -> int:
    """How many different integers the inputs of a network may be; 0 if they are numbers of any value.

    A spec says it with a field of this name.
    """
    return getattr(spec, "vocabulary", None) or 0


def flops_per_sample(family: str, spec: Spec) -> int:
    """The floating-point operations (FLOPs) of one forward pass of one sample, for a family that has parts."""
    return sum(part.flops for part in spec_module(family).parts(spec))


def parameters(family: str, spec: Spec) -> int:
    """The number of all weights, running statistics included."""
    return sum(math.prod(shape) for shape in spec_module(family).parameter_shapes(spec).values())


def spec_source(family: str) -> bytes:
    """The code that defines what the family computes, in the form that goes into the workload digest."""
    if own_families.is_folder(family):
        drawn_by = source_code.code_of([FOLDER / "layers" / "spec.py"])  # the first weights
        return drawn_by + own_families.spec_source(Path(family))
    return source_code.identity(spec_files(family))


def spec_files(family: str) -> list[Path]:
    """The files that define what the family computes: the shared layers, `spec.py`, and the files that it imports."""
    apart = {"__init__", "script", *frameworks.framework_names()}
    own = sorted(path for path in (FOLDER / family).glob("*.py") if path.stem not in apart)
    return [*(FOLDER / file for file in SHARED), *own]


def framework_source(family: str, framework: str) -> bytes:
    """The code with which one framework computes the family's networks; it goes into the source digest."""
    if own_families.is_folder(family):
        shared = source_code.code_of(FOLDER / folder / f"{framework}.py" for folder in ("layers", "named_layers"))
        return shared + own_families.framework_source(Path(family), framework)
    return source_code.code_of(FOLDER / folder / f"{framework}.py" for folder in ("layers", family))
