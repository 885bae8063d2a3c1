"""Loads and checks the parts of a data set, deals out the batches of an epoch, and downloads public files."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int32, Int64

from bench import cache
from bench.datasets.description import Description, Part, describe, find, fingerprint
from bench.errors import DataError, UsageError

Targets = Int64[np.ndarray, " samples"] | Float[np.ndarray, "samples outputs"]

CURE = "correct `read` or `describe` in the module of the data set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The inputs and the targets of one part of a data set.

    `inputs` is float32 of shape (samples, ...), float64 in a proof, and int32 for a network of integers. `targets` are
    int64 class labels of shape (samples,), or numbers of shape (samples, outputs) in float32 or float64.

    The means and standard deviations belong to standardised values: original = value * deviation + mean, in each
    column. If targets were not standardised, `target_mean` is 0 and `target_deviation` is 1. The columns of inputs are
    the values of one sample, flattened; `input_mean` and `input_deviation` are empty if inputs were not standardised.
    """

    inputs: Float[np.ndarray, "samples ..."] | Int32[np.ndarray, "samples ..."]
    targets: Targets
    target_mean: Float[np.ndarray, " columns"] = field(default_factory=lambda: np.zeros(1))
    target_deviation: Float[np.ndarray, " columns"] = field(default_factory=lambda: np.ones(1))
    input_mean: Float[np.ndarray, " places"] = field(default_factory=lambda: np.zeros(0))
    input_deviation: Float[np.ndarray, " places"] = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.inputs)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set; each part is read and checked at its first use.

    `checksum` is the fingerprint of the data set: it changes if a sample or an option changes.
    """

    description: Description
    checksum: str
    read: Callable[[Part], Split]

    @cached_property
    def train(self) -> Split:
        """The training samples; raises DataError if a file is missing or the samples do not fit the description."""
        return self.read("train")

    @cached_property
    def validation(self) -> Split:
        """The validation samples of a data set that has this part; raises DataError like `train`."""
        return self.read("validation")

    @cached_property
    def test(self) -> Split:
        """The test samples; raises DataError like `train`."""
        return self.read("test")


def load(table: Mapping[str, object]) -> Dataset:
    """The data set that the table `[dataset]` of a workload describes; its samples are not read yet.

    Raises UsageError for an unknown name or a wrong option.
    """
    description = describe(table)
    module, options = find(table)

    def read(part: Part) -> Split:
        split: Split = module.read(options, part)
        _check(split, part, description)
        return split

    return Dataset(description=description, checksum=fingerprint(table), read=read)


def batches(
    samples: int, batch_size: int, *, seed: int, epoch: int, last_batch: Literal["keep", "drop"]
) -> Iterator[Int64[np.ndarray, " batch"]]:
    """The indices of each batch of one epoch: a permutation of all samples, the same for every framework.

    The order comes from NumPy's PCG64, seeded by `seed` and `epoch`. If the samples do not fill the last batch, that
    batch is smaller (`keep`) or left out (`drop`). Raises UsageError if `batch_size` is not within 1 to `samples`.
    """
    if not 1 <= batch_size <= samples:
        raise UsageError(f"batch size: found {batch_size!r}, expected 1 to {samples}, the number of samples")
    order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(samples)
    end = samples if last_batch == "keep" else samples // batch_size * batch_size
    return (order[start : start + batch_size] for start in range(0, end, batch_size))


def cycle(samples: int, size: int) -> Int64[np.ndarray, " size"]:
    """`size` indices in the order of the data; after the last sample they start again with the first one.

    Raises UsageError if `samples` or `size` is below 1.
    """
    if samples < 1 or size < 1:
        raise UsageError(
            f"found a query of {size!r} samples from a data set of {samples!r}, expected at least 1 of each"
        )
    return np.arange(size, dtype=np.int64) % samples


def validation_split(split: Split, fraction: float) -> tuple[Split, Split]:
    """The training samples and the validation samples: the last `fraction` of the samples, rounded, is for validation.

    Both are views of the arrays of `split`. Raises UsageError if one of them would be empty.
    """
    first = len(split) - round(len(split) * fraction)
    if not 0 < first < len(split):
        raise UsageError(
            f"validation fraction: found {fraction!r}, which leaves {first} of {len(split)} samples to train on; "
            "expected a fraction that leaves samples for training and validation"
        )
    kept, held_out = (slice(None, first), slice(first, None))
    return _rows(split, kept), _rows(split, held_out)


def checksum(*arrays: np.ndarray) -> str:
    """The sha256 in hex of the arrays' types, shapes and values; it does not depend on the machine's byte order."""
    digest = hashlib.sha256()
    for array in arrays:
        little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{little_endian.dtype.str}{little_endian.shape}".encode())
        digest.update(little_endian.data)
    return digest.hexdigest()


def public_file(name: str, *, address: str, sha256: str) -> Path:
    """The path of a public file with this sha256.

    If the environment variable LEVELFIELD_DATA is set, the file is `name` in that folder. Otherwise the file is
    downloaded once to `name` in the cache. Raises DataError if the file is missing, if the download fails, or if the
    sha256 differs.
    """
    folder = os.environ.get("LEVELFIELD_DATA")
    return _local(Path(folder) / name, sha256) if folder else _downloaded(name, address, sha256)


def _local(path: Path, sha256: str) -> Path:
    unset = "or unset LEVELFIELD_DATA, so that levelfield downloads it"
    if not path.is_file():
        raise DataError(
            f"{path}: no such file, expected it in the folder that LEVELFIELD_DATA names; put it there, {unset}"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DataError(f"{path}: found sha256 {found}, expected {sha256}; replace the file, {unset}")
    return path


def _downloaded(name: str, address: str, sha256: str) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its messages about downloads would break the progress display
    path = cache.folder() / name
    try:
        pooch.retrieve(address, f"sha256:{sha256}", path.name, path.parent, downloader=pooch.HTTPDownloader(timeout=30))
    except (OSError, ValueError) as error:  # OSError: network, address or disk; ValueError: another sha256
        raise DataError(
            f"{address}: the download failed: {error}; expected a file with sha256 {sha256}; "
            f"check the network, or set LEVELFIELD_DATA to a folder that holds {name}"
        ) from error
    return path


def _rows(split: Split, rows: slice) -> Split:
    return replace(split, inputs=split.inputs[rows], targets=split.targets[rows])


def _check(split: Split, part: Part, description: Description) -> None:
    """Raise DataError if the arrays of a part do not fit the description."""
    samples = getattr(description, part)
    labels = description.task == "classification"
    target_shape = (samples,) if labels else (samples, description.outputs)
    where = f"data set {description.name!r}, {part} part"
    _check_array(split.inputs, (samples, *description.sample_shape), "float32", f"{where}, inputs")
    _check_array(split.targets, target_shape, "int64" if labels else "float32", f"{where}, targets")
    if labels and not (split.targets.min() >= 0 and split.targets.max() < description.outputs):
        found = f"{split.targets.min()} to {split.targets.max()}"
        raise DataError(f"{where}, targets: found labels {found}, expected 0 to {description.outputs - 1}; {CURE}")


def _check_array(array: np.ndarray, shape: tuple[int, ...], dtype: str, where: str) -> None:
    if array.shape != shape or array.dtype != np.dtype(dtype):
        found = f"{array.dtype} of shape {array.shape}"
        raise DataError(f"{where}: found {found}, expected {dtype} of shape {shape}; {CURE}")
    if not np.isfinite([array.min(), array.max()]).all():  # NaN spreads to both, and no copy is made
        row = np.argwhere(~np.isfinite(array))[0][0]
        raise DataError(f"{where}: found NaN or infinity in sample {row}, expected finite numbers; {CURE}")
