"""Reads a user's own files in the IDX format of MNIST: images and labels, and those of the test data."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, checked
from bench.datasets.own_files import array_labels, idx_file, parsed_cache, user_arrays
from bench.datasets.own_files.user_arrays import ArrayOptions, Names, UserArrays
from bench.errors import DataError

KEYS = ("images", "labels", "test_images", "test_labels")
# How the four files are called, without `.gz` and without the sign before `ubyte`.
USUAL = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
ENDINGS = ("-ubyte", ".ubyte", "-ubyte.gz", ".ubyte.gz")


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(ArrayOptions):
    """Files of your own in the IDX format, compressed with gzip or not: one array of images, one of labels.

    Attributes:
        path: A folder with the four files under their usual names: `train-images-idx3-ubyte`,
            `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each also with `.gz`.
        images: The file with the images, if there is no `path`.
        labels: The file with the labels, if there is no `path`.
        test_images: The file with the images of the published test data. Then `test` and `folds` do not count.
        test_labels: The file with the labels of the published test data.
        classes: The names of the classes in the order of their numbers.
    """

    path: str | None = None
    images: str | None = None
    labels: str | None = None
    test_images: str | None = None
    test_labels: str | None = None
    classes: Names | None = None

    def __post_init__(self) -> None:
        """Refuse a folder together with files, and half of a pair."""
        ArrayOptions.__post_init__(self)  # `super()` fails here: `slots=True` creates a second class
        given = [key for key in KEYS if getattr(self, key) is not None]
        if (self.path is None) == (not given):
            raise ValueError("found path together with files, or neither, expected a folder, or images and labels")
        if given and given not in [list(KEYS[:2]), list(KEYS)]:
            raise ValueError(
                f"found {', '.join(given)}, expected images and labels, and both for the test data or none"
            )


def describe(options: Options) -> Description:
    """The description of the files, which are read and checked; raises DataError with each file that is wrong."""
    name = Path(options.path or options.images or "")
    return user_arrays.describe(
        options, _arrays(options), name=name.name.partition(".")[0], task="classification", source=name.name
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the arrays, and of the options for splitting and scaling."""
    return user_arrays.fingerprint(options, _arrays(options))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return user_arrays.read(options, _arrays(options), part)


def inputs_of(path: Path, dataset: Mapping[str, object]) -> np.ndarray:
    """The images of another file; `dataset` has no option that changes how it is read."""
    del dataset
    return idx_file.read(path)


def _arrays(options: Options) -> UserArrays:
    key = json.dumps([__name__, asdict(options)], sort_keys=True, default=str)
    paths = [Path(getattr(options, name)) for name in ("path", *KEYS) if getattr(options, name) is not None]
    return parsed_cache.stored(key, paths, partial(_read, options), UserArrays)


def _read(options: Options) -> UserArrays:
    files = _files(options)
    problems: list[str] = []
    found = [_file(path, problems) for path in files]
    if problems:
        raise DataError("; ".join(problems))
    for (images, numbers), (path, label_path) in zip(
        zip(found[::2], found[1::2], strict=True), zip(files[::2], files[1::2], strict=True), strict=True
    ):
        problems += _misfit(images, numbers, path, label_path)
    if len(found) == len(KEYS) and found[0].shape[1:] != found[2].shape[1:]:
        problems.append(f"{files[2]}: found images of shape {found[2].shape[1:]}, expected {found[0].shape[1:]}")
    if problems:
        raise DataError("; ".join(problems))
    targets = np.concatenate(found[1::2])
    labels = array_labels.read(targets, str(files[1]), names=options.classes or ())
    if labels.problems:
        raise DataError("; ".join(labels.problems))
    published = len(found[2]) if len(found) == len(KEYS) else 0
    if published and (options.folds or options.validation_from == "test"):
        key = "folds" if options.folds else "validation_from"
        raise DataError(f"dataset.{key}: found it together with published test data, expected one of both")
    return UserArrays(np.concatenate(found[::2]), labels.values, labels.names, labels.classes, published)


def _files(options: Options) -> list[Path]:
    """The files of images and labels, one after the other, first of the training data."""
    if options.path is None:
        return [Path(str(getattr(options, key))) for key in KEYS if getattr(options, key) is not None]
    folder = Path(options.path)
    if not folder.is_dir():
        raise DataError(f"{folder}: found no such folder, expected one with {', '.join(USUAL)} and their endings")
    found = [_ending(folder / name) for name in USUAL]
    there = [path for path in found if path is not None]
    if len(there) != len(USUAL) and not (len(there) == 2 and found[0] and found[1]):  # noqa: PLR2004 (images and labels)
        missing = ", ".join(f"{name}-ubyte" for name, path in zip(USUAL, found, strict=True) if path is None)
        raise DataError(
            f"{folder}: found no {missing}, expected these files, or the same with .gz; name yours with dataset.images "
            "and dataset.labels"
        )
    return there


def _ending(path: Path) -> Path | None:
    """The file of this name with one of the usual endings."""
    candidates = [path.with_name(f"{path.name}{end}") for end in ENDINGS]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _file(path: Path, problems: list[str]) -> np.ndarray:
    """The array of a file; an empty one if it cannot be read."""
    try:
        return idx_file.read(path)
    except DataError as error:
        problems.append(str(error))
        return np.zeros(0)


def _misfit(images: np.ndarray, labels: np.ndarray, path: Path, label_path: Path) -> list[str]:
    if images.ndim >= 2 and labels.ndim == 1 and len(images) == len(labels) and len(labels):  # noqa: PLR2004 (samples, ...)
        return []
    swapped = "; are images and labels exchanged?" if images.ndim == 1 and labels.ndim > 1 else ""
    problem = (
        f"{path}: found an array of shape {images.shape}, and {label_path.name} has shape {labels.shape}, expected "
        f"images (samples, height, width) and one label for each{swapped}"
    )
    return [problem]
