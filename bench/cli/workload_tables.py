"""A whole workload as tables: its data, network, recipe, target and timing."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace

from bench.plan.options import DEFAULT_SUITE
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.workload import model_families
from bench.workload.suite import load_suite
from bench.workload.workload import Workload

FLOAT32_BYTES = 4
COLUMNS_SHOWN = 40  # of a table
NAMES_SHOWN = 12  # of classes and columns


def whole(workload: Workload) -> tuple[Table, ...]:
    """Everything that the workload's file says, defaults included, and what follows from it."""
    return (
        _facts("Data", data(workload)),
        *((columns(workload),) if workload.description.columns else ()),
        network(workload),
        _facts("Recipe", _settings(workload.recipe)),
        _facts("Target", _target(workload)),
        _facts("Timing", _timing(workload)),
    )


def data(workload: Workload) -> Mapping[str, str]:
    """The data set: what one sample is, how many there are, and what is predicted."""
    about = workload.description
    predicted = "class" if about.task == "classification" else "number"
    found = {
        "data set": f"{about.name}: {about.source}",
        "task": f"{about.task}, {_counted(about.outputs, predicted)}{f' in {about.unit}' if about.unit else ''}",
        "one sample": f"{_sizes(about.sample_shape)} number{'s' * (about.sample_shape != (1,))} in float32",
        "samples": _parts(workload),
    }
    if about.labels:
        found["classes"] = _names(about.labels)
    if about.features:
        found["columns"] = _names(about.features)
    if about.download:
        found["download"] = "once, or read from the folder in LEVELFIELD_DATA"
    options = {key: value for key, value in workload.dataset.items() if key not in {"name", "kind", "held_out"}}
    found |= {
        "note" if len(about.remarks) == 1 else f"note {number}": text for number, text in enumerate(about.remarks, 1)
    }
    return found | {key: _text(value) for key, value in options.items()}


def columns(workload: Workload) -> Table:
    """Each column of a user's table: what it was in the file, and what it became for the network."""
    about = workload.description.columns
    rows = [(Entry(item.name), Entry(item.was), Entry(item.became)) for item in about[:COLUMNS_SHOWN]]
    more = f"{len(about) - COLUMNS_SHOWN} more columns are not shown." if len(about) > COLUMNS_SHOWN else ""
    return Table(
        title="Columns",
        columns=left("column", "in the file", "for the network"),
        rows=tuple(rows),
        notes=(more,) if more else (),
    )


def network(workload: Workload) -> Table:
    """The layers of the network: the shape of one sample after each of them, parameters, FLOPs and bytes."""
    if not model_families.has_parts(workload.family):
        return _weights(workload)
    first, *others = model_families.layers(workload.family, workload.spec)
    rows: list[tuple[object, ...]] = [(first.name, first.kind, _sizes(first.shape), "", "", "")]
    totals = [0, 0, 0]
    for layer in others:
        figures = (layer.parameters, layer.flops, FLOAT32_BYTES * math.prod(layer.shape))
        totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
        rows.append((layer.name, layer.kind, _sizes(layer.shape), *map(formatting.grouped, figures)))
    rows.append(("total", "", "", *map(formatting.grouped, totals)))
    notes = [
        "FLOPs: of the forward pass of one sample, two for each multiplication with a kernel.",
        "bytes: the outputs of the layer, after pooling, for one sample in float32.",
    ]
    shapes = model_families.spec_module(workload.family).parameter_shapes(workload.spec)
    statistics = sum(math.prod(shape) for name, shape in shapes.items() if name.endswith((".mean", ".variance")))
    if statistics:
        notes.append(
            f"{formatting.grouped(statistics)} parameters are running statistics of batch norms, which are not trained."
        )
    return replace(_layers(rows), notes=tuple(notes))


def _weights(workload: Workload) -> Table:
    """The layers of a family that does not say what they are, with their weights."""
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for name, shape in model_families.spec_module(workload.family).parameter_shapes(workload.spec).items():
        layer, _, part = name.partition(".")
        found.setdefault(layer, []).append((part, shape))
    rows: list[tuple[object, ...]] = []
    for layer, weights in found.items():
        words = ", ".join(f"{part} {_sizes(shape)}" for part, shape in weights)
        size = sum(math.prod(shape) for _, shape in weights)
        rows.append(
            (layer, words, formatting.UNKNOWN, formatting.grouped(size), formatting.UNKNOWN, formatting.UNKNOWN)
        )
    total = formatting.grouped(model_families.parameters(workload.family, workload.spec))
    rows.append(("total", "", "", total, formatting.UNKNOWN, formatting.UNKNOWN))
    note = "n/a: spec.py has no function `parts`, so there are no shapes of layers, no FLOPs and no roofline."
    return replace(_layers(rows), notes=(note,))


def _layers(rows: Iterable[Iterable[object]]) -> Table:
    texts = left("layer", "what it is", "output")
    columns = (*texts, *(Column(title=title) for title in ("parameters", "FLOPs", "bytes")))
    return Table(title="Network", columns=columns, rows=tuple(tuple(Entry(str(cell)) for cell in row) for row in rows))


def _facts(title: str, facts: Mapping[str, str]) -> Table:
    rows = tuple((Entry(key), Entry(value)) for key, value in facts.items())
    return Table(title=title, columns=left("key", "value"), rows=rows)


def _parts(workload: Workload) -> str:
    about, share = workload.description, workload.recipe.validation_fraction
    if share:
        return f"{about.train} for training, {share:.0%} of these for validation, {about.test} for the test"
    validation = f"{about.validation} for validation" if about.validation else "none for validation"
    return f"{about.train} for training, {validation}, {about.test} for the test"


def _target(workload: Workload) -> Mapping[str, str]:
    target, band = workload.target, workload.band
    return {
        "target": f"{target.metric} {target.value:g}: the time to reach it is measured" if target else "none",
        "expected": f"test {band.metric} from {band.lowest:g} to {band.highest:g} ({band.source})"
        if band
        else "no range is given",
    }


def _timing(workload: Workload) -> Mapping[str, str]:
    own = ", ".join(map(str, workload.batch_sizes))
    sizes = ", ".join(map(str, load_suite(DEFAULT_SUITE).batch_sizes))
    return {
        "training": f"batch {own or workload.recipe.batch_size}",
        "inference": f"batch {own}" if own else f"batch {sizes} in suite {DEFAULT_SUITE}; other suites may differ",
        "device": "a GPU (too large for a CPU, unless you name the workload)" if workload.large else "any",
    }


def _settings(settings: object) -> Mapping[str, str]:
    """The fields of a frozen dataclass, each with its value; one that is a dataclass in turn is put in one line."""
    if not is_dataclass(settings):
        raise TypeError(f"found {settings!r}, expected a dataclass")
    return {field.name: _text(getattr(settings, field.name)) for field in fields(settings)}


def _text(value: object) -> str:
    if is_dataclass(value):
        found = dict(_settings(value))
        name = found.pop("name", "")
        return f"{name} ({', '.join(f'{key} {text}' for key, text in found.items())})".strip()
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _counted(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
