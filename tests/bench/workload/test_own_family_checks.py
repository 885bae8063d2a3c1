"""Each mistake in a folder of a family is one clear error with file, what was found and what was expected."""

import re
import sys
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.workload import own_families
from bench.workload.workload import load_workload
from tests.bench.workload.own_family import change, write_family

DRAWN = """import numpy

def initial_weights(spec, *, seed):
    return {{name: {} for name, shape in parameter_shapes(spec).items()}}
"""
SHAPE = '"head.bias": (spec.outputs,),'


BLOCK = """@dataclass(frozen=True)
class Block:
    {}: float = 0.1


"""


def problem(family: Path) -> str:
    """The message with which the workload beside the folder is refused; empty if it is not."""
    own_families.load.cache_clear()
    for name in [name for name in sys.modules if name.startswith(own_families.PACKAGES)]:
        del sys.modules[name]
    try:
        load_workload(str(family.parent / "mine.toml"))
    except UsageError as error:
        return str(error)
    return ""


def test_the_family_that_is_written_has_no_problem(tmp_path: Path) -> None:
    assert problem(write_family(tmp_path)) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("spec.py", SHAPE, '"bias": (spec.outputs,),', "found 'bias', expected names with one dot"),
        ("spec.py", SHAPE, '"head.bias.x": (1,),', "found 'head.bias.x', expected names with one dot"),
        (
            "spec.py",
            SHAPE,
            '"head.bias": [spec.outputs],',
            r"head.bias: found \[10\], expected a tuple of whole numbers",
        ),
        ("spec.py", SHAPE, '"head.bias": (0,),', r"head.bias: found \(0,\), expected a tuple of whole numbers above 0"),
        ("spec.py", "dropout: float", "dropout_rate: float", "Spec.dropout_rate: expected the name dropout"),
        ("spec.py", "outputs: int", "classes: int", "Spec: found no field outputs"),
        ("spec.py", "height: int", "rows: int", "expected those of a sample's shape"),
        ("spec.py", "def parameter_shapes", "def shapes", "found no parameter_shapes"),
        (
            "spec.py",
            "from dataclasses import dataclass",
            "import torch\nfrom dataclasses import dataclass",
            "spec.py, line 6: imports torch, expected no framework",
        ),
        ("spec.py", "filters = spec.filters", "filters = spec.filter", "spec.py, line [0-9]+: AttributeError"),
        ("spec.py", "class Spec:", "class Spec", "spec.py, line [0-9]+: SyntaxError: expected ':'"),
        ("spec.py", '"stem": "he_normal"', '"stm": "he_normal"', "INITIALIZERS: found no layer stm"),
        (
            "spec.py",
            '"stem": "he_normal"',
            '"stem": "xavier"',
            "INITIALIZERS: stem: found 'xavier', expected one of glorot_uniform",
        ),
        (
            "pytorch.py",
            "def build(spec: Spec, weights: named.Weights, *, seed: int = 0)",
            "def build(weights, spec)",
            r"build\(weights, spec\): expected build\(spec, weights, \*, seed=0\)",
        ),
        ("keras.py", "def export", "def exported", "keras.py: found no function export"),
        ("flax.py", "class Network(nnx.Module):", "class Network(nnx.Module)", "flax.py, line [0-9]+: SyntaxError"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, file: str, old: str, new: str, expected: str) -> None:
    family = write_family(tmp_path)
    change(family / file, old, new)
    found = problem(family)
    assert re.search(expected, found), found
    assert file in found


def test_a_rate_of_recurrent_dropout_is_known_by_its_name(tmp_path: Path) -> None:
    family = write_family(tmp_path)
    change(family / "spec.py", "dropout: float", "recurrent_dropout: float")
    assert "expected the name" not in problem(family)


def test_a_rate_of_dropout_inside_a_layer_has_to_have_the_known_name(tmp_path: Path) -> None:
    for name, is_told in (("drop", False), ("dropout", False), ("dropout_rate", True)):
        family = write_family(tmp_path / name)
        change(family / "spec.py", "    filters: int = 8", "    filters: int = 8\n    blocks: tuple = (Block(),)")
        change(family / "spec.py", "@dataclass(frozen=True)", f"{BLOCK.format(name)}@dataclass(frozen=True)")
        assert ("Spec.blocks.dropout_rate: expected the name dropout" in problem(family)) == is_told


@pytest.mark.parametrize("others", ["", ", others=('norm', 'first', 'head')"])
def test_a_part_may_name_further_layers_whose_weights_it_has(tmp_path: Path, others: str) -> None:
    family = write_family(tmp_path)
    with (family / "spec.py").open("a") as file:
        file.write("\n\nfrom models.layers.spec import Part\n\n")
        file.write(f"def parts(spec):\n    return [Part('stem', 'all', (spec.outputs,), 1{others})]\n")
    assert ("parts: found no layer norm" in problem(family)) == (not others)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def forward(spec, weights, inputs):\n    return inputs\n", r"forward: found outputs of shape \(2, 8, 8, 1\)"),
        ("def forward(spec, weights, inputs):\n    return weights['stem']\n", "spec.py, line [0-9]+: KeyError"),
        ("def parts(spec):\n    return []\n", "parts: found no layer"),
        (
            "from models.layers.spec import Part\n\ndef parts(spec):\n    return [Part('body', 'x', (3,), 1)]\n",
            "parts: found 'body' as the first layer.*found no layer stem, norm, first.*expected 10 outputs",
        ),
        (
            "def initial_weights(spec, *, seed):\n    return {}\n",
            "initial_weights: found no first.bias, no first.kernel",
        ),
        (
            DRAWN.format("numpy.random.normal(size=shape)"),
            "other values for the same seed",
        ),
        (
            DRAWN.format("numpy.full(shape, numpy.nan)"),
            "stem.kernel: found a value that is not finite",
        ),
        (
            DRAWN.format("numpy.zeros(3)"),
            r"stem.kernel: found shape \(3,\), expected \(3, 3, 1, 8\)",
        ),
    ],
)
def test_a_function_that_may_be_left_out_is_checked_if_it_is_there(tmp_path: Path, code: str, expected: str) -> None:
    family = write_family(tmp_path)
    with (family / "spec.py").open("a") as file:
        file.write(f"\n\n{code}")
    assert re.search(expected, found := problem(family)), found


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    family = write_family(tmp_path)
    change(family / "spec.py", SHAPE, '"bias": (spec.outputs,),')
    change(family / "spec.py", "dropout: float", "dropout_rate: float")
    change(family / "keras.py", "def export", "def exported")
    found = problem(family)
    assert all(text in found for text in ("'bias'", "dropout_rate", "no function export")), found


def test_a_folder_without_files_is_named(tmp_path: Path) -> None:
    family = write_family(tmp_path)
    for name in ("pytorch.py", "keras.py", "flax.py"):
        (family / name).unlink()
    assert "found no file of a framework, expected one or more of pytorch.py, keras.py, flax.py" in problem(family)
    (family / "spec.py").unlink()
    assert "found no file spec.py, expected one" in problem(family)
    family.rmdir()
    assert "found no file spec.py, expected one" in problem(family)
