"""Reads a user's own .npz file of NumPy: inputs of any shape, targets, and the published test part if there is one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, Task, checked
from bench.datasets.own_files import array_labels, arrays, parsed_cache, user_arrays
from bench.datasets.own_files.rows import plain
from bench.datasets.own_files.user_arrays import ArrayOptions, Names, UserArrays
from bench.errors import DataError

CHANNELS = (1, 3, 4)  # of images: grey, red-green-blue, and the same with opacity
IMAGES = 4  # axes
# How people call the arrays: inputs, targets, and those of a published test part.
USUAL = (
    ("inputs", "targets", "", ""),  # older workloads take no test part of such a file
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
    ("x", "y", "x_test", "y_test"),
    ("X", "y", "X_test", "y_test"),
    ("images", "labels", "test_images", "test_labels"),
    ("data", "target", "test_data", "test_target"),
    ("data", "labels", "test_data", "test_labels"),
    ("features", "labels", "test_features", "test_labels"),
)


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(ArrayOptions):
    """A file of your own with NumPy arrays: inputs of shape (samples, ...) and one target for each sample.

    For classification, targets are labels: numbers, text, truth values, or one-hot rows. For regression, they are
    numbers of shape (samples,) or (samples, outputs). Other arrays of the file are not opened.

    Attributes:
        path: The path of the file, relative to the workload file.
        task: Whether a target is a class or a number.
        inputs: The name of the array of inputs. Without `inputs` and `target`, Levelfield looks for usual names:
            `inputs` and `targets`, `x_train` and `y_train` (with `x_test` and `y_test` as the test data), `X` and `y`,
            `images` and `labels`, `data` and `target`.
        target: The name of the array of targets.
        test_inputs: The name of the array with the inputs of the published test data. Then `test` and `folds` do not
            count.
        test_target: The name of the array with the targets of the published test data.
        groups: The name of an array with one number or text for each sample: samples with the same one stay in one
            part.
        channels: Where images have their channels: `"last"` is (samples, height, width, channels), `"first"` is
            (samples, channels, height, width). Without this key they are last, and arrays that look like channels first
            are refused.
        classes: The names of the classes, if labels are numbers from 0.
        unit: The unit of a predicted number, for example `"dollars"`. Reports show it.
    """

    path: str
    task: Task
    inputs: str | None = None
    target: str | None = None
    test_inputs: str | None = None
    test_target: str | None = None
    groups: str | None = None
    channels: Literal["first", "last"] | None = None
    classes: Names | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse half of a pair of names, and options that exclude each other."""
        ArrayOptions.__post_init__(self)  # `super()` fails here: `slots=True` creates a second class
        if (self.test_inputs is None) != (self.test_target is None):
            raise ValueError("found one of test_inputs and test_target, expected both or none")
        if self.groups is not None and self.stratify and (not self.folds or self.validation is not None):
            raise ValueError(
                "found groups and stratify, expected one of both: leave stratify out, or use folds without validation"
            )


class Chosen(NamedTuple):
    """The names of the arrays; None for arrays that are not there."""

    inputs: str
    target: str
    test_inputs: str | None
    test_target: str | None
    groups: str | None

    def keys(self) -> dict[str, str]:
        """The keys of the options that have a name."""
        return {key: name for key, name in self._asdict().items() if name is not None}


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with array and sample of a mistake."""
    path = Path(options.path)
    return user_arrays.describe(
        options, _arrays(options), name=path.stem, task=options.task, source=path.name, unit=options.unit
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the arrays, and of the options for splitting and scaling."""
    return user_arrays.fingerprint(options, _arrays(options))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return user_arrays.read(options, _arrays(options), part)


def inputs_of(path: Path, dataset: Mapping[str, object]) -> np.ndarray:
    """The inputs of another file, read like the file of the table `[dataset]`; no other array is opened."""
    name = inputs_name(path, dataset)
    (inputs,) = arrays.read(path, {"inputs": name})
    if dataset.get("kind") != "npz" or not inputs.ndim:
        return inputs
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    return _channels_last(inputs, dataset.get("channels"), f"{path}, {name}")


