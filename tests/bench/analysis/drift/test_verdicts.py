"""The verdict on later data and its parts, and the exit code that follows."""

import numpy as np
import pytest

from bench.analysis.drift import parts as collected
from bench.analysis.drift import profiles
from bench.analysis.drift.parts import Parts
from bench.analysis.drift.verdicts import Drift, judge
from bench.errors import ExitCode, UsageError
from tests.bench.analysis.drift.mixed_tables import table

ROWS = 1_200


def judged(  # noqa: PLR0913 (what may differ)
    rows: int = ROWS,
    *,
    shifted: str = "",
    names: np.ndarray | None = None,
    scores: np.ndarray | None = None,
    share_limit: float = 0.0,
    by: str = "",
) -> Drift:
    reference = profiles.reference(lambda: iter([table(rows, 0)]))
    found = Parts(reference, by=by, metric="accuracy", limit=0.9)
    found.add(table(rows, 1, shifted=shifted), names=names, scores=scores)
    return judge(reference, found.found(), names=("before", "after"), by="month", share_limit=share_limit)


def test_parts_that_are_numbers_are_in_the_order_of_numbers_and_missing_values_are_last() -> None:
    found = judged(names=np.resize(np.array(["10", "9", "", "north", "nan", "-1"], dtype=object), ROWS))
    assert [part.name for part in found.parts] == ["", "-1", "9", "10", "nan", "north", "(no value)"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, ExitCode.DONE),
        ({"shifted": "column 0"}, ExitCode.REGRESSED),
        ({"shifted": "column 0", "share_limit": 0.05}, ExitCode.DONE),
        ({"rows": 40}, ExitCode.INCONCLUSIVE),
        ({"scores": np.repeat([1.0, 0.0], (600, 600))}, ExitCode.REGRESSED),
        ({"scores": np.repeat([1.0, 0.0], (1_080, 120))}, ExitCode.INCONCLUSIVE),
        ({"scores": np.full(ROWS, np.nan)}, ExitCode.DONE),
    ],
)
def test_the_exit_code_follows_from_columns_and_quality(given: dict[str, object], code: ExitCode) -> None:
    assert judged(**given).exit_code == code  # type: ignore[arg-type]


def test_nothing_tested_is_no_success() -> None:
    ids = {"x": np.array([f"id {number}" for number in range(ROWS)], dtype=object)}
    reference = profiles.reference(lambda: iter([ids]))
    found = Parts(reference)
    found.add(ids)
    assert judge(reference, found.found(), names=("a", "b")).exit_code == ExitCode.NOTHING_MEASURED


def test_each_part_has_its_own_verdict() -> None:
    reference = profiles.reference(lambda: iter([table(ROWS, 0)]))
    found = Parts(reference, metric="accuracy", limit=0.9)
    found.add(table(ROWS, 1), names=np.full(ROWS, "2024-01", dtype=object), scores=np.ones(ROWS))
    found.add(table(ROWS, 2, shifted="column 1"), names=np.full(ROWS, "2024-02", dtype=object), scores=np.zeros(ROWS))
    whole, first, second = judge(reference, found.found(), names=("a", "b"), by="month").parts
    assert (first.name, second.name) == ("2024-01", "2024-02")
    assert (first.drifted, second.drifted) == ((), ("column 1",))
    assert whole.rows == first.rows + second.rows
    assert first.quality is not None
    assert second.quality is not None
    assert (first.quality.verdict, second.quality.verdict) == ("kept", "retrain")


def test_the_column_that_makes_the_parts_is_not_compared_in_them() -> None:
    later = table(ROWS, 1)
    found = judged(names=later["column 3"], by="column 3")
    assert "column 3" in {item.name for item in found.parts[0].columns}
    assert all("column 3" not in {item.name for item in part.columns} for part in found.parts[1:])
    assert found.exit_code != ExitCode.REGRESSED


def test_rows_without_a_name_are_a_part() -> None:
    names = np.array(["a", None] * (ROWS // 2), dtype=object)
    assert [part.name for part in judged(names=names).parts] == ["", "a", collected.NO_VALUE]


def test_too_many_parts_are_refused() -> None:
    names = np.array([f"{number}" for number in range(ROWS)], dtype=object)
    with pytest.raises(UsageError, match="--by: found more than 200 different values, expected at most 200"):
        judged(names=names)
