"""Writes the TOML file of a workload for a user's arrays or images, with what was found in them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.datasets import idx, npz
from bench.datasets.own_files import array_labels, arrays, image_folder
from bench.datasets.own_files.new_workload import MOST_CLASSES, NewWorkload, recipe, toml
from bench.datasets.own_files.rows import counted, plain
from bench.errors import DataError

SEQUENCE, IMAGE, CHANNELS = 2, 2, 3  # axes of a sample
PIXELS = 8  # a sample with two axes that are longer than this is an image
WHITE = 255
SMALL_IMAGE = 8  # pixels: too small for two poolings


def array_file(path: Path, *, name: str, target: str | None, relative: str) -> NewWorkload:
    """The workload of an .npz file."""
    known = arrays.names(path)
    chosen = npz.usual(known)
    if chosen is None:
        chosen = _pair(path, known, target)
    inputs_name, target_name = chosen[:2]
    target_name = target or target_name
    found = arrays.find(path, {"inputs": inputs_name, "target": target_name}, labels=("target",))
    if found.problems:
        raise DataError("; ".join(found.problems))
    inputs, targets = found.arrays["inputs"], found.arrays["target"]
    if not inputs.ndim or not inputs.size or targets.shape[:1] != inputs.shape[:1]:
        raise DataError(
            f"{path}: found {plain(inputs_name)} of shape {inputs.shape} and {plain(target_name)} of shape "
            f"{targets.shape}, expected one target for each sample; name the target with --target"
        )
    labels = array_labels.read(targets, f"{path}, {target_name}")
    is_class = not labels.problems and (bool(labels.names) or labels.classes <= MOST_CLASSES)
    is_class = is_class and (targets.dtype.kind in "USb" or labels.classes <= MOST_CLASSES)
    first = inputs.ndim == npz.IMAGES and inputs.shape[1] in npz.CHANNELS and inputs.shape[3] not in npz.CHANNELS
    shape = (*inputs.shape[2:], inputs.shape[1]) if first else inputs.shape[1:]
    test = set(chosen[2:]) <= set(known) and len(set(chosen)) == 4 and target_name == chosen[1]  # noqa: PLR2004 (four)
    options = [
        'kind = "npz"',
        f"path = {toml(relative)}",
        f"inputs = {toml(inputs_name)}",
        f"target = {toml(target_name)}",
        *([f"test_inputs = {toml(chosen[2])}", f"test_target = {toml(chosen[3])}"] if test else []),
        f'task = "{"classification" if is_class else "regression"}"',
        *(['channels = "first"'] if first else []),
        *_scaling(inputs, is_class=is_class),
    ]
    decided = (
        f"inputs: {plain(inputs_name)}, samples of {'×'.join(map(str, shape)) or 'one number'}",
        f"target: {plain(target_name)}, {f'{labels.classes} classes' if is_class else 'numbers'}",
        *_not_used(known, (inputs_name, target_name, *(chosen[2:] if test else ()))),
    )
    return _new(
        name,
        f"{path.name}: {counted(len(inputs), 'sample')}",
        options,
        shape=shape,
        samples=len(inputs),
        decided=decided,
    )


def _not_used(known: Sequence[str], used: Sequence[str]) -> Iterator[str]:
    """The arrays of the file that the workload does not name."""
    others = [plain(name) for name in known if name not in used]
    if others:
        yield f"not used: {', '.join(others)} (name a published test part with test_inputs and test_target)"


def idx_folder(path: Path, *, name: str, relative: str) -> NewWorkload:
    """The workload of a folder with IDX files."""
    options = idx.Options(path=str(path))
    found = idx.describe(options)
    lines = ['kind = "idx"', f"path = {toml(relative)}", f"scale = {WHITE}"]
    decided = (f"images of {'×'.join(map(str, found.sample_shape))}, {found.outputs} classes",)
    title = f"{path.name}: {found.source}"
    return _new(name, title, lines, shape=found.sample_shape, samples=found.train, decided=decided)


def images(path: Path, *, name: str, relative: str) -> NewWorkload:
    """The workload of a folder with one folder of images for each class, or with such folders for each part."""
    train, test = image_folder.parts(path)
    size = image_folder.likely_size(train)
    found = image_folder.read(train, size=size, colour=None)
    shape = found.arrays.inputs.shape[1:]
    lines = [
        'kind = "images"',
        f"path = {toml('/'.join([relative, *train.relative_to(path).parts]))}",
        *([f"test_path = {toml('/'.join([relative, *test.relative_to(path).parts]))}"] if test else []),
        *([f"size = [{size[0]}, {size[1]}]  # height and width to which all are resized"] if size else []),
        *([] if test else ["stratify = true"]),
    ]
    classes = found.arrays.classes
    samples = len(found.arrays.targets)
    sizes = f"{'resized to' if size else 'of'} {'×'.join(map(str, shape))}"
    decided = (
        f"classes: {', '.join(map(plain, classes))}, by the names of the folders",
        f"images: {counted(samples, 'image')}, {sizes}",
    )
    title = f"{path.name}: {counted(samples, 'image')}"
    return _new(name, title, lines, shape=shape, samples=samples, decided=decided)


def _pair(path: Path, known: Sequence[str], target: str | None) -> tuple[str, str]:
    """Two arrays with the same number of samples: the larger one has the inputs."""
    found = arrays.find(path, {name: name for name in known}, labels=known)
    sizes = {name: array for name, array in found.arrays.items() if array.ndim}
    if target is not None and target not in sizes:
        names = ", ".join(map(plain, known))
        raise DataError(f"--target: found {target!r}, expected an array of {path}: one of {names}")
    for inputs in sorted(sizes, key=lambda name: -sizes[name].size):
        others = sorted(sizes, key=lambda name: sizes[name].size) if target is None else [target]
        for other in others:
            if other != inputs and len(sizes[other]) == len(sizes[inputs]):
                return inputs, other
    raise DataError(f"{path}: found no two arrays with the same number of samples among {', '.join(map(plain, known))}")


def _scaling(inputs: np.ndarray, *, is_class: bool) -> Iterator[str]:
    if inputs.dtype == np.uint8 and inputs.size and inputs.max() > 1:
        yield f"scale = {WHITE}"
    else:
        yield "standardise = true"
    if not is_class:
        yield "standardise_target = true"


def _new(  # noqa: PLR0913 (the parts of the file)
    name: str, title: str, options: Sequence[str], *, shape: tuple[int, ...], samples: int, decided: tuple[str, ...]
) -> NewWorkload:
    lines = [
        f"name = {toml(name)}",
        f"title = {toml(title)}",
        "",
        "[dataset]",
        *options,
        "",
        "[model]",
        *_model(shape),
        "",
        *recipe(samples),
    ]
    return NewWorkload("\n".join(lines) + "\n", decided)


def _model(shape: tuple[int, ...]) -> Iterator[str]:
    """A network for samples of this shape: convolutions for images, an LSTM for sequences, dense layers for others."""
    is_image = len(shape) == CHANNELS or (len(shape) == IMAGE and min(shape) >= PIXELS)
    if is_image:
        pool = ", pool = 2" if min(shape[:2]) >= SMALL_IMAGE else ""
        yield from (
            'family = "cnn"',
            "convolutions = [",
            f'  {{ filters = 16, padding = "same"{pool} }},',
            f'  {{ filters = 32, padding = "same"{pool} }},',
            "]",
            "dense = [{ units = 64 }]",
        )
    elif len(shape) == SEQUENCE:
        yield from ('family = "lstm"', "layers = [{ units = 32 }]")
    else:
        yield from ('family = "dnn"', "hidden = [{ units = 64 }, { units = 32 }]")