def inputs_name(path: Path, dataset: Mapping[str, object]) -> str:
    """The name of the array with inputs to predict: that of the training data, or a usual one that the file has."""
    named = dataset.get("inputs")
    return str(named) if named else _usual(arrays.names(path), "inputs")


def target_name(path: Path, dataset: Mapping[str, object]) -> str:
    """The name of the array with targets, whether the file has it or not."""
    named = dataset.get("target")
    return str(named) if named else _usual(arrays.names(path), "target")


def _usual(known: Sequence[str], what: Literal["inputs", "target"]) -> str:
    """The first usual name that the file has; the name of training data before that of test data."""
    place = ("inputs", "target").index(what)
    names = [*(names[place] for names in USUAL), *(names[place + 2] for names in USUAL if names[place + 2])]
    return next((name for name in names if name in known), names[0])


def _arrays(options: Options) -> UserArrays:
    key = json.dumps([__name__, asdict(options)], sort_keys=True, default=str)
    return parsed_cache.stored(key, [Path(options.path)], partial(_read, options), UserArrays)


def _read(options: Options) -> UserArrays:
    path, is_class = Path(options.path), options.task == "classification"
    chosen = _chosen(options, arrays.names(path))
    _check_published(options, chosen)
    found = arrays.find(path, chosen.keys(), labels=("target", "test_target", "groups") if is_class else ("groups",))
    problems = list(found.problems)
    parts = [_part(options, found.arrays, chosen, problems, prefix=prefix) for prefix in ("", "test_")]
    (inputs, targets), (test_inputs, test_targets) = parts
    if test_inputs is not None and inputs is not None and inputs.shape[1:] != test_inputs.shape[1:]:
        problems.append(
            f"{path}: found {chosen.inputs} with samples of shape {inputs.shape[1:]} and {chosen.test_inputs} with "
            f"samples of shape {test_inputs.shape[1:]}, expected the same shape"
        )
    if problems or inputs is None or targets is None:
        raise DataError("; ".join(problems))
    published = 0 if test_inputs is None else len(test_inputs)
    if test_inputs is not None and test_targets is not None:
        inputs, targets = np.concatenate([inputs, test_inputs]), _joined(targets, test_targets)
    groups = _groups(found.arrays.get("groups"), len(inputs), f"{path}, {chosen.groups}")
    read = UserArrays(inputs, targets, (), 0, published, groups, _remarks(options, chosen, path))
    return _with_targets(read, options, f"{path}, {chosen.target}")


def _with_targets(read: UserArrays, options: Options, where: str) -> UserArrays:
    """The samples with targets as numbers, or as labels from 0."""
    targets = read.targets
    if options.task == "regression":
        numbers = targets.reshape(len(targets), -1).astype(np.float64)
        if wrong := array_labels.constant(numbers, where):
            raise DataError("; ".join(wrong))
        return read._replace(targets=numbers, outputs=numbers.shape[1])
    labels = array_labels.read(targets, where, names=options.classes or ())
    if labels.problems:
        raise DataError("; ".join(labels.problems))
    notes = (f"{where}: {labels.note} are read as classes",) if labels.note else ()
    return read._replace(
        targets=labels.values, classes=labels.names, outputs=labels.classes, remarks=(*read.remarks, *notes)
    )


def usual(known: Sequence[str]) -> tuple[str, ...] | None:
    """The first usual names of inputs, targets and both of a test part, of which the file has at least two."""
    return next((names for names in USUAL if set(names[:2]) <= set(known)), None)


def _chosen(options: Options, known: Sequence[str]) -> Chosen:
    """The names of the arrays: those that the options have, else the first usual ones that the file has."""
    inputs, target, test_inputs, test_target = usual(known) or USUAL[0]
    if options.inputs is None and options.target is None and options.test_inputs is None:
        both = {test_inputs, test_target} <= set(known)
        return Chosen(inputs, target, test_inputs if both else None, test_target if both else None, options.groups)
    if options.inputs is None and "inputs" in known:
        inputs = "inputs"
    if options.target is None and "targets" in known:
        target = "targets"
    return Chosen(
        options.inputs or inputs, options.target or target, options.test_inputs, options.test_target, options.groups
    )


