"""The report of drift answers the questions of its readers, and its tables have all columns and parts."""

import numpy as np
import pytest

from bench.analysis.drift import profiles
from bench.analysis.drift.parts import Parts
from bench.analysis.drift.verdicts import Drift, judge
from bench.report import drift
from bench.report.charts import drift as chart
from bench.report.page import drift_sheet
from bench.report.page.sheet import render, sheet_data
from tests.bench.analysis.drift.mixed_tables import COLUMNS, table

ROWS = 1_200


def drift_of(*, shifted: str = "", rows: int = ROWS, right: float = 1.0, months: bool = False) -> Drift:
    reference = profiles.reference(lambda: iter([table(ROWS, 0)]))
    found = Parts(reference, metric="accuracy", limit=0.9)
    scores = np.where(np.arange(rows) < right * rows, 1.0, 0.0)
    names = np.repeat(np.array(["2024-01", "2024-02"], dtype=object), rows // 2) if months else None
    found.add(table(rows, 1, shifted=shifted), names=names, scores=scores)
    return judge(
        reference, found.found(), names=("before.csv", "after.csv"), by="day:month" if months else "", remarks=["Mind."]
    )


def answered(found: Drift) -> dict[str, str]:
    lines = drift.report(found).answers[0].lines
    return {line.question: "; ".join(f"{part.who}: {part.words}" for part in line.clauses) for line in lines}


def test_equal_data_have_no_drift() -> None:
    found = answered(drift_of())
    assert found["Have the data changed?"] == "no: none of 20 tested columns has drifted"
    assert found["Exit code?"].startswith("0: no limit is broken")
    assert found["Is it time to train again?"].startswith("no: accuracy 1.0000 (0.9968 to 1.0000), limit 0.9000")


def test_a_column_that_changed_is_named_with_its_effect() -> None:
    found = answered(drift_of(shifted="column 4"))
    assert found["Have the data changed?"].startswith("yes: 1 of 20 tested columns: column 4 (effect 0.")
    assert found["Exit code?"] == "3: a limit is broken: a column drifted"


def test_a_model_that_got_worse_should_be_trained_again() -> None:
    found = answered(drift_of(right=0.5))
    assert found["Is it time to train again?"].startswith("yes: all rows: accuracy 0.5000 (0.47")
    assert found["Exit code?"] == "3: a limit is broken: the quality is beyond its limit"


def test_few_rows_are_said_to_be_undecided() -> None:
    found = answered(drift_of(rows=40))
    assert found["Have the data changed?"] == "undecided: 20 of 20 columns have too few rows; no other has drifted"
    assert found["What is undecided?"].startswith("too few rows: column 0, column 1")
    assert "more" in found["What is undecided?"]


def test_the_parts_with_drift_are_named() -> None:
    found = drift_of(shifted="column 4", months=True)
    assert answered(found)["In which day:month?"] == "2 of 2: 2024-01, 2024-02"
    by_month = drift.parts_table(found)
    assert [row[0].text for row in by_month.rows] == ["all", "2024-01", "2024-02"]
    assert by_month.title == "By day:month"


def test_the_table_has_every_column_and_drifted_ones_come_first() -> None:
    (columns, _) = drift.report(drift_of(shifted="column 4")).sections[0].tables
    assert len(columns.rows) == COLUMNS
    assert columns.rows[0][0].text == "column 4"
    verdicts = [row[[item.title for item in columns.columns].index("verdict")].text for row in columns.rows]
    assert verdicts == ["drifted", *["unchanged"] * (COLUMNS - 1)]


@pytest.mark.parametrize(("p", "words"), [(None, ""), (0.5, "0.5"), (0.0123, "0.012"), (1e-9, "<0.0001")])
def test_a_p_value_is_short(p: float | None, words: str) -> None:
    assert drift.p_in_words(p) == words


def test_a_histogram_in_text_has_the_shape_of_its_shares() -> None:
    assert drift.spark((0.0, 0.5, 1.0), 1.0) == "▁▅█"
    assert drift.spark((0.0,), 0.0) == "▁"


def test_the_chart_has_both_sides_of_each_bar() -> None:
    found = drift_of(shifted="column 4").parts[0]
    rows = chart.rows(found.columns)
    (bars,) = (item.bars for item in found.columns if item.name == "column 4" and item.bars)
    mine = [row for row in rows if row["column"] == "column 4"]
    assert [row["share"] for row in mine if row["side"] == "later data"] == pytest.approx(bars.current, rel=1e-3)
    assert [row["share"] for row in mine if row["side"] == "reference"] == pytest.approx(bars.reference, rel=1e-3)
    assert mine[0]["panel"] == "column 4: drifted"


def test_the_page_has_all_columns_whose_rows_open_to_their_bars() -> None:
    sheet = drift_sheet.sheet(drift_of(shifted="column 4", months=True))
    parts, columns = sheet.tables
    assert len(columns.lines) == COLUMNS
    assert columns.lines[0].inside[0].title == "Shares of the rows"
    assert parts.lines[1].inside
    assert sheet_data(sheet)["about"] == ["Mind."]
    assert "column 4" in render(sheet)
