"""An .npz file as people have it ends in a result with all its samples, or in one message."""

import io
import math
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from bench.datasets import base
from bench.datasets.own_files import arrays
from bench.datasets.own_files.arrays import Found
from bench.workload.workload import Workload, load_workload
from tests.bench.mutated_files import archives, toml_text
from tests.bench.mutated_files.archives import Arrays
from tests.bench.mutated_files.examples import FEW, study
from tests.bench.mutated_files.verdict import End, levelfield, problems

OPTIONS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}, {"inputs": "X"}, {"target": "inputs"}, {"channels": "first"}, {"channels": "last"}),
    *({"stratify": True}, {"folds": 2}, {"standardise": True}, {"validation": 0.3}),
    *({"standardise": True, "standardise_target": True},),
)
DNN: dict[str, Any] = {"family": "dnn", "hidden": [{"units": 2}]}
MODELS: tuple[dict[str, Any], ...] = (
    *(DNN, DNN, {"family": "cnn", "convolutions": [{"filters": 2, "padding": "same"}]}),
    {"family": "lstm", "layers": [{"units": 2}]},
)
numbers = count()


def workload(folder: Path, content: bytes, options: dict[str, Any], model: dict[str, Any]) -> Path:
    """A workload with an .npz file of this content; no file is used twice, since files are read once."""
    data = folder / f"data{next(numbers)}.npz"
    data.write_bytes(content)
    path = data.with_suffix(".toml")
    given = {
        "name": "mine",
        "dataset": {"kind": "npz", "path": data.name, **options},
        "model": model,
        "recipe": {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 2, "epochs": 1},
    }
    path.write_text(toml_text.text(given))
    return path


def end_of(path: Path) -> End:
    return levelfield("show", path)


def losses(found: Workload, inputs: np.ndarray) -> list[str]:
    """Samples and numbers of the file that the data set does not have, all parts read as a process reads them."""
    data, about = base.load(found.dataset), found.description
    parts = [data.train, data.test, *([data.validation] if about.validation else [])]
    samples, size = sum(map(len, parts)), math.prod(parts[0].inputs.shape[1:])
    lost = [f"{samples} of {len(inputs)} samples"] if samples != len(inputs) else []
    return lost + ([f"{size} numbers in a sample"] if size != math.prod(inputs.shape[1:]) else [])


def check_npz(folder: Path, data: DataObject) -> None:
    classes = data.draw(st.booleans())
    arrays: Arrays = archives.changed(data, archives.arrays(data, classes=classes))
    options = {"task": "classification" if classes else "regression"} | data.draw(st.sampled_from(OPTIONS))
    path = workload(folder, archives.packed(data, arrays), options, data.draw(st.sampled_from(MODELS)))
    end = end_of(path)
    assert problems(end, named=path.name, codes={0}) == []
    if end.code == 0:
        assert losses(load_workload(str(path)), arrays[options.get("inputs", "inputs")]) == []


@FEW
@given(st.data())
def test_a_mutated_npz_file_ends_in_a_result_with_all_samples_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_npz(folder, data)


@study
@given(st.data())
def test_400_mutated_npz_files_end_in_a_result_with_all_samples_or_in_one_message(
    folder: Path, data: DataObject
) -> None:
    check_npz(folder, data)


def right() -> tuple[bytes, np.ndarray]:
    """A file of images, and the images in it."""
    file, inputs = io.BytesIO(), np.linspace(0, 1, 24 * 16).reshape(24, 4, 4)
    np.savez(file, inputs=inputs, targets=np.arange(24) % 2)
    return file.getvalue(), inputs


def test_a_right_npz_file_has_all_its_samples(folder: Path) -> None:
    content, inputs = right()
    path = workload(folder, content, {"task": "classification"}, DNN)
    assert end_of(path).code == 0
    assert losses(load_workload(str(path)), inputs) == []


def test_a_reader_that_loses_samples_would_be_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, inputs = right()
    whole = arrays.find

    def lost(*given: Any, **options: Any) -> Found:  # noqa: ANN401 (as the reader takes them)
        found = whole(*given, **options)
        return Found({key: array[:20] for key, array in found.arrays.items()}, found.problems)

    monkeypatch.setattr(arrays, "find", lost)
    path = workload(folder, content, {"task": "classification"}, DNN)
    assert losses(load_workload(str(path)), inputs) == ["20 of 24 samples"]
    assert losses(load_workload(str(path)), inputs[:20, :3]) == ["16 numbers in a sample"]
