"""Arrays, parts, checks, the index stream of the batches, and where the files of public data come from."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64

from bench import cache
from bench.datasets.description import Description, Part, describe, find, fingerprint
from bench.errors import DataError, UsageError

Targets = Int64[np.ndarray, " samples"] | Float[np.ndarray, "samples outputs"]

CURE = "correct what the module of the data set reads or describes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Samples and what to predict for each: int64 class labels, or numbers of shape (samples, outputs).

    Float32 as it is read, float64 where a proof asks for it. Numbers that were standardised say how: they are
    `target_deviation` times what stands here, plus `target_mean`, in their own unit, column by column. So do inputs,
    whose columns are all the places of a sample; where they were not standardised there is none.
    """

    inputs: Float[np.ndarray, "samples ..."]
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
    """A data set whose parts are read and checked when they are first asked for.

    `checksum` is the fingerprint of the table that it was loaded from.
    """

    description: Description
    checksum: str
    read: Callable[[Part], Split]

    @cached_property
    def train(self) -> Split:
        """The samples to learn from; raises DataError where they are missing or not what the description says."""
        return self.read("train")

    @cached_property
    def validation(self) -> Split:
        """The samples to choose by, where the data set has some; raises DataError like `train`."""
        return self.read("validation")

    @cached_property
    def test(self) -> Split:
        """The samples to judge by; raises DataError where they are missing or not what the description says."""
        return self.read("test")


def load(table: Mapping[str, object]) -> Dataset:
    """The data set that the table `[dataset]` of a workload stands for; nothing is read yet.

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

    The order comes from NumPy's PCG64, seeded by `seed` and `epoch`. Where the samples do not fill the last batch, it
    is kept smaller or dropped. Raises UsageError for a batch that is empty or larger than the data.
    """
    if not 1 <= batch_size <= samples:
        raise UsageError(f"batch size: found {batch_size!r}, expected 1 to {samples}, the number of samples")
    order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(samples)
    end = samples if last_batch == "keep" else samples // batch_size * batch_size
    return (order[start : start + batch_size] for start in range(0, end, batch_size))


def cycle(samples: int, size: int) -> Int64[np.ndarray, " size"]:
    """`size` indices in the order of the data, from the first again after the last.

    Raises UsageError where there are no samples or no indices are asked for.
    """
    if samples < 1 or size < 1:
        raise UsageError(f"found {size!r} indices into {samples!r} samples, expected at least one of each")
    return np.arange(size, dtype=np.int64) % samples


def validation_split(split: Split, fraction: float) -> tuple[Split, Split]:
    """What is left to train on, and the last rows as validation data: `fraction` of all, to the nearest row.

    Both are views. Raises UsageError where either would be empty.
    """
    first = len(split) - round(len(split) * fraction)
    if not 0 < first < len(split):
        raise UsageError(
            f"validation fraction: found {fraction!r}, which leaves {first} of {len(split)} samples to train on; "
            "expected a fraction that leaves samples on both sides"
        )
    kept, held_out = (slice(None, first), slice(first, None))
    return _rows(split, kept), _rows(split, held_out)


def checksum(*arrays: np.ndarray) -> str:
    """The sha256 in hex of the arrays' types, shapes and values, whatever the byte order of the machine."""
    digest = hashlib.sha256()
    for array in arrays:
        little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{little_endian.dtype.str}{little_endian.shape}".encode())
        digest.update(little_endian.data)
    return digest.hexdigest()


def public_file(name: str, *, address: str, sha256: str) -> Path:
    """The path of a public file with this sha256: `name` in the folder LEVELFIELD_DATA, or else downloaded once.

    `name` is relative to that folder and to the cache. Raises DataError where the file is missing, cannot be
    downloaded, or has another sha256.
    """
    folder = os.environ.get("LEVELFIELD_DATA")
    return _local(Path(folder) / name, sha256) if folder else _downloaded(name, address, sha256)


def _local(path: Path, sha256: str) -> Path:
    unset = "or unset LEVELFIELD_DATA, and it is downloaded"
    if not path.is_file():
        raise DataError(f"{path}: found no such file, expected it in the folder LEVELFIELD_DATA; put it there, {unset}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DataError(f"{path}: found sha256 {found}, expected {sha256}; replace the file, {unset}")
    return path


def _downloaded(name: str, address: str, sha256: str) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it announces every download in the middle of the progress display
    path = cache.folder() / name
    try:
        pooch.retrieve(address, f"sha256:{sha256}", path.name, path.parent, downloader=pooch.HTTPDownloader(timeout=30))
    except (OSError, ValueError) as error:  # no network, no such address, no room; another sha256
        raise DataError(
            f"{address}: found {error}; expected a file with sha256 {sha256}; "
            f"check the network, or set LEVELFIELD_DATA to a folder that holds {name}"
        ) from error
    return path


def _rows(split: Split, rows: slice) -> Split:
    return replace(split, inputs=split.inputs[rows], targets=split.targets[rows])


def _check(split: Split, part: Part, description: Description) -> None:
    """Refuse arrays that are not what the description says."""
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
        raise DataError(f"{where}: found a value that is not finite in row {row}, expected none; {CURE}")
