"""Loads a model family from a folder of the user: `spec.py`, and any of `pytorch.py`, `keras.py` and `flax.py`.

The folder becomes a package, so its files can import each other: `from .spec import Spec`. Here only `spec.py` is
loaded. It imports no framework; a worker process loads the file of its framework.

`spec.py` needs `Spec` and `parameter_shapes`. What else the harness asks for has defaults here, or is unknown.
"""

import ast
import importlib
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import UsageError
from bench.workload import source_code

if TYPE_CHECKING:
    import numpy as np

    from models.layers.probes import Probe
    from models.layers.spec import Part

FRAMEWORK_FILES = ("pytorch.py", "keras.py", "flax.py")
LIBRARIES = {"torch", "keras", "tensorflow", "flax", "jax", "optax"}  # which `spec.py` must not import
PACKAGES = "own_family_"  # how the names of packages begin that are made of folders
# The fields of a spec that the shape of one sample gives, by the number of axes of a sample.
FIELDS = {1: ("features",), 2: ("steps", "features"), 3: ("height", "width", "channels")}

USUAL = "glorot_uniform"
INITIALIZERS = (USUAL, "glorot_normal", "he_uniform", "he_normal", "orthogonal")

Value = TypeVar("Value")
Weights = dict[str, "np.ndarray"]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSpec:
    """The functions of a family's `spec.py`, as `SpecModule` describes them; `parts` and `forward` may be missing."""

    Spec: Any
    sizes: Callable[[tuple[int, ...]], dict[str, int]]
    input_shape: Callable[[Any], tuple[int, ...]]
    parameter_shapes: Callable[[Any], Shapes]
    initial_weights: Callable[..., Weights]
    parts: "Callable[[Any], list[Part]] | None"
    forward: "Callable[[Any, Weights, np.ndarray], np.ndarray] | None"
    PROBES: "Sequence[Probe]"
    EXAMPLES: Mapping[str, Any]


def is_folder(family: str) -> bool:
    """Whether this names a folder, and not a family of Levelfield: it has a slash."""
    return "/" in family or "\\" in family


def located(family: str, *, beside: Path) -> str:
    """The absolute path of a folder that is given relative to the folder of a workload's file."""
    return str((beside / family).resolve())


def framework_files(folder: Path) -> tuple[str, ...]:
    """The frameworks for which the folder has a file."""
    return tuple(name.removesuffix(".py") for name in FRAMEWORK_FILES if (folder / name).is_file())


def package(folder: Path) -> str:
    """The name of the package that is made of the folder, which can be imported from then on."""
    name = f"{PACKAGES}{sha256(str(folder).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        made = ModuleType(name)
        made.__path__ = [str(folder)]
        sys.modules[name] = made
        importlib.invalidate_caches()
    return name


@cache
def load(folder: Path) -> OwnSpec:
    """The family in this folder.

    Raises UsageError with the file and the line if the folder has no `spec.py`, if it cannot be imported, if it imports
    a framework, or if it lacks `Spec` or `parameter_shapes`.
    """
    path = folder / "spec.py"
    if not path.is_file():
        raise UsageError(f"{folder}: found no file spec.py, expected one: `levelfield init model NAME` writes a folder")
    _check_imports(folder)
    module = called(folder, lambda: importlib.import_module(f"{package(folder)}.spec"))
    missing = [name for name in ("Spec", "parameter_shapes") if not hasattr(module, name)]
    if missing:
        raise UsageError(
            f"{path}: found no {' and no '.join(missing)}, expected both: see the guide `Bring your own network`"
        )
    spec = called(folder, lambda: _checked(module.Spec, path))
    from models.layers import probes

    return OwnSpec(
        Spec=spec,
        sizes=getattr(module, "sizes", None) or _sizes_of(spec, path),
        input_shape=getattr(module, "input_shape", None) or _input_shape,
        parameter_shapes=module.parameter_shapes,
        initial_weights=getattr(module, "initial_weights", None) or _initial_weights_of(module),
        parts=getattr(module, "parts", None),
        forward=getattr(module, "forward", None),
        PROBES=getattr(module, "PROBES", probes.DENSE),
        EXAMPLES=getattr(module, "EXAMPLES", MappingProxyType({})),
    )