def _check_published(options: Options, chosen: Chosen) -> None:
    if chosen.test_inputs is None:
        return
    given = [key for key in ("folds", "groups") if getattr(options, key)]
    given += ['validation_from = "test"'] if options.validation_from == "test" else []
    if given:
        raise DataError(
            f"dataset.{given[0]}: found it together with the published test data {chosen.test_inputs!r}, expected one "
            "of both; name dataset.inputs and dataset.target to leave the test data out"
        )


def _part(
    options: Options, found: Mapping[str, np.ndarray], chosen: Chosen, problems: list[str], *, prefix: str
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The inputs, with channels last, and the targets of one part; what is wrong with them goes to `problems`."""
    inputs, targets = found.get(f"{prefix}inputs"), found.get(f"{prefix}target")
    path, names = Path(options.path), chosen.keys()
    if inputs is not None and targets is not None:
        inputs = inputs[:, None] if inputs.ndim == 1 else inputs
        problems += _shapes(path, names[f"{prefix}inputs"], names[f"{prefix}target"], inputs, targets)
    if inputs is not None:
        try:
            inputs = _channels_last(inputs, options.channels, f"{path}, {names[f'{prefix}inputs']}")
        except DataError as error:
            problems.append(str(error))
    return inputs, targets


def _shapes(path: Path, name: str, target: str, inputs: np.ndarray, targets: np.ndarray) -> Iterator[str]:
    """What is wrong with the shapes of both arrays."""
    if inputs.ndim >= 2 and targets.shape[:1] == inputs.shape[:1] and inputs.size and targets.size:  # noqa: PLR2004 (samples, ...)
        return
    yield (
        f"{path}: found {name} of shape {inputs.shape} and {target} of shape {targets.shape}, expected inputs of shape "
        "(samples, ...) with at least two axes, and one target for each sample"
    )


def _joined(targets: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Targets of both parts; the test part may lack the axis of length 1 that the others have."""
    if targets.ndim != test.ndim:
        targets, test = targets.reshape(len(targets), -1), test.reshape(len(test), -1)
    if targets.shape[1:] != test.shape[1:]:
        raise DataError(f"found targets of shape {targets.shape} and test targets of shape {test.shape}")
    return np.concatenate([targets, test])


def _groups(found: np.ndarray | None, samples: int, where: str) -> np.ndarray | None:
    if found is None:
        return None
    if found.shape != (samples,):
        raise DataError(f"{where}: found groups of shape {found.shape}, expected one for each of {samples} samples")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _remarks(options: Options, chosen: Chosen, path: Path) -> tuple[str, ...]:
    """Which arrays were taken without being named."""
    if options.inputs is not None or (chosen.inputs, chosen.test_inputs) == ("inputs", None):
        return ()
    test = f", and {chosen.test_inputs} and {chosen.test_target} as the test data" if chosen.test_inputs else ""
    return (f"{path}: {plain(chosen.inputs)} and {plain(chosen.target)} are read as inputs and targets{test}",)


def _channels_last(inputs: np.ndarray, channels: object, where: str) -> np.ndarray:
    """Images of shape (samples, height, width, channels). Raises DataError for images that look like channels first."""
    if inputs.ndim != IMAGES:
        if channels is not None:
            raise DataError(
                f"dataset.channels: found {channels!r}, and inputs of shape {inputs.shape}, expected images with four "
                "axes: samples, height, width and channels; leave dataset.channels out"
            )
        return inputs
    if channels is None and inputs.shape[1] in CHANNELS and inputs.shape[3] not in CHANNELS:
        raise DataError(
            f"{where}: found images of shape {inputs.shape[1:]}, whose first axis looks like channels, expected "
            '(height, width, channels); set dataset.channels = "first" to read them as channels first, or '
            'dataset.channels = "last" if they are as expected'
        )
    return np.ascontiguousarray(inputs.transpose(0, 2, 3, 1)) if channels == "first" else inputs
