"""Reads arrays in the IDX format of MNIST, compressed with gzip or not.

The format is: two zero bytes, the type code, the number of axes; the length of each axis as four bytes, big-endian; the
values, big-endian (LeCun, Cortez and Burges, "The MNIST database of handwritten digits").
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from bench.errors import DataError, unreadable

FILE = "expected a file in the IDX format, as MNIST has it"
GZIP = b"\x1f\x8b"
LEAD = 4  # bytes before the lengths of the axes
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read(path: Path) -> np.ndarray:
    """The array of the file. Raises DataError if it is missing, damaged or in another format."""
    content = _content(path)
    if len(content) < LEAD or content[:2] != b"\0\0" or content[2] not in TYPES or not content[3]:
        raise DataError(f"{path}: found the first bytes {content[:LEAD].hex(' ')!r}, {FILE}")
    dtype, axes = np.dtype(TYPES[content[2]]), content[3]
    start = LEAD * (1 + axes)
    shape = tuple(int.from_bytes(content[at : at + LEAD], "big") for at in range(LEAD, start, LEAD))
    found, expected = len(content) - start, math.prod(shape) * dtype.itemsize
    if found != expected:
        raise DataError(
            f"{path}: found {max(found, 0)} bytes of values, expected {expected} for the shape {shape}; is the file "
            "cut short?"
        )
    values: np.ndarray = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path}: found a damaged gzip file, {FILE}") from None
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {FILE}") from None
    except ValueError:  # a path that contains a NUL character
        raise DataError(f"{str(path)!r}: found a NUL character in the path, expected the path of a file") from None
