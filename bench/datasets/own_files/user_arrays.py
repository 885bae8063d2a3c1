"""A user's arrays from their files to the parts of a data set: split, and scaled."""

import hashlib
import json
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Task, checked
from bench.datasets.own_files.rows import counted
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError

AT_ONCE = 1024  # samples
Names = Annotated[tuple[str, ...], Field(min_length=2)]


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class ArrayOptions(Splitting):
    """What is made of arrays.

    Attributes:
        scale: The number by which all inputs are divided first, for example `255` for pixels.
    """

    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class UserArrays(NamedTuple):
    """All samples of the files, before they are split and scaled.

    - `inputs`: (samples, ...) in the type of the file; `targets`: labels (samples,) or numbers (samples, outputs);
    - `classes`: the names of the classes; empty if they are numbers from 0, and for regression;
    - `outputs`: the number of classes, or of values to predict;
    - `published`: how many of the last samples are the published test part;
    - `groups`: the number of each sample's group, or None.
    """

    inputs: np.ndarray
    targets: np.ndarray
    classes: tuple[str, ...]
    outputs: int
    published: int = 0
    groups: np.ndarray | None = None
    remarks: tuple[str, ...] = ()


def describe(  # noqa: PLR0913 (what a description needs)
    options: ArrayOptions, found: UserArrays, *, name: str, task: Task, source: str, unit: str = ""
) -> Description:
    """The description of the samples; raises DataError if they cannot be split as the options ask for."""
    table = _table(found)
    parts = tables.sizes_of(table, options, names=found.classes)
    tables.check(table, options, names=found.classes)
    samples = len(found.targets) - found.published
    test = f" and {counted(found.published, 'sample')} for the test" if found.published else ""
    return Description(
        name=name,
        task=task,
        sample_shape=found.inputs.shape[1:],
        outputs=found.outputs,
        **parts,
        unit=unit,
        labels=found.classes,
        source=f"{source}, {counted(samples, 'sample')}{test}",
        download=False,
        remarks=found.remarks,
    )


def fingerprint(options: ArrayOptions, found: UserArrays) -> str:
    """The sha256 in hex of the arrays, and of the options for splitting and scaling."""
    later: dict[str, Any] = {"scale": options.scale} if options.scale != 1 else {}
    later |= {"published": found.published} if found.published else {}
    later |= {"classes": found.classes} if found.classes else {}
    groups = [] if found.groups is None else [checksum(found.groups)]
    return tables.fingerprint(
        tables.splitting_of(options),
        _checksum(found.inputs, found.targets),
        *groups,
        *([json.dumps(later, sort_keys=True)] if later else []),
    )


def read(options: ArrayOptions, found: UserArrays, part: Part) -> Split:
    """One part, divided by `scale` and standardised; raises DataError like `describe`."""
    table = _table(found)
    shape = found.inputs.shape[1:]
    mean, deviation = np.zeros(0), np.zeros(0)
    if options.standardise:
        learnt = tables.learnt_rows(table, options, names=found.classes)
        mean, deviation = _statistics(found.inputs[learnt], options.scale)

    def prepared(rows: np.ndarray) -> np.ndarray:
        if not len(mean):
            return _divided(rows, options.scale)
        flat = (_double(rows, options.scale) - mean) / deviation
        return flat.reshape(len(rows), *shape)

    split = tables.split(table, options, part, prepare=prepared)
    places = int(np.prod(shape))
    scaled = len(mean) > 0 or options.scale != 1
    return Split(
        inputs=split.inputs,
        targets=split.targets,
        target_mean=split.target_mean,
        target_deviation=split.target_deviation,
        input_mean=(mean * options.scale if len(mean) else np.zeros(places)) if scaled else np.zeros(0),
        input_deviation=(deviation if len(mean) else np.ones(places)) * options.scale if scaled else np.zeros(0),
    )


def joined(first: UserArrays, test: UserArrays, where: str) -> UserArrays:
    """Both parts in one, the published test part at the end. Raises DataError if their samples do not fit."""
    if first.inputs.shape[1:] != test.inputs.shape[1:]:
        raise DataError(
            f"{where}: found test samples of shape {test.inputs.shape[1:]} and training samples of shape "
            f"{first.inputs.shape[1:]}, expected the same shape"
        )
    return first._replace(
        inputs=np.concatenate([first.inputs, test.inputs]),
        targets=np.concatenate([first.targets, test.targets]),
        published=len(test.targets),
        remarks=tuple(dict.fromkeys((*first.remarks, *test.remarks))),
    )


def _checksum(inputs: np.ndarray, targets: np.ndarray) -> str:
    """As `checksum` of both arrays with inputs in float64, without a copy of all inputs in that type."""
    digest = hashlib.sha256(f"<f8{inputs.shape}".encode())
    for first in range(0, len(inputs), AT_ONCE):
        digest.update(np.ascontiguousarray(inputs[first : first + AT_ONCE], "<f8").data)
    little_endian = np.ascontiguousarray(targets, targets.dtype.newbyteorder("<"))
    digest.update(f"{little_endian.dtype.str}{little_endian.shape}".encode())
    digest.update(little_endian.data)
    return digest.hexdigest()


def _table(found: UserArrays) -> Table:
    return Table(inputs=found.inputs, targets=found.targets, published=found.published, groups=found.groups)


def _statistics(values: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of each place in a sample, by scikit-learn."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(_double(values, scale))
    return scaler.mean_, scaler.scale_


def _double(values: np.ndarray, scale: float) -> np.ndarray:
    """The samples as rows in float64, divided by `scale`."""
    return values.reshape(len(values), -1).astype(np.float64) / scale


def _divided(values: np.ndarray, scale: float) -> np.ndarray:
    """The samples in float32, divided by `scale`; pixels are not copied in float64."""
    if scale == 1:
        return values
    small = values.dtype.kind in "iu" and values.dtype.itemsize == 1
    return np.divide(values, np.float32(scale), dtype=np.float32) if small else values.astype(np.float64) / scale
