"""MNIST: handwritten digits of 28 by 28 pixels (LeCun, Cortez and Burges), four files in the IDX format.

The files are downloaded once, or read from LEVELFIELD_DATA/mnist. The parsed arrays are stored in the cache.
"""

import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8
from pydantic.dataclasses import dataclass

from bench import cache
from bench.datasets.base import Split, public_file
from bench.datasets.description import Description, Part, checked
from bench.errors import DataError

ADDRESS = "https://raw.githubusercontent.com/fgnt/mnist/ae608a02b796c9ee908c082585a5f006fe05258e/"
CLASSES = 10
WHITE = 255
MEAN, DEVIATION = 0.1307, 0.3081  # of the training pixels, divided by 255
UNSIGNED_BYTE = 8  # the type code of IDX


@dataclass(frozen=True, slots=True, kw_only=True)
class IdxFile:
    """One public file: its name, its sha256, and the shape of its array of bytes."""

    name: str
    sha256: str
    shape: tuple[int, ...]


FILES: dict[Part, tuple[IdxFile, IdxFile]] = {  # images, labels
    "train": (
        IdxFile(
            name="train-images-idx3-ubyte.gz",
            sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            shape=(60000, 28, 28),
        ),
        IdxFile(
            name="train-labels-idx1-ubyte.gz",
            sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            shape=(60000,),
        ),
    ),
    "test": (
        IdxFile(
            name="t10k-images-idx3-ubyte.gz",
            sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            shape=(10000, 28, 28),
        ),
        IdxFile(
            name="t10k-labels-idx1-ubyte.gz",
            sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            shape=(10000,),
        ),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options:
    """60000 images are for training and 10000 for testing, as published.

    Attributes:
        scaling: `"unit"` divides each pixel by 255. `"standard"` also subtracts the mean 0.1307 and divides by the
            standard deviation 0.3081.
    """

    scaling: Literal["unit", "standard"] = "unit"


def describe(options: Options) -> Description:
    """60000 training images and 10000 test images, as published."""
    return Description(
        name="mnist",
        task="classification",
        sample_shape=FILES["train"][0].shape[1:],
        outputs=CLASSES,
        train=FILES["train"][0].shape[0],
        test=FILES["test"][0].shape[0],
        source=f"MNIST (LeCun, Cortez, Burges), github.com/fgnt/mnist, 11.6 MB; {options.scaling} scaling",
        download=True,
    )


def fingerprint(options: Options) -> str:
    """The sha256 of the scaling and of the four files' sha256; each file is verified before it is read."""
    files = [file.sha256 for part in ("train", "test") for file in FILES[part]]
    return hashlib.sha256(" ".join([*files, options.scaling]).encode()).hexdigest()


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if a file is missing, damaged or malformed."""
    images, labels = (_bytes(file) for file in FILES[part])
    return Split(inputs=_scaled(images, options.scaling), targets=labels.astype(np.int64))


def parse_idx(path: Path, *, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """The bytes of a gzipped IDX file; raises DataError if the shape differs, or if a label is not a digit.

    The IDX format is: two zero bytes, the type code, the number of axes; the length of each axis as four bytes,
    big-endian; the values.
    """
    lengths = b"".join(length.to_bytes(4, "big") for length in shape)
    header = bytes((0, 0, UNSIGNED_BYTE, len(shape))) + lengths
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: found {error}, expected a complete gzip file; replace the file") from error
    start, found = content[: len(header)], len(content) - len(header)
    if start != header:
        expected = f"{header.hex(' ', 4)!r} (bytes of shape {shape})"
        raise DataError(f"{path}: found the header {start.hex(' ', 4)!r}, expected {expected}; replace the file")
    if found != math.prod(shape):
        raise DataError(f"{path}: found {found} values, expected {math.prod(shape)}; replace the file")
    values = np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)
    if values.ndim == 1 and values.max() >= CLASSES:
        raise DataError(f"{path}: found the label {values.max()}, expected 0 to {CLASSES - 1}; replace the file")
    return values


def _bytes(file: IdxFile) -> UInt8[np.ndarray, "..."]:
    """The values of one file; after the first call they come from the cache."""
    cached = cache.folder() / "mnist" / f"{file.name.removesuffix('.gz')}-{file.sha256[:16]}.npy"
    if not cached.is_file():
        path = public_file(f"mnist/{file.name}", address=ADDRESS + file.name, sha256=file.sha256)
        _store(cached, parse_idx(path, shape=file.shape))
    try:
        values = np.asarray(np.load(cached, mmap_mode="r"))  # a view: pixels are copied only when they are scaled
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{cached}: found {error}, expected a complete NumPy file; delete this file of the cache"
        ) from error
    if values.shape != file.shape or values.dtype != np.uint8:
        found = f"{values.dtype} of shape {values.shape}"
        raise DataError(f"{cached}: found {found}, expected uint8 of shape {file.shape}; delete this file of the cache")
    return values


def _store(path: Path, values: np.ndarray) -> None:
    """Write the file so that another process never sees an incomplete one."""
    try:
        cache.store(path, lambda draft: np.save(draft, values))
    except OSError as error:
        raise DataError(
            f"{path}: found {error}, expected a folder with free space and write permission; set LEVELFIELD_CACHE to "
            "such a folder"
        ) from error


def _scaled(images: np.ndarray, scaling: Literal["unit", "standard"]) -> Float32[np.ndarray, "samples ..."]:
    pixels: np.ndarray = np.divide(images, np.float32(WHITE), dtype=np.float32)
    if scaling == "standard":
        pixels -= np.float32(MEAN)
        pixels /= np.float32(DEVIATION)
    return pixels
