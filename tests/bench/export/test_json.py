"""JSON is read by pandas and by the standard library, and has no NaN."""

import io
import json
from typing import Any

import pandas as pd
import pytest

from bench.analysis.budgets import check
from bench.analysis.compare import compare
from bench.export import csv
from bench.export.json import render, report
from bench.records.budget import Budget
from tests.bench.sample_records import quick_run, record


def strict(text: str) -> Any:  # noqa: ANN401 (JSON)
    """The JSON in a text; NaN and infinity are errors."""

    def refuse(constant: str) -> float:
        raise ValueError(f"found {constant}")

    return json.loads(text, parse_constant=refuse)


def test_the_report_is_the_table_of_the_csv() -> None:
    run = quick_run()
    found = pd.read_json(io.StringIO(report(run)), orient="records")
    expected = pd.read_csv(io.StringIO(csv.render(run)))
    texts = ("unit", "doubt")  # pandas reads an empty cell as NaN
    expected = expected.assign(**{name: expected[name].astype(object).fillna("") for name in texts})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert len(found) > 300


def test_a_comparison_keeps_its_verdicts_and_has_null_for_unknown_values() -> None:
    alone = [record(), record("digits-cnn")]  # with one process the noise is unknown
    found = compare(alone, alone, threshold=0.05)
    content = strict(render(found))
    assert content["exit_code"] == 4
    assert (content["rows"][0]["ratio"], content["rows"][0]["low"]) == (1.0, None)
    assert content["rows"][0]["cell"]["workload"] == "digits-dnn"
    assert content["rows"][0]["cell"]["framework"] == "pytorch"
    assert '"contender"' not in render(found)
    with pytest.raises(ValueError, match="found NaN"):
        strict(json.dumps(found.rows[0].low))


def test_budgets_are_there_one_by_one() -> None:
    content = strict(render(check([Budget(workload="digits-dnn", step_p50_ms=1e-6)], quick_run())))
    assert content["exit_code"] == 3
    assert {item["verdict"] for item in content["checks"]} == {"BROKEN"}
