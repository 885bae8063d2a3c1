"""The detail log of LoadGen is read by its own names."""

import json
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.worker.serving import load_log


def write(folder: Path, *entries: dict[str, object]) -> Path:
    lines = ["a line of something else", *(f":::MLLOG {json.dumps(entry)}" for entry in entries)]
    (folder / load_log.NAME).write_text("\n".join(lines))
    return folder


def entry(key: str, value: object, *, is_error: bool = False) -> dict[str, object]:
    return {"key": key, "value": value, "metadata": {"is_error": is_error}}


def test_values_are_found_by_their_names(tmp_path: Path) -> None:
    found = load_log.read(write(tmp_path, entry("result_validity", "VALID"), entry(load_log.MEAN, 12.5)))
    assert (found.kept["result_validity"], found.number(load_log.MEAN), found.number("other")) == ("VALID", 12.5, None)
    assert found.errors == ()


def test_errors_are_kept_though_the_run_is_called_valid(tmp_path: Path) -> None:
    found = load_log.read(write(tmp_path, entry("result_validity", "VALID"), entry("oh", "dropped", is_error=True)))
    assert found.errors == ("dropped",)


def test_a_missing_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="expected the detail log of LoadGen"):
        load_log.read(tmp_path)


def test_a_torn_log_is_an_error(tmp_path: Path) -> None:
    (tmp_path / load_log.NAME).write_text(':::MLLOG {"key": "resu')
    with pytest.raises(BenchError, match="expected the detail log of LoadGen"):
        load_log.read(tmp_path)
