"""No message has the words of the libraries that read a file: they are about code, not about the file."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import core_schema

from bench.errors import BenchError, expected, found_and_expected, unreadable
from bench.records.budget_files import load_budgets
from bench.records.machine_files import load_calibration
from bench.records.record_lines import ForeignLineError, from_line, to_line
from bench.records.store import Plan, RunFolder, new_run
from bench.workload import saved_model
from bench.workload.workload import load_workload
from tests.bench.sample_records import record
from tests.bench.workloads import toml

LIBRARY = (
    "Input should",
    "valid tuple",
    "valid dictionary",
    "valid list",
    "instance of",
    "validation error",
    "type=",
    "pydantic",
    "allow_pickle",
    "pickle",
    "codec",
    "Expecting",
    "Traceback",
    "object has no attribute",
    "unhashable",
    "keyword argument",
    "__",
)
VALUES: tuple[object, ...] = (
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "x",
    "nan",
    [],
    [[]],
    {},
    {"a": 1},
    [1, "2"],
    float("inf"),
    10**30,
)


def words_of_a_library(text: str) -> list[str]:
    return [words for words in LIBRARY if words in text]


def test_the_words_of_a_library_are_found() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(tuple[int, ...]).validate_python("x")
    assert words_of_a_library(str(caught.value)) != []


def test_every_mistake_that_the_library_knows_has_words_of_our_own() -> None:
    """Those that need a value in their text are tried with it in the tests below."""
    for kind in get_args(core_schema.ErrorType):
        context = dict.fromkeys(("gt", "ge", "lt", "le"), 1.0)
        words = {"min_length": 1, "max_length": 2, "expected": "'a' or 'b'", "expected_tags": "'a'", "error": "no"}
        text = expected({"type": kind, "msg": "Input should be a valid tuple", "input": 1, "ctx": context | words})
        assert words_of_a_library(text) == []


@pytest.mark.parametrize("kind", [tuple[int, ...], list[str], dict[str, int], int, float, bool, str, None], ids=str)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_wrong_value_is_told_in_words_of_our_own(kind: Any, value: object) -> None:  # noqa: ANN401 (any type)
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        for mistake in error.errors():
            assert words_of_a_library(found_and_expected(mistake)) == []


def told(read: Callable[[], object]) -> str:
    """What a reader says about a file, with a mark at each line end; nothing where it takes it."""
    try:
        read()
    except (BenchError, ForeignLineError) as error:
        return str(error).replace("\n", "__")
    return ""


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 (JSON)
    """Every place in a piece of JSON; of a list only the first item."""
    inside = (
        list(content.items())
        if isinstance(content, dict)
        else list(enumerate(content))[:1]
        if isinstance(content, list)
        else []
    )
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))]


def changed(text: str, place: tuple[Any, ...], value: object) -> str:
    content = json.loads(text)
    if not place:
        return json.dumps(value)
    inside = content
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return json.dumps(content)


LINE = to_line(record(samples=3))


@pytest.mark.parametrize("place", places(json.loads(LINE)), ids=lambda place: ".".join(map(str, place)))
def test_a_changed_record_is_read_or_told_in_words_of_our_own(place: tuple[Any, ...]) -> None:
    said = [told(partial(from_line, changed(LINE, place, value))) for value in VALUES]
    assert [words for text in said for words in words_of_a_library(text)] == []


BYTES = {
    "no text": b"\xff\xfe\x00\x01",
    "nothing": b"",
    "another format": b"\x89PNG\r\n\x1a\n",
    "half of it": b'{"a": [1, ',
    "a list": b"[1]",
    "a number": b"1",
    "deep": b"[" * 100_000,
    "zip": b"PK\x03\x04 and no more",
}


@pytest.mark.parametrize("content", BYTES)
def test_a_file_of_another_kind_is_told_in_words_of_our_own(content: str, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(BYTES[content])
    run = new_run(tmp_path / "results", machine="m")
    run.save_plan(Plan(cases=(), options={}))
    run.plan.write_bytes(BYTES[content])
    (tmp_path / "results" / "m" / "calibration.json").write_bytes(BYTES[content])
    (tmp_path / "model.json").write_bytes(BYTES[content])
    said = [
        told(lambda: load_workload(str(path))),
        told(lambda: load_budgets(path)),
        told(run.load_plan),
        told(lambda: saved_model.read(tmp_path)),
    ]
    assert all(said)
    warned: list[str] = []
    assert RunFolder(path).read(warn=warned.append) == []
    assert bool(warned) == bool(BYTES[content])
    said += [*warned, told(lambda: load_calibration(tmp_path / "results", "m"))]
    assert [words for text in said for words in words_of_a_library(text)] == []


BUDGETS = (
    '[[budget]]\nworkload = "wine"\naccuracy = "0.9"',
    "[[budget]]\nworkload = 3\naccuracy = 0.9",
    '[[budget]]\nworkload = "wine"\naccuracy = [0.9]',
    '[[budget]]\nworkload = "wine"\naccurracy = 0.9',
    '[[budget]]\nworkload = "wine"\nscenario = "trainig"\naccuracy = 0.9',
    '[[budget]]\nworkload = "wine"\nbatch_size = 1.5\nstep_p50_ms = 1.0',
    '[[budget]]\nworkload = "wine"\nstep_p50_ms = -1',
    '[[budget]]\nworkload = "wine"',
    '[budget]\nworkload = "wine"\naccuracy = 0.9',
    "budget = 3",
    "budget = []",
    "budget = [1]",
    'buget = "x"',
    "[[budget]]\naccuracy = nan",
)


@pytest.mark.parametrize("text", BUDGETS)
def test_a_mistake_in_budgets_is_told_in_words_of_our_own(text: str, tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(text)
    said = told(lambda: load_budgets(path))
    assert said.startswith(f"{path}: ")
    assert words_of_a_library(said) == []


@pytest.mark.parametrize("value", ["3", "-1", '"x"', "[]", "[1]", "{}", "{ a = 1 }", "true", "nan", "1e400", "[[]]"])
@pytest.mark.parametrize(
    "key",
    ["batch_size = 8", "epochs = 2", 'optimizer = { name = "adam", learning_rate = 1e-2 }', "hidden = [{ units = 5 }]"],
)
def test_a_changed_workload_is_taken_or_told_in_words_of_our_own(key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml((key, f"{key.partition(' = ')[0]} = {value}")))
    assert words_of_a_library(told(lambda: load_workload(str(path)))) == []


def test_the_reason_of_the_operating_system_is_kept() -> None:
    assert unreadable(PermissionError(13, "Permission denied")) == "cannot be read (Permission denied)"
    assert unreadable(ValueError("Cannot load file containing pickled data when allow_pickle=False")) == (
        "found a damaged file"
    )
