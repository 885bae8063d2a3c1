"""Only the named arrays of an .npz file are opened, and what is wrong with one is told by its name."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.datasets.own_files import arrays
from bench.errors import DataError

NAMES = {"inputs": "inputs", "target": "targets"}


def written(folder: Path, **changes: Any) -> Path:  # noqa: ANN401 (arrays, and what is none)
    path = folder / "own.npz"
    np.savez(path, **{"inputs": np.ones((4, 2)), "targets": np.arange(4), **changes})
    return path


def refused(path: Path, names: dict[str, str] = NAMES) -> str:
    with pytest.raises(DataError) as caught:
        arrays.read(path, names)
    assert "pickle" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_reading_more_than_was_asked_for_other_arrays_are_not_opened(tmp_path: Path) -> None:
    path = written(tmp_path, names=np.array(["a", None], object), gaps=np.array([np.nan]))
    inputs, targets = arrays.read(path, NAMES)
    assert (inputs.shape, targets.tolist()) == ((4, 2), [0, 1, 2, 3])


def test_a_named_array_of_objects_is_refused_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, targets=np.array([None, 1, 2, 3], object))
    remedy = "if all of them are numbers, write `array.astype(float)`"
    assert refused(path) == f"{path}, targets: found Python objects, expected numbers: {remedy}"


def test_all_wrong_arrays_are_told_at_once(tmp_path: Path) -> None:
    found = refused(written(tmp_path, inputs=np.full((4, 2), np.nan), targets=np.array(list("abcd"))))
    assert "inputs, sample 0: found NaN or infinity, expected finite numbers (3 more such samples)" in found
    assert "targets: found an array of text, expected real numbers" in found
    missing = refused(written(tmp_path), {"inputs": "input", "target": "target"})
    assert "dataset.inputs: found 'input' (did you mean inputs?)" in missing
    assert "dataset.target: found 'target' (did you mean targets?)" in missing


def test_numbers_that_float32_cannot_hold_are_refused(tmp_path: Path) -> None:
    assert "found numbers from 1 to 1e+39, expected at most" in refused(
        written(tmp_path, inputs=np.array([[1.0], [1e39], [2.0], [2.0]]))
    )


def test_names_of_arrays_that_are_not_unique_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with zipfile.ZipFile(path, "a") as archive, archive.open("inputs .npy", "w") as file:
        np.save(file, np.zeros((4, 2)))
    assert "found 2 arrays with the name 'inputs', expected different names" in refused(path)
    assert len(arrays.read(path, {"target": "targets"})) == 1


def test_a_file_that_is_no_npz_file_is_named_for_what_it_is(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for content, found in (
        (b"", "found another format"),
        (b"width,height\n1,2\n", "found another format"),
        (whole[: len(whole) // 2], "found a damaged file"),
    ):
        path.write_bytes(content)
        assert refused(path) == f"{path}: {found}, expected an .npz file of NumPy; write it with numpy.savez"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    assert "found a single array without a name (.npy)" in refused(path)
    assert "no such file" in refused(tmp_path / "none.npz")
    assert "Is a directory" in refused(tmp_path)


def test_damaged_bytes_end_in_one_line_or_in_the_arrays(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    ends = set()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            arrays.read(path, NAMES)
            ends.add("read")
        except DataError as error:
            ends.add("refused")
            assert "\n" not in str(error)  # noqa: PT017 (both ends are right)
    assert "refused" in ends


def test_a_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inputs", "text")
    assert "found a file that is no array" in refused(path, {"inputs": "inputs"})