def called(folder: Path, function: Callable[[], Value]) -> Value:
    """What the user's code returns; raises UsageError with its file and line if it fails."""
    try:
        return function()
    except UsageError:
        raise
    except Exception as error:  # whatever code of a user raises
        raise UsageError(f"{_place(folder, error)}: {type(error).__name__}: {_in_one_line(error)}") from error


def initializers(folder: Path, spec: Any) -> Mapping[str, str] | None:  # noqa: ANN401 (the user's dataclass)
    """The name of the initializer of each layer; None if the family has a function for its first weights."""
    load(folder)
    module = sys.modules[f"{package(folder)}.spec"]
    return None if "initial_weights" in vars(module) else _initializers(module, spec)


def copy(folder: Path, to: Path) -> None:
    """Copy the code of the family to a new folder."""
    for path in _files(folder):
        place = to / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())


def spec_source(folder: Path) -> bytes:
    """The code of all files of the folder except those of the frameworks, with their names."""
    return b"\n".join(_named(folder, path) for path in _files(folder) if path.name not in FRAMEWORK_FILES)


def framework_source(folder: Path, framework: str) -> bytes:
    """The code of the framework's file and of those with its name in folders below; nothing if there is none."""
    return b"\n".join(_named(folder, path) for path in _files(folder) if path.name == f"{framework}.py")


def _files(folder: Path) -> list[Path]:
    """The Python files of the folder; those in hidden folders below it, such as an editor's, are no part of it."""
    below = {path: path.relative_to(folder).parts for path in folder.rglob("*.py")}
    return sorted(path for path, parts in below.items() if not any(part.startswith(".") for part in parts))


def _named(folder: Path, path: Path) -> bytes:
    code = called(folder, lambda: source_code.code(path))
    return f"{path.relative_to(folder).as_posix()}\n{code}".encode()


def _check_imports(folder: Path) -> None:
    """Raise UsageError if a file that the parent process loads imports a framework."""
    problems = []
    for path in _files(folder):
        if path.name not in FRAMEWORK_FILES:
            tree = called(folder, lambda path=path: ast.parse(path.read_bytes(), filename=str(path)))  # type: ignore[misc]
            problems += [
                f"{path}, line {line}: imports {name}, expected no framework: only {', '.join(FRAMEWORK_FILES)} may"
                for line, name in _imported(tree)
                if name.partition(".")[0] in LIBRARIES
            ]
    if problems:
        raise UsageError("; ".join(problems))


def _imported(tree: ast.AST) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, item.name) for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node.lineno, node.module))
    return found


def _checked(spec: Any, path: Path) -> Any:  # noqa: ANN401 (a dataclass)
    """The user's dataclass, whose fields are checked when a table of a TOML file fills them."""
    from pydantic.dataclasses import dataclass as checked_dataclass
    from pydantic.dataclasses import is_pydantic_dataclass

    from models.layers.spec import type_checked

    frozen = getattr(getattr(spec, "__dataclass_params__", None), "frozen", False)
    if not frozen:
        raise UsageError(
            f"{path}: Spec: found no frozen dataclass, expected `@dataclass(frozen=True)` before its class"
        )
    if "outputs" not in {field.name for field in fields(spec)}:
        raise UsageError(f"{path}: Spec: found no field outputs, expected one: the data set fills it")
    return spec if is_pydantic_dataclass(spec) else checked_dataclass(spec, config=type_checked, frozen=True)


