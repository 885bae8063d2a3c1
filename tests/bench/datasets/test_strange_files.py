"""Names with line breaks and arrays of times, found in mutated files, are told in one line."""

import io
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.description import describe
from bench.datasets.own_files import header
from bench.errors import DataError

CSV = '"two\nlines",a\n' + "1,2\n" * 9


def test_a_name_with_a_line_break_is_shown_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.csv").write_text(CSV)
    table: dict[str, object] = {"kind": "csv", "path": str(tmp_path / "own.csv"), "task": "regression", "target": "y"}
    with pytest.raises(DataError) as caught:
        describe(table)
    assert str(caught.value).endswith("one of 'two\\nlines', a")
    monkeypatch.setattr(header, "plain", str)
    with pytest.raises(DataError, match="two\nlines"):
        describe({**table, "target": "z"})


def test_names_in_a_remedy_can_be_copied_into_a_toml_file() -> None:
    assert header.listed(["a", 'say "x"', "two\nlines", "ä\\"]) == '["a", "say \\"x\\"", "two\\nlines", "ä\\\\"]'


@pytest.mark.parametrize("unit", ["m8[D]", "M8[s]"])
def test_times_in_an_array_are_no_numbers(unit: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, inputs=np.ones((9, 2)).astype(np.int64).astype(unit), targets=np.arange(9) / 9)
    (tmp_path / "own.npz").write_bytes(file.getvalue())
    with pytest.raises(DataError, match=r"inputs: found an array of (durations|dates), expected real numbers: write "):
        describe({"kind": "npz", "path": str(tmp_path / "own.npz"), "task": "regression"})
    np.savez(tmp_path / "own.npz", inputs=np.eye(9), targets=np.arange(9) / 9)
    assert describe({"kind": "npz", "path": str(tmp_path / "own.npz"), "task": "regression", "seed": 1}).train == 7
