"""A saved model is written completely or not at all, and a damaged one is refused with one line."""

import json
import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.workload import model_families, saved_model
from bench.workload.model_families import Weights
from bench.workload.saved_model import Scale
from bench.workload.workload import load_workload
from tests.bench.workload.own_family import write_family
from tests.bench.workloads import saved_tiny, workload


def weights() -> Weights:
    return model_families.spec_module("dnn").initial_weights(workload().spec, seed=0)


def saved(folder: Path, **changes: object) -> Path:
    path = folder / "model"
    saved_model.write(path, replace(saved_tiny(), **changes), weights(), native=lambda draft: (draft / "own").touch())  # type: ignore[arg-type]
    return path


def test_a_saved_model_is_read_back_unchanged(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    found = saved_model.read(folder)
    assert json.dumps(asdict(found)) == json.dumps(asdict(saved_tiny())), "lists of JSON are tuples here"
    assert found.network() == workload().spec
    for name, value in saved_model.read_weights(folder, found).items():
        np.testing.assert_array_equal(value, weights()[name])
    assert (folder / "own").exists()


def test_a_network_of_the_users_own_is_saved_with_its_code_and_can_be_carried_away(tmp_path: Path) -> None:
    family = write_family(tmp_path / "mine")
    own = load_workload(str(tmp_path / "mine" / "mine.toml"))
    spec = {field.name: getattr(own.spec, field.name) for field in fields(own.spec)}
    drawn = model_families.spec_module(own.family).initial_weights(own.spec, seed=0)
    about = replace(saved_tiny(), family=own.family, spec=spec, description=own.description)
    saved_model.write(tmp_path / "model", about, drawn, native=lambda _: None)
    shutil.rmtree(family)
    carried = (tmp_path / "model").rename(tmp_path / "carried")
    found = saved_model.read(carried)
    assert found.family == str(carried / "family")
    assert sorted(path.name for path in (carried / "family").iterdir()) == [
        "flax.py",
        "keras.py",
        "pytorch.py",
        "spec.py",
    ]
    weights_read = saved_model.read_weights(carried, found)
    assert all(np.array_equal(weights_read[name], drawn[name]) for name in drawn)
    text = (carried / "model.json").read_text()
    (carried / "model.json").write_text(text.replace('"./family"', '"../mine"'))
    with pytest.raises(UsageError, match=r"family: found '\.\./mine', expected '\./family'"):
        saved_model.read(carried)
    (carried / "model.json").write_text(text)
    (carried / "family" / "spec.py").unlink()
    with pytest.raises(UsageError, match=r"family: found no file .*family/spec.py, expected the code of the network"):
        saved_model.read(carried)


def test_a_model_replaces_an_earlier_one_with_the_same_name(tmp_path: Path) -> None:
    saved(tmp_path)
    assert saved_model.read(saved(tmp_path, seed=4)).seed == 4
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "no draft is left"


def test_an_interrupted_write_leaves_no_model(tmp_path: Path) -> None:
    def breaks(_: Path) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        saved_model.write(tmp_path / "model", saved_tiny(), weights(), native=breaks)
    assert not (tmp_path / "model").exists()


def test_undo_is_the_inverse_of_apply() -> None:
    scale = Scale(mean=(1.0, -2.0), deviation=(2.0, 4.0))
    values = np.array([[3.0, 2.0], [1.0, -6.0]])
    np.testing.assert_array_equal(scale.apply(values), [[1.0, 1.0], [0.0, -1.0]])
    np.testing.assert_array_equal(scale.undo(scale.apply(values)), values)
    np.testing.assert_array_equal(Scale().undo(Scale().apply(values)), values)
    np.testing.assert_array_equal(scale.apply(values.reshape(2, 2, 1)), [[[1.0], [1.0]], [[0.0], [-1.0]]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"model\.json: no such file, expected a file that `levelfield run --save-models` h"),
        ("{", r"model\.json: found a mistake in line 1"),
        ("[]", r"model\.json: found format None, expected 1"),
        ('{"format": 2}', r"model\.json: found format 2, expected 1"),
        ('{"format": 1}', r"model\.json: workload: found "),
    ],
)
def test_a_missing_damaged_or_outdated_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    folder = saved(tmp_path)
    (folder / "model.json").unlink()
    if text is not None:
        (folder / "model.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        saved_model.read(folder)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(content | {"pickle": "cos"}))
    with pytest.raises(UsageError, match=r"model\.json: pickle: found no valid value, expected no such key"):
        saved_model.read(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head.bias": np.zeros(4)}, r"weights\.npz, head\.bias: found shape \(4,\), expected \(3,\)"),
        ({"tail.bias": np.zeros(4)}, r"weights\.npz, tail\.bias: found shape \(4,\), expected no such array"),
        ({"head.bias": np.array([object()])}, r"weights\.npz: found .*, expected a NumPy file of weights"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    folder = saved(tmp_path)
    np.savez(folder / "weights.npz", **{**weights(), **changes})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        saved_model.read_weights(folder, saved_tiny())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("family", "dn", r"model\.json: family: found 'dn' \(did you mean dnn\?\), expected one of "),
        ("contender", "pytorhc", r"contender: found 'pytorhc' \(did you mean pytorch\?\)"),
        ("spec", {"features": "x"}, r"spec: found values that are no network of the family 'dnn'; train"),
        ("inputs", {"mean": [1.0], "deviation": []}, r"inputs: found 1 means and 0 deviations, expected"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    folder = saved(tmp_path)
    saved_model.read(folder)
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(content | {key: value}))
    with pytest.raises(UsageError, match=message):
        saved_model.read(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"damaged", b"\x93NUMPY"])
def test_a_damaged_file_of_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = saved(tmp_path)
    (folder / "weights.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"weights\.npz: found a damaged file, expected a NumPy file of weights"):
        saved_model.read_weights(folder, saved_tiny())


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    np.savez(folder / "weights.npz", **{name: value.astype(str) for name, value in weights().items()})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"weights\.npz, .*: found <U\d+, expected real numbers"):
        saved_model.read_weights(folder, saved_tiny())
