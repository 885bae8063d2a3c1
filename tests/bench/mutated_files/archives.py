"""Makes .npz files as people have them: arrays of other kinds and shapes, and archives that are damaged."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.bench.mutated_files import damage

Arrays = dict[str, np.ndarray]

DTYPES = (
    *("float16", "float32", "float64", ">f4", ">f8", "longdouble", "complex64"),
    *("bool", "int8", "uint8", ">i2", "int64", "uint64"),
    *("U5", "S5", "datetime64[s]", "timedelta64[D]", "object", "V4"),
)
VALUES: tuple[Any, ...] = (np.nan, np.inf, -np.inf, 1e39, -1e300, 0.5, -1, 255, 2**31, 2**62, 1e-320)


def arrays(data: DataObject, *, classes: bool) -> Arrays:
    """Right arrays: `inputs` of numbers, and `targets`, labels from 0 or numbers."""
    samples = data.draw(st.sampled_from([1, 2, 6, 12, 24]))
    shape = (samples, *data.draw(st.sampled_from([(3,), (4, 4), (4, 2), (4, 4, 1), (6, 6, 3), (3, 6, 6), (1,)])))
    inputs = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    labels = np.arange(samples) % 3
    return {"inputs": inputs, "targets": labels if classes else np.linspace(0, 1, samples)}


def _which(data: DataObject, found: Arrays) -> str:
    return data.draw(st.sampled_from(sorted(found)))


def of_another_type(data: DataObject, found: Arrays) -> None:
    """The numbers of an array are of another type, or are no numbers."""
    name, dtype = _which(data, found), data.draw(st.sampled_from(DTYPES))
    array = found[name]
    if dtype == "V4":
        found[name] = np.zeros(array.shape, [("a", "i2"), ("b", "i2")])
    elif dtype == "object":
        found[name] = np.array([None, {}, *array.ravel().tolist()], object)[: max(array.size, 1)]
    elif array.dtype.kind in "biuf" and np.isfinite(array).all():
        kept = np.clip(np.abs(array), 0, 100)
        found[name] = (
            kept.astype(f"m8[{dtype[-2]}]" if "timedelta" in dtype else dtype)
            if "64[" not in dtype
            else kept.astype(np.int64).astype(dtype)
        )


def of_another_shape(data: DataObject, found: Arrays) -> None:
    """An array has another shape: an axis more or less, no sample, one sample less, no axis."""
    name = _which(data, found)
    array = found[name]
    shapes: list[Callable[[], np.ndarray]] = [
        lambda: array[..., None],
        lambda: array[None],
        array.ravel,
        lambda: array[:0],
        lambda: array[:1],
        lambda: array[1:],
        lambda: np.array(array.size),
        lambda: array.T,
        lambda: np.asfortranarray(array),
        lambda: array[..., :0],
        lambda: np.repeat(array[..., None], 2, axis=-1),
    ]
    found[name] = data.draw(st.sampled_from(shapes))() if array.ndim else array


def of_another_value(data: DataObject, found: Arrays) -> None:
    """One number is NaN, infinite, negative, not whole or far too large."""
    name = _which(data, found)
    array, value = found[name], data.draw(st.sampled_from(VALUES))
    if array.size and array.dtype.kind in "iuf":
        is_float = isinstance(value, float) or array.dtype.kind == "f"
        changed = array.astype(np.float64 if is_float else np.int64)
        changed.flat[data.draw(st.integers(0, array.size - 1))] = value
        found[name] = changed


def of_another_name(data: DataObject, found: Arrays) -> None:
    """An array is missing, has another name, or stands beside one that nobody named."""
    name, how = _which(data, found), data.draw(st.sampled_from(["gone", "renamed", "beside", "same"]))
    other = data.draw(st.sampled_from(["X", "y", "Inputs", "input", "inputs ", "arr_0", "a/b", "ä", "targets.npy"]))
    if how == "beside":
        found[other] = np.array([None, 1], object)
    elif how == "same":
        found[name] = found[_which(data, found)]
    elif len(found) > 1:
        array = found.pop(name)
        if how == "renamed":
            found[other] = array


CHANGES = (of_another_type, of_another_type, of_another_shape, of_another_shape, of_another_value, of_another_name)


def changed(data: DataObject, found: Arrays) -> Arrays:
    """The arrays after one change or none, seldom two."""
    found = dict(found)
    for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
        change(data, found)
    return found


def packed(data: DataObject, found: Arrays) -> bytes:
    """The content of the file; a member may be missing, damaged, there twice, or no array."""
    file = io.BytesIO()
    save = np.savez_compressed if data.draw(st.booleans()) else np.savez
    save(file, **found)  # type: ignore[arg-type]
    content = file.getvalue()
    how = data.draw(st.sampled_from(["right"] * 6 + ["member", "damaged", "archive", "array", "pickle"]))
    if how == "member":
        return _with_member(data, content)
    if how == "damaged":
        return damage.damaged(data, content, most=1)
    if how in {"array", "pickle"}:
        file = io.BytesIO()
        np.save(file, np.arange(3) if how == "array" else np.array([None], object))
        return file.getvalue()
    return content


def _with_member(data: DataObject, content: bytes) -> bytes:
    """The archive with one member that is no array, or with an array whose header or content is wrong."""
    source = zipfile.ZipFile(io.BytesIO(content))
    file = io.BytesIO()
    wrong = data.draw(st.integers(0, len(source.namelist()) - 1))
    with zipfile.ZipFile(file, "w") as target:
        for number, name in enumerate(source.namelist()):
            member = source.read(name)
            target.writestr(name, _member(data, member) if number == wrong else member)
    return file.getvalue()


def _member(data: DataObject, content: bytes) -> bytes:
    enormous = content.replace(b"'shape': (", b"'shape': (9999999999, ", 1)
    return data.draw(
        st.sampled_from(
            [b"", b"text", content[:20], content[:-3], content + b"more", enormous, content.replace(b"f8", b"O8")]
        )
    )
