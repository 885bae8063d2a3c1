"""Frames have the declared columns and types, and no others."""

import pandas as pd
import pytest

import bench
from bench.api import frames
from bench.api.columns import COMPARISON, CURVES, ENVIRONMENT, OF_RUNS, TIME, Columns
from bench.errors import UsageError


def misfits(frame: pd.DataFrame, declared: Columns) -> dict[str, str]:
    """The columns that differ from their declaration in place, name or type."""
    found = {name: str(kind) for name, kind in frame.dtypes.items()}
    expected = {name: column.type for name, column in declared.items()}
    wrong = {str(name): kind for name, kind in found.items() if expected.get(str(name)) != kind}
    missing = dict.fromkeys(expected.keys() - found.keys(), "missing")
    return wrong | missing if list(found) == list(expected) or wrong or missing else {"order": "differs"}


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_frame_has_the_columns_that_are_documented(name: str, runs: bench.Runs) -> None:
    frame = getattr(runs, name)
    assert len(frame) > 0
    assert misfits(frame, OF_RUNS[name][1]) == {}


def test_a_comparison_has_the_columns_that_are_documented(runs: bench.Runs) -> None:
    with pytest.warns(UserWarning, match="are the same run"):
        found = bench.compare(runs, runs)
    assert misfits(found.frame, COMPARISON) == {}
    assert misfits(found.environment, ENVIRONMENT) == {}, "an empty frame too"


def test_a_misfit_is_found(runs: bench.Runs) -> None:
    assert misfits(runs.curves.drop(columns="seed"), CURVES) == {"seed": "missing"}
    assert misfits(runs.curves.assign(more=1), CURVES) == {"more": "int64"}
    assert misfits(runs.curves.astype({"epoch": "float64"}), CURVES) == {"epoch": "float64"}
    assert misfits(runs.curves[[*reversed([*CURVES])]], CURVES) == {"order": "differs"}


def test_a_row_without_a_value_has_a_missing_one() -> None:
    frame = frames.table([{"epoch": 1}], CURVES)
    assert frame.loc[0, "epoch"] == 1
    assert frame.drop(columns="epoch").isna().all(axis=None)


@pytest.mark.parametrize("name", OF_RUNS)
def test_every_column_is_described_in_a_sentence(name: str, runs: bench.Runs) -> None:
    shown = repr(runs.describe(name)), runs.describe(name)._repr_html_()
    for column, declared in OF_RUNS[name][1].items():
        assert declared.meaning.endswith(".")
        assert f"  {column} ({declared.type}): {declared.meaning}" in shown[0].splitlines()
        assert f">{column}</td>" in shown[1]


def test_times_are_utc(runs: bench.Runs) -> None:
    assert str(runs.processes["started"].dtype) == TIME
    assert runs.processes["started"].iloc[0] == pd.Timestamp("2026-01-01T00:00:00Z")


def test_a_frame_that_does_not_exist_is_refused_with_those_that_do(runs: bench.Runs) -> None:
    with pytest.raises(UsageError, match=r"describe: found 'cell' \(did you mean cells\?\)"):
        runs.describe("cell")
