"""A series is cut into windows in the order of time, and no window that is learnt from sees what is judged by."""

from pathlib import Path

import numpy as np
import pytest

from bench.datasets import series
from bench.datasets.base import Dataset, load, validation_split
from bench.datasets.description import describe, held_out
from bench.errors import DataError, UsageError

WALK = np.cumsum(np.random.default_rng(0).normal(size=600))


def walk(folder: Path, **options: object) -> dict[str, object]:
    lines = ["step,level,other", *(f"{row},{value!r},{row % 7}" for row, value in enumerate(WALK.tolist()))]
    path = folder / "walk.csv"
    path.write_text("\n".join(lines) + "\n")
    return {"kind": "series", "path": str(path), "target": "level", "steps": 12, **options}


def test_windows_and_targets_are_the_rows_in_their_order(tmp_path: Path) -> None:
    found = load(walk(tmp_path))
    assert found.description.sample_shape == (12, 1)
    assert (found.description.train, found.description.test) == (468, 120)
    np.testing.assert_array_equal(found.train.inputs[5, :, 0], WALK[5:17].astype(np.float32))
    np.testing.assert_array_equal(found.train.targets[5], WALK[17:18].astype(np.float32))
    np.testing.assert_array_equal(found.test.targets[:, 0], WALK[480:].astype(np.float32))
    np.testing.assert_array_equal(found.test.inputs[0, :, 0], WALK[468:480].astype(np.float32))


def test_no_value_is_a_target_in_two_parts(tmp_path: Path) -> None:
    found = load(walk(tmp_path, horizon=3, validation=0.25))
    targets = [set(part.targets.ravel().tolist()) for part in (found.train, found.validation, found.test)]
    assert not targets[0] & targets[1]
    assert not targets[1] & targets[2]
    assert found.description.outputs == 3
    assert set(found.train.inputs.ravel().tolist()) & targets[1] == set()
    # A planted leak: windows that are dealt out at random share their targets.
    every = np.concatenate([found.train.targets, found.validation.targets])
    order = np.random.default_rng(0).permutation(len(every))
    assert set(every[order[:300]].ravel().tolist()) & set(every[order[300:]].ravel().tolist())


def test_the_scaler_sees_only_rows_that_are_learnt_from(tmp_path: Path) -> None:
    table = held_out(walk(tmp_path, standardise=True), 0.25)
    train = load(table).train
    learnt, _ = validation_split(train, 0.25)
    rows = WALK[: 12 + len(learnt)]
    np.testing.assert_allclose(train.target_mean, rows.mean())
    np.testing.assert_allclose(train.target_deviation, rows.std())
    assert abs(WALK.mean() - rows.mean()) > 0.1  # the planted fault: fitted on everything


def test_held_out_windows_with_a_longer_horizon_are_refused_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"recipe\.validation_fraction.*dataset\.horizon = 3.*dataset\.validation"):
        describe(held_out(walk(tmp_path, horizon=3), 0.25))


def test_the_target_comes_first_among_several_columns(tmp_path: Path) -> None:
    found = load(walk(tmp_path, features=["other"], time="step"))
    assert found.description.sample_shape == (12, 2)
    np.testing.assert_array_equal(found.train.inputs[0, :, 1], np.arange(12) % 7)
    np.testing.assert_array_equal(found.train.inputs[0, :, 0], WALK[:12].astype(np.float32))
    with pytest.raises(UsageError, match="found 'level' more than once"):
        describe(walk(tmp_path, features=["level"]))


def dated(folder: Path, days: list[str], values: list[str], **options: object) -> dict[str, object]:
    lines = ["day,level", *(f"{day},{value}" for day, value in zip(days, values, strict=True))]
    path = folder / "days.csv"
    path.write_text("\n".join(lines) + "\n")
    return {"kind": "series", "path": str(path), "target": "level", "time": "day", "steps": 3, **options}


DAYS = [str(np.datetime64("2020-01-30") + np.timedelta64(day, "D")) for day in range(40)]
LEVELS = [str(number % 5) for number in range(40)]


