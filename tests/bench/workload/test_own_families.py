"""A family in a folder of the user is loaded, checked and part of every digest."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.workload import model_families, own_families
from bench.workload.workload import Workload, load_workload
from tests.bench.workload.own_family import change, write_family


@pytest.fixture
def family(tmp_path: Path) -> Path:
    return write_family(tmp_path)


def loaded(family: Path) -> Workload:
    """The workload beside the folder, read anew."""
    own_families.load.cache_clear()
    for name in [name for name in sys.modules if name.startswith(own_families.PACKAGES)]:
        del sys.modules[name]
    return load_workload(str(family.parent / "mine.toml"))


def test_a_folder_beside_the_file_of_the_workload_is_its_family(family: Path) -> None:
    workload = loaded(family)
    assert (workload.family, workload.spec.height, workload.spec.outputs) == (str(family), 8, 10)
    module = model_families.spec_module(workload.family)
    shapes = module.parameter_shapes(workload.spec)
    assert shapes["stem.kernel"] == (3, 3, 1, 8)
    assert module.input_shape(workload.spec) == (8, 8, 1)
    assert not model_families.has_parts(workload.family)
    assert not model_families.has_reference(workload.family)
    assert model_families.layers(workload.family, workload.spec) == ()
    assert model_families.parameters(workload.family, workload.spec) == 3 * 3 * 8 + 4 * 8 + 2 * (9 * 64 + 8) + 90


def test_weights_are_drawn_by_the_names_of_initializers(family: Path) -> None:
    workload = loaded(family)
    module = model_families.spec_module(workload.family)
    first, again, other = (module.initial_weights(workload.spec, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["stem.kernel"], other["stem.kernel"])
    assert np.array_equal(first["norm.variance"], np.ones(8))
    assert np.abs(first["head.kernel"]).max() <= np.sqrt(6 / 18), "Glorot's limit for 8 inputs and 10 outputs"
    assert np.abs(first["second.kernel"]).max() > np.sqrt(6 / 144), "He's normal distribution has no limit"


def test_the_fields_of_the_spec_are_keys_of_the_file_and_are_checked(family: Path) -> None:
    change(family.parent / "mine.toml", "filters = 8", 'filters = "many"')
    with pytest.raises(UsageError, match=r"model\.filters: found the text .many., expected a whole number"):
        loaded(family)
    change(family.parent / "mine.toml", 'filters = "many"', "depth = 3")
    with pytest.raises(UsageError, match=r"model\.depth: unknown key, expected one of dropout, filters"):
        loaded(family)
    change(family.parent / "mine.toml", "depth = 3", "outputs = 3")
    with pytest.raises(UsageError, match=r"model\.outputs: found 3, expected no such key: the data set determines"):
        loaded(family)


@pytest.mark.parametrize(
    ("fields", "shape", "sizes"),
    [
        ("features: int", (8, 8), {"features": 64}),
        ("steps: int\n    features: int", (24,), {"steps": 24, "features": 1}),
        ("height: int\n    width: int\n    channels: int", (28, 28), {"height": 28, "width": 28, "channels": 1}),
    ],
)
def test_the_shape_of_a_sample_fills_the_fields_for_it(
    tmp_path: Path, fields: str, shape: tuple[int, ...], sizes: dict[str, int]
) -> None:
    (tmp_path / "spec.py").write_text(
        f"from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Spec:\n    {fields}\n    outputs: int\n\n"
        "def parameter_shapes(spec):\n    return {'head.bias': (spec.outputs,)}\n"
    )
    module = own_families.load(tmp_path)
    assert module.sizes(shape) == sizes
    assert module.input_shape(module.Spec(**sizes, outputs=3)) == tuple(sizes.values())
    if len(sizes) > 1:  # a network that takes flat samples takes every shape
        with pytest.raises(ValueError, match="Spec has the fields"):
            module.sizes((2, 3, 4, 5))
    if len(sizes) > 2:
        with pytest.raises(ValueError, match=r"samples have the shape \(24,\), Spec has the fields height"):
            module.sizes((24,))
    if len(sizes) == 1:
        assert module.sizes((2, 3, 4, 5)) == {"features": 120}


@pytest.mark.parametrize("name", ["spec.py", "pytorch.py", "keras.py", "flax.py", "blocks/pytorch.py"])
def test_a_change_of_a_file_changes_a_digest_and_a_comment_does_not(family: Path, name: str) -> None:
    def digests() -> tuple[object, ...]:
        workload = loaded(family)
        sources = (model_families.framework_source(workload.family, file) for file in ("pytorch", "keras", "flax"))
        return workload.digest, workload.proof_digest, *sources

    (family / name).parent.mkdir(exist_ok=True)
    (family / name).touch()
    before = digests()
    with (family / name).open("a") as file:
        file.write("# a comment\n")
    assert digests() == before
    with (family / name).open("a") as file:
        file.write("MORE = 1\n")
    changed = [found != known for found, known in zip(digests(), before, strict=True)]
    place = ("pytorch.py", "keras.py", "flax.py").index(Path(name).name) if name != "spec.py" else None
    assert changed == [place is None, place is None, *(number == place for number in range(3))]


def test_the_place_of_a_folder_is_in_no_digest(family: Path, tmp_path: Path) -> None:
    moved = write_family(tmp_path / "elsewhere")
    assert loaded(moved).digest == loaded(family).digest
    change(
        moved / "spec.py",
        '(3, 3, filters, filters),\n        "first.bias"',
        '(5, 5, filters, filters),\n        "first.bias"',
    )
    assert loaded(moved).digest != loaded(family).digest


def test_a_folder_below_a_hidden_one_is_read_whole_and_hidden_folders_in_it_are_not(tmp_path: Path) -> None:
    hidden = write_family(tmp_path / ".projects")
    before = loaded(hidden).digest
    assert before == loaded(write_family(tmp_path / "projects")).digest
    (hidden / ".editor").mkdir()
    (hidden / ".editor" / "spec.py").write_text("import torch\n")
    assert loaded(hidden).digest == before
    with (hidden / "spec.py").open("a") as file:
        file.write("MORE = 1\n")
    assert loaded(hidden).digest != before


def test_files_of_a_folder_can_import_each_other(family: Path) -> None:
    (family / "sizes.py").write_text("WIDTH = 5\n")
    change(
        family / "spec.py",
        "from dataclasses import dataclass\n",
        "from dataclasses import dataclass\n\nfrom .sizes import WIDTH\n",
    )
    change(family / "spec.py", "filters: int = 8", "filters: int = WIDTH")
    change(family.parent / "mine.toml", "filters = 8", "")
    workload = loaded(family)
    assert workload.spec.filters == 5
    (family / "sizes.py").write_text("WIDTH = 6\n")
    assert loaded(family).digest != workload.digest


def test_the_parent_process_imports_no_file_of_a_framework(family: Path) -> None:
    (family / "pytorch.py").write_text((family / "pytorch.py").read_text() + "\nraise SystemExit('it was imported')\n")
    assert loaded(family).spec.outputs == 10
    (family / "pytorch.py").write_text("import torch\nraise RuntimeError\n")
    with pytest.raises(
        UsageError, match=r"pytorch\.py: found no function build.*pytorch\.py: found no function export"
    ):
        loaded(family)


def test_an_error_in_a_file_of_the_folder_is_placed_without_the_folders_above(family: Path) -> None:
    (family / "blocks").mkdir()
    (family / "blocks" / "sizes.py").write_text("def fail():\n    raise KeyError('x')\n")
    module = importlib.import_module(f"{model_families.package(str(family))}.blocks.sizes")
    with pytest.raises(KeyError) as found:
        module.fail()
    assert own_families.place_of(found.value) == "mine/blocks/sizes.py, line 2"
    with pytest.raises(ZeroDivisionError) as elsewhere:
        _ = 1 / 0
    assert own_families.place_of(elsewhere.value) == ""