def _sizes_of(spec: Any, path: Path) -> Callable[[tuple[int, ...]], dict[str, int]]:  # noqa: ANN401 (a dataclass)
    """A function from the shape of one sample to the fields of the spec that follow from it."""
    names = {field.name for field in fields(spec)}
    fitting = {axes: found for axes, found in FIELDS.items() if set(found) <= names}
    if not fitting:
        known = "; ".join(" and ".join(found) for found in FIELDS.values())
        raise UsageError(
            f"{path}: Spec: found the fields {', '.join(sorted(names))}, expected those of a sample's shape ({known}), "
            "or a function sizes(sample_shape)"
        )
    axes = max(fitting)

    def sizes(sample_shape: tuple[int, ...]) -> dict[str, int]:
        """The fields that the shape of one sample gives; raises ValueError for a shape that does not fit."""
        last = (1,) if len(sample_shape) == axes - 1 else ()  # a feature or a channel
        shape = (*sample_shape, *last) if axes > 1 else (math.prod(sample_shape),)
        if len(shape) != axes:
            raise ValueError(f"samples have the shape {sample_shape}, Spec has the fields {', '.join(fitting[axes])}")
        return dict(zip(fitting[axes], shape, strict=True))

    return sizes


def _input_shape(spec: Any) -> tuple[int, ...]:  # noqa: ANN401 (a dataclass)
    """The shape of one sample, from the fields of the spec that it gives."""
    names = {field.name for field in fields(spec)}
    axes = max(axes for axes, found in FIELDS.items() if set(found) <= names)
    return tuple(getattr(spec, name) for name in FIELDS[axes])


def _initial_weights_of(module: ModuleType) -> Callable[..., Weights]:
    """A function that draws the first weights by the names of initializers in INITIALIZERS, else by Glorot's."""

    def initial_weights(spec: Any, *, seed: int) -> Weights:  # noqa: ANN401 (a dataclass)
        """The first weights in float64; `seed` decides them."""
        from models.layers.spec import Initializer
        from models.layers.spec import initial_weights as drawn

        initializers = {name: Initializer(name=form) for name, form in _initializers(module, spec).items()}
        return drawn(module.parameter_shapes(spec), initializers, seed=seed)

    return initial_weights


def _initializers(module: ModuleType, spec: Any) -> Mapping[str, Any]:  # noqa: ANN401 (a dataclass)
    """The name of the initializer of each layer; raises UsageError for a wrong one in INITIALIZERS."""
    layers = dict.fromkeys(name.partition(".")[0] for name in module.parameter_shapes(spec))
    given = getattr(module, "INITIALIZERS", {})
    problems = _wrong_initializers(given, layers)
    if problems:
        raise UsageError("; ".join(f"{module.__file__}: INITIALIZERS: {problem}" for problem in problems))
    return {name: given.get(name, USUAL) for name in layers}


def _wrong_initializers(given: Mapping[str, str], layers: Iterable[str]) -> list[str]:
    """The layers that have no weights, and the names that no initializer has."""
    known = tuple(layers)
    unknown = [name for name in given if name not in known]
    wrong = [f"found no layer {', '.join(unknown)}, expected some of {', '.join(known)}"] if unknown else []
    return wrong + [
        f"{layer}: found {name!r}, expected one of {', '.join(INITIALIZERS)}"
        for layer, name in given.items()
        if name not in INITIALIZERS
    ]


def _place(folder: Path, error: Exception) -> str:
    """The file and the line of the user's code where an error arose, as far as they are known."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else str(folder)


def place_of(error: Exception) -> str:
    """The file and the line of a user's network where an error arose, below its folder; empty if it arose elsewhere."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame, line) for frame, line in frames if frame.f_globals.get("__name__", "").startswith(PACKAGES)]
    if not own:
        return ""
    frame, line = own[-1]
    folder = Path(sys.modules[frame.f_globals["__name__"].partition(".")[0]].__path__[0])
    path = Path(frame.f_code.co_filename)
    return f"{path.relative_to(folder.parent).as_posix()}, line {line}" if path.is_relative_to(folder) else ""


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
