"""Checks a model family in a folder of the user: everything that the harness asks of it, all problems at once."""

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.workload import model_families, own_families
from bench.workload.own_families import FRAMEWORK_FILES, OwnSpec, called

FUNCTIONS = ("build", "export")  # of the file of a framework
ARGUMENTS = ("spec", "weights")  # the first two of `build`
DROPOUT, RECURRENT_DROPOUT = "dropout", "recurrent_dropout"  # see `models.layers.spec.without_dropout`
SAMPLES = 2  # of the batch that the reference is tried with
SHOWN = 3  # names in a message


def problems(folder: Path, spec: Any) -> list[str]:  # noqa: ANN401 (the user's dataclass)
    """What the harness cannot work with: for each problem the file, what was found, what is expected.

    The files of the frameworks are read and not run.
    """
    found = list(_files(folder))
    module = own_families.load(folder)
    path = folder / "spec.py"
    try:
        found += (f"{path}: {problem}" for problem in _spec(folder, module, spec))
    except UsageError as error:  # code of the user that fails
        found.append(str(error))
    return found


def _files(folder: Path) -> Iterator[str]:
    names = [f"{name}.py" for name in own_families.framework_files(folder)]
    if not names:
        yield f"{folder}: found no file of a framework, expected one or more of {', '.join(FRAMEWORK_FILES)}"
    for name in names:
        path = folder / name
        try:
            tree = called(folder, lambda path=path: ast.parse(path.read_bytes(), filename=str(path)))  # type: ignore[misc]
        except UsageError as error:
            yield str(error)
            continue
        yield from (f"{path}: {problem}" for problem in _functions(tree))


def _functions(tree: ast.Module) -> Iterator[str]:
    """What is missing in the file of a framework."""
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name in FUNCTIONS:
        if name not in defined.keys() | imported | assigned:
            yield f"found no function {name}, expected one at the top level"
    if "build" in defined:
        arguments = [item.arg for item in defined["build"].args.args]
        named = [*arguments, *(item.arg for item in defined["build"].args.kwonlyargs)]
        if tuple(arguments[:2]) != ARGUMENTS or "seed" not in named:
            yield f"build({', '.join(named)}): expected build(spec, weights, *, seed=0)"


def _spec(folder: Path, module: OwnSpec, spec: Any) -> Iterator[str]:  # noqa: ANN401 (the user's dataclass)
    yield from _dropout(spec)
    shapes = called(folder, lambda: module.parameter_shapes(spec))
    wrong = list(_shapes(shapes))
    yield from wrong
    if wrong:
        return
    yield from _weights(folder, module, spec, shapes)
    yield from _forward(folder, module, spec)
    yield from _parts(folder, module, spec, shapes)


def _dropout(spec: Any, place: str = "Spec") -> Iterator[str]:  # noqa: ANN401 (the user's dataclass)
    """Fields that look like a rate of dropout under a name that a proof does not set to zero, in layers too."""
    for field in fields(spec):
        value = getattr(spec, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if is_dataclass(item):
                yield from _dropout(item, f"{place}.{field.name}")
        if DROPOUT in field.name and field.name not in {DROPOUT, RECURRENT_DROPOUT}:
            expected = f"expected the name {DROPOUT} or {RECURRENT_DROPOUT}"
            yield f"{place}.{field.name}: {expected}: a proof switches dropout off by this field"


def _shapes(shapes: Any) -> Iterator[str]:  # noqa: ANN401 (what the user's code returned)
    if not isinstance(shapes, Mapping) or not shapes:
        yield f"parameter_shapes: found {shapes!r}, expected names with shapes, such as {{'head.bias': (10,)}}"
        return
    names = [name for name in shapes if not isinstance(name, str) or name.count(".") != 1 or "" in name.split(".")]
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        listed = ", ".join(map(repr, names[:SHOWN]))
        yield f"parameter_shapes: found {listed}{more}, expected names with one dot: layer.part, such as head.kernel"
    for name, shape in shapes.items():
        if not isinstance(shape, tuple) or not all(isinstance(length, int) and length > 0 for length in shape):
            yield f"parameter_shapes: {name}: found {shape!r}, expected a tuple of whole numbers above 0"


def _weights(folder: Path, module: OwnSpec, spec: Any, shapes: own_families.Shapes) -> Iterator[str]:  # noqa: ANN401
    import numpy as np

    first, again = (called(folder, lambda: module.initial_weights(spec, seed=0)) for _ in range(2))
    missing, unknown = sorted(shapes.keys() - first.keys()), sorted(first.keys() - shapes.keys())
    if missing or unknown:
        found = ", ".join([*(f"no {name}" for name in missing[:SHOWN]), *unknown[:SHOWN]])
        yield f"initial_weights: found {found}, expected the names of parameter_shapes"
    for name in sorted(shapes.keys() & first.keys()):
        value = np.asarray(first[name])
        if value.shape != shapes[name]:
            yield f"initial_weights: {name}: found shape {value.shape}, expected {shapes[name]}"
        elif not np.isfinite(value).all():
            yield f"initial_weights: {name}: found a value that is not finite"
        elif not np.array_equal(value, np.asarray(again[name])):
            yield f"initial_weights: {name}: found other values for the same seed, expected the same each time"


def _forward(folder: Path, module: OwnSpec, spec: Any) -> Iterator[str]:  # noqa: ANN401 (the user's dataclass)
    import numpy as np

    forward = module.forward
    if forward is None:
        return
    weights = called(folder, lambda: module.initial_weights(spec, seed=0))
    inputs = np.zeros((SAMPLES, *module.input_shape(spec)), int if model_families.vocabulary(spec) else float)
    try:
        outputs = called(folder, lambda: forward(spec, weights, inputs))
    except UsageError as error:
        raise UsageError(f"{error} (forward, with weights of the shapes of parameter_shapes)") from error
    expected = (SAMPLES, spec.outputs)
    if np.shape(outputs) != expected:
        yield f"forward: found outputs of shape {np.shape(outputs)} for {SAMPLES} samples, expected {expected}"


def _parts(folder: Path, module: OwnSpec, spec: Any, shapes: own_families.Shapes) -> Iterator[str]:  # noqa: ANN401
    """What is wrong with the list of layers, from which FLOPs and bytes are computed."""
    of_spec = module.parts
    if of_spec is None:
        return
    parts = called(folder, lambda: of_spec(spec))
    if not parts:
        yield "parts: found no layer, expected one for each layer, or no function parts"
        return
    if f"{parts[0].name}.kernel" not in shapes:
        yield f"parts: found {parts[0].name!r} as the first layer, expected one with a kernel in parameter_shapes"
    unknown = [
        layer
        for layer in dict.fromkeys(name.partition(".")[0] for name in shapes)
        if layer not in {name for part in parts for name in (part.name, *part.others)}
    ]
    if unknown:
        yield f"parts: found no layer {', '.join(unknown[:SHOWN])}, expected every layer that has weights"
    if math.prod(parts[-1].shape) != spec.outputs:
        yield f"parts: found the shape {parts[-1].shape} after the last layer, expected {spec.outputs} outputs"
