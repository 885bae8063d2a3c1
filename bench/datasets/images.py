"""Reads a user's own folder of images: one folder for each class, with Pillow."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, Size, checked
from bench.datasets.own_files import image_folder, parsed_cache, user_arrays
from bench.datasets.own_files.user_arrays import ArrayOptions, UserArrays

Pair = Annotated[tuple[Size, Size], Field()]


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(ArrayOptions):
    """A folder of your own with one folder for each class. The name of a folder is the name of its class.

    Attributes:
        path: The folder with the folders of the classes.
        test_path: A second such folder: its images are the test data. Then `test` and `folds` do not count.
        size: The height and the width to which every image is resized, for example `[32, 32]`. Without this key all
            images must have the same size.
        colour: `"rgb"` reads three channels, `"grey"` one. Without this key images in grey have one, and others three.
        scale: The number by which all pixels are divided first. They are whole numbers up to 255.
    """

    path: str
    test_path: str | None = None
    size: Pair | None = None
    colour: Literal["rgb", "grey"] | None = None
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 255.0

    def __post_init__(self) -> None:
        """Refuse folds of images that have a published test part."""
        ArrayOptions.__post_init__(self)  # `super()` fails here: `slots=True` creates a second class
        if self.test_path is not None and (self.folds or self.validation_from == "test"):
            raise ValueError('found test_path together with folds or validation_from = "test", expected one of both')


def describe(options: Options) -> Description:
    """The description of the images, which are read and checked; raises DataError with each wrong file."""
    path = Path(options.path)
    return user_arrays.describe(
        options, _arrays(options), name=path.name, task="classification", source=f"the folder {path.name}"
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the pixels, and of the options for splitting and scaling."""
    return user_arrays.fingerprint(options, _arrays(options))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return user_arrays.read(options, _arrays(options), part)


def inputs_of(path: Path, dataset: Mapping[str, object], shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """One image, or all below a folder, in the shape (height, width, channels), and the names of their folders."""
    del dataset
    return image_folder.loose(path, shape)


def _arrays(options: Options) -> UserArrays:
    key = json.dumps([__name__, asdict(options)], sort_keys=True, default=str)
    paths = [Path(path) for path in (options.path, options.test_path) if path is not None]
    return parsed_cache.stored(key, paths, partial(_read, options), UserArrays)


def _read(options: Options) -> UserArrays:
    first = image_folder.read(Path(options.path), size=options.size, colour=options.colour)
    if options.test_path is None:
        return first.arrays
    height, width, channels = first.arrays.inputs.shape[1:]
    test = image_folder.read(
        Path(options.test_path),
        size=options.size or (height, width),
        colour="grey" if channels == 1 else "rgb",
        classes=first.arrays.classes,
        resize=options.size is not None,
    )
    found = user_arrays.joined(first.arrays, test.arrays, options.test_path)
    same = sorted(first.digests & test.digests)
    if same:
        number = f"{len(same)} image{'s' * (len(same) > 1)}"
        are = "are" if len(same) > 1 else "is"
        note = f"{options.test_path}: {number} of the test data {are} in {options.path} too"
        found = found._replace(remarks=(*found.remarks, note))
    return found