def test_rows_that_are_not_in_the_order_of_time_are_refused(tmp_path: Path) -> None:
    assert not describe(dated(tmp_path, DAYS, LEVELS)).remarks
    wrong = [*DAYS[:5], DAYS[7], DAYS[6], DAYS[5], *DAYS[8:]]
    with pytest.raises(DataError, match=r"line 8, column 'day': found an earlier time than the row before \(and 1"):
        describe(dated(tmp_path, wrong, LEVELS))
    with pytest.raises(DataError, match="found the same time as the row before"):
        describe(dated(tmp_path, [*DAYS[:5], DAYS[4], *DAYS[6:]], LEVELS))


def test_a_longer_step_of_time_is_told(tmp_path: Path) -> None:
    found = describe(dated(tmp_path, [*DAYS[:20], *DAYS[22:]], LEVELS[:38]))
    assert "1 step is longer than usual in column 'day' (the first before line 22)" in " ".join(found.remarks)


def test_a_gap_is_refused_with_the_option_or_takes_the_row_before(tmp_path: Path) -> None:
    gaps = [*LEVELS[:7], "", *LEVELS[8:]]
    with pytest.raises(DataError, match=r'line 9, column .level.: found an empty cell.*dataset\.missing = "previous"'):
        describe(dated(tmp_path, DAYS, gaps))
    found = load(dated(tmp_path, DAYS, gaps, missing="previous"))
    # The rows 3 to 6 and 8 are targets. Row 7 had no value, and is only an input.
    np.testing.assert_array_equal(found.train.targets[:5, 0], [3, 4, 0, 1, 3])
    np.testing.assert_array_equal(found.train.inputs[4, :, 0], [0, 1, 1])
    assert "1 gap in column 'level' is an input and no target" in " ".join(found.description.remarks)
    with pytest.raises(DataError, match="has no row before the first"):
        describe(dated(tmp_path, DAYS, ["", *LEVELS[1:]], missing="previous"))


def test_a_series_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found 40 rows, which leave 0 windows for training"):
        describe(dated(tmp_path, DAYS, LEVELS, steps=35))


def test_nobody_can_predict_a_random_walk_better_than_the_naive_forecast(tmp_path: Path) -> None:
    found = load(walk(tmp_path))
    train, test = (part.inputs[:, :, 0].astype(float) for part in (found.train, found.test))
    naive = np.mean((test[:, -1] - found.test.targets[:, 0]) ** 2)
    assert fitted(train, found.train.targets, test, found.test.targets) > 0.95 * naive
    # A planted leak: a window that ends with its own target.
    with_target = [np.column_stack([part[:, 1:], targets]) for part, targets in windows_of(found, train, test)]
    assert fitted(with_target[0], found.train.targets, with_target[1], found.test.targets) < 0.1 * naive


def windows_of(found: Dataset, train: np.ndarray, test: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(train, found.train.targets), (test, found.test.targets)]


def fitted(train: np.ndarray, targets: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """The mean squared error of a linear forecast, fitted on the training windows."""
    weights, *_ = np.linalg.lstsq(np.column_stack([train, np.ones(len(train))]), targets[:, 0], rcond=None)
    errors = np.column_stack([test, np.ones(len(test))]) @ weights - truth[:, 0]
    return float(np.mean(errors**2))


def test_the_digest_changes_with_the_windows_and_not_with_the_place_of_the_file(tmp_path: Path) -> None:
    table = walk(tmp_path)
    moved = tmp_path / "elsewhere"
    moved.mkdir()

    def digest(found: dict[str, object]) -> str:
        options = series.Options(**{key: value for key, value in found.items() if key != "kind"})  # type: ignore[arg-type]
        return series.fingerprint(options)

    assert digest(walk(moved)) == digest(table)
    values = dated(tmp_path, DAYS, [*LEVELS[:7], LEVELS[6], *LEVELS[8:]], missing="previous")
    whole = digest(values)
    assert digest(dated(tmp_path, DAYS, [*LEVELS[:7], "", *LEVELS[8:]], missing="previous")) != whole
    assert digest({**table, "horizon": 2}) != digest(table)
    assert digest({**table, "steps": 11}) != digest(table)
