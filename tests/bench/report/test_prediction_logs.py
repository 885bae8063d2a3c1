"""The report of prediction logs: each model in a row, its errors, and a table over time."""

import pytest

from bench.analysis.prediction_logs import watched
from bench.records.prediction import Prediction
from bench.report import markdown
from bench.report.layout import Report, Table
from bench.report.prediction_logs import interval_in_words, report
from tests.bench.records.prediction_lines import line


def made(*lines: Prediction, every_s: float | None = None) -> Report:
    return report(watched(lines, every_s=every_s), title="Predictions in log.jsonl")


def table(found: Report, title: str) -> Table:
    (item,) = (item for section in found.sections for item in section.tables if item.title.startswith(title))
    return item


def texts(item: Table) -> list[dict[str, str]]:
    return [{column.title: entry.text for column, entry in zip(item.columns, row, strict=True)} for row in item.rows]


def test_each_model_is_a_row_with_its_figures() -> None:
    found = made(line(0.0, latency_ms=4.0), line(1.0), line(1.5, error="no memory", latency_ms=None, framework="flax"))
    models = table(found, "Models")
    assert [(row["framework"], row["predictions"], row["errors"]) for row in texts(models)] == [
        ("flax", "0", "1 (100.0%)"),
        ("pytorch", "2", "0"),
    ]
    assert texts(models)[1]["p50"] == "3.00 ms"
    assert texts(models)[0]["p50"] == "n/a"
    assert texts(table(found, "Most frequent errors")) == [
        {"model": "digits-dnn-pytorch-cpu-seed0", "framework": "flax", "times": "1", "error": "no memory"}
    ]
    assert "p50 to max: the latency of calls with one sample each." in models.notes


def test_a_note_says_that_calls_have_batches() -> None:
    batched = table(made(*(line(sample=number, batch=8) for number in range(8))), "Models")
    assert "A call is one query with up to 8 samples, which all wait for it." in "\n".join(batched.notes)


def test_a_note_says_that_the_files_of_a_model_were_replaced() -> None:
    assert "replaced" not in "\n".join(table(made(line()), "Models").notes)
    replaced = table(made(line(), line(1.0, model_digest="f" * 16)), "Models")
    assert "0123456789abcdef, ffffffffffffffff." in "\n".join(replaced.notes)


def test_a_table_over_time_has_the_shares_of_the_most_frequent_classes() -> None:
    lines = [line(60.0 * number, output="abcd"[number % 4 if number < 8 else 0]) for number in range(12)]
    over_time = texts(table(made(*lines, every_s=240.0), "digits-dnn-pytorch-cpu-seed0 by pytorch, every 4 min"))
    assert [row["from"] for row in over_time] == ["2026-03-04 05:00", "2026-03-04 05:04", "2026-03-04 05:08"]
    assert [row["share of a"] for row in over_time] == ["25.0%", "25.0%", "100.0%"]
    assert "share of d" not in over_time[0], "expected only the three most frequent classes"


def test_numbers_have_a_mean_and_no_share() -> None:
    lines = [line(float(number), output=float(number), confidence=None) for number in range(3)]
    found = made(*lines, every_s=1.0)
    assert texts(table(found, "Models"))[0]["mean output"] == "1.00"
    assert [row["mean output"] for row in texts(table(found, "digits-dnn"))] == ["0", "1.00", "2.00"]
    assert not [item for section in found.sections for item in section.tables if item.title == "Classes"]
    assert texts(table(found, "digits-dnn"))[1]["from"] == "2026-03-04 05:00:01"


def test_names_from_a_log_are_no_markdown() -> None:
    page = markdown.render(made(line(model="a|b", output="<b>")))
    assert r"a\|b" in page
    assert "&lt;b>" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.002, "2 ms"), (30, "30 s"), (900, "15 min"), (5400, "1.5 h"), (86400 * 2, "2 d")]
)
def test_the_length_of_an_interval_is_in_words(seconds: float, words: str) -> None:
    assert interval_in_words(seconds) == words
