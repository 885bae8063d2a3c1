"""What a report says of servers under load: the highest rates, latencies, and runs that are not valid."""

from dataclasses import replace

import pytest

from bench.analysis.load_runs import Seen
from bench.records.load import HighestRate, Loaded
from bench.records.record import Record
from bench.report import answers, under_load
from bench.report.case_lines import line
from bench.report.charts import load as chart
from bench.report.layout import Table
from bench.report.results import Results, arrange
from bench.report.servers import rate_in_words
from bench.report.tables import report
from tests.bench.sample_records import load, quick_run, record, use
from tests.bench.served_records import SEEN, served, three_frameworks


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return three_frameworks()


@pytest.fixture(scope="module")
def results(records: list[Record]) -> Results:
    return arrange(records)


def texts(table: Table) -> list[dict[str, str]]:
    names = [column.title for column in table.columns]
    return [dict(zip(names, (entry.text for entry in row), strict=True)) for row in table.rows]


def loaded(found: Record) -> Loaded:
    assert found.measurement.loaded is not None
    return found.measurement.loaded


def test_the_highest_rate_is_an_interval_with_the_latency_there(records: list[Record], results: Results) -> None:
    table = under_load.highest_table(results)
    assert table.title == "Highest rate within 5 ms (p99)"
    rows = {row["framework"]: row for row in texts(table)}
    assert list(rows) == ["pytorch", "keras/tensorflow", "flax"]
    highest = loaded(records[-1]).highest
    assert highest is not None
    assert rows["flax"]["highest rate"] == rate_in_words(highest)
    assert rows["keras/tensorflow"]["highest rate"].startswith("below ")
    assert rows["pytorch"]["certificate"] == "proven equal"
    assert "energy of a query" not in rows["flax"], "no counter was read"


def test_single_queries_have_percentiles_and_what_the_generator_adds(results: Results) -> None:
    rows = texts(under_load.single_table(results))
    assert [row["framework"] for row in rows] == ["pytorch", "keras/tensorflow", "flax"]
    assert all(row["added (p90)"] == "20.0 µs" for row in rows)
    assert all(row[name].endswith("s") for row in rows for name in ("p50", "p90", "p99", "max"))


def test_all_queries_at_once_have_samples_per_second(results: Results) -> None:
    table = under_load.offline_table(results)
    assert [row["batch"] for row in texts(table)] == ["1", "1", "1"]
    place = [column.title for column in table.columns].index("samples/s")
    rates = [float(row[place].value or 0) for row in table.rows]
    assert rates[1] < rates[0] < rates[2], "Keras is the slowest, Flax the fastest"


def test_every_run_is_in_a_table_with_its_rates_and_its_result(records: list[Record], results: Results) -> None:
    rows = texts(under_load.runs_table(results, "digits-cnn"))
    assert len(rows) == sum(len(loaded(item).runs) for item in records)
    assert {row["result"].split(",")[0] for row in rows} >= {"kept", "broken", "valid"}


def test_the_answer_names_the_framework_whose_rate_is_above_all_others(results: Results) -> None:
    (found,) = answers.answers(results)
    first = found.lines[0]
    assert first.question == "Highest rate within 5 ms (p99)?"
    assert [clause.who for clause in first.clauses] == ["flax"]
    assert "pytorch" in first.clauses[0].words


def test_rates_that_overlap_have_no_winner() -> None:
    found = arrange([served("pytorch"), served("flax")])
    (answer,) = under_load.answers(found, ("cpu", "idiomatic", "fp32"))
    assert [clause.who for clause in answer.clauses] == ["no winner"]


def test_a_server_that_keeps_no_rate_is_named_too() -> None:
    found = arrange([served("pytorch", service_ns=3e6), served("flax", service_ns=3e6)])
    (answer,) = under_load.answers(found, ("cpu", "idiomatic", "fp32"))
    assert [clause.who for clause in answer.clauses] == ["no framework"]
    assert answer.clauses[0].words.count("below ") == 2


def test_a_single_server_is_compared_with_nobody() -> None:
    (answer,) = under_load.answers(arrange([served("pytorch")]), ("cpu", "idiomatic", "fp32"))
    assert [clause.who for clause in answer.clauses] == ["no comparison"]


def test_a_server_without_a_proof_is_in_no_answer() -> None:
    found = arrange([served("pytorch", certificate="failed"), served("flax")])
    (answer,) = under_load.answers(found, ("cpu", "idiomatic", "fp32"))
    assert "pytorch" not in answer.clauses[0].words
    assert texts(under_load.highest_table(found))[0]["certificate"] == "proof failed"


def test_a_run_that_is_not_valid_is_marked_and_says_why() -> None:
    late = served("pytorch", limit_ns=None, late_ns=10**7)
    found = arrange([late])
    rows = texts(under_load.runs_table(found, "digits-cnn"))
    assert all(row["result"].startswith("not valid †: the load generator was late by") for row in rows)
    assert all(row["doubt"] for row in chart.rows(found) if row["kind"] == "mark")
    single = arrange([served("pytorch", "single_stream", seen=replace(SEEN, misfit="deviates by 0.3"))])
    table = under_load.single_table(single)
    assert texts(table)[0]["p90"].endswith("†")
    assert any("wrong answers: deviates by 0.3" in note for note in table.notes)


def test_figures_of_runs_that_other_work_disturbed_are_marked() -> None:
    busy = use(load(others=0.6, cores=1, own=0.4))
    quiet = use(load(others=0.0, cores=1, own=1.0))
    found = arrange([served("pytorch", "single_stream", seen=replace(SEEN, use=busy))])
    table = under_load.single_table(found)
    assert texts(table)[0]["p90"].endswith("†")
    assert any("disturbed in most of its runs: other programs used 0.6 of 1 core" in note for note in table.notes)
    rows = texts(under_load.runs_table(found, "digits-cnn"))
    assert all("; disturbed: other programs used 0.6 of 1 core" in row["result"] for row in rows)
    calm = arrange([served("pytorch", "single_stream", seen=replace(SEEN, use=quiet))])
    assert "†" not in str(under_load.single_table(calm).rows)


def test_a_valid_run_is_not_marked(results: Results) -> None:
    table = under_load.single_table(results)
    assert "†" not in str(table.rows)
    assert not any("not valid" in note for note in table.notes)


def test_tables_say_that_the_figures_are_unofficial(results: Results) -> None:
    notes = " ".join(note for table in under_load.load_tables(results) for note in table.notes)
    assert notes.count("MLPerf") == 1, "once for all tables"
    assert "By LoadGen 6.0.17, unofficial: this is not an MLPerf result." in notes
    assert "The load generator has a core of its own; the server has 1 thread." in notes


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (HighestRate(confirmed_per_s=12_300, refuted_per_s=12_700, ending="found"), "12.3 k to 12.7 k"),
        (HighestRate(confirmed_per_s=12_300, refuted_per_s=None, ending="lower bound"), "at least 12.3 k"),
        (HighestRate(confirmed_per_s=None, refuted_per_s=3, ending="upper bound"), "below 3.00"),
        (HighestRate(confirmed_per_s=1, refuted_per_s=None, ending="inconclusive"), "inconclusive, 1.00 to n/a"),
    ],
)
def test_the_highest_rate_in_words(found: HighestRate, words: str) -> None:
    assert rate_in_words(found) == words


def test_servers_beside_other_cases_have_no_row_in_the_tables_of_times() -> None:
    usual = quick_run(workloads=("digits-cnn",))
    alone, beside = report(usual), report([*usual, *three_frameworks(run="run-1")])
    assert [table for table in beside.sections[0].tables if table.title == "Summary"] == [
        table for table in alone.sections[0].tables if table.title == "Summary"
    ]
    titles = [table.title for section in beside.sections for table in section.tables]
    assert {"Highest rate within 5 ms (p99)", "Single queries (single_stream)", "Every run under load"} <= set(titles)
    assert "Every run under load" not in [table.title for section in alone.sections for table in section.tables]


def test_a_server_that_failed_is_among_the_failures() -> None:
    failed = served("pytorch", outcome="failed", error="the load generator ended with status 1", run="run-1")
    for others in ([], quick_run(workloads=("digits-cnn",))):
        found = report([*others, failed])
        (table,) = [table for section in found.sections for table in section.tables if table.title == "Failures"]
        assert "the load generator ended with status 1" in str(table.rows)


def test_a_record_in_one_line() -> None:
    assert line(served("flax", "offline")).startswith("digits-cnn flax, offline 1: ")
    assert "samples/s at batch 1" in line(served("flax", "offline"))
    assert "highest rate" in line(served())
    assert "latency p90" in line(served("flax", "single_stream"))
    assert "p99" in line(served(limit_ns=None))
    invalid = served("flax", "single_stream", seen=Seen(misfit="x"))
    assert line(invalid).endswith("(3 of 3 runs not valid)")


def test_the_chart_has_a_mark_for_each_run_with_a_rate_and_a_line_for_the_limit(
    records: list[Record], results: Results
) -> None:
    rows = chart.rows(results)
    marks = [row for row in rows if row["kind"] == "mark"]
    assert len(marks) == sum(
        len(loaded(item).runs) for item in records if item.case.serving and item.case.serving.load == "server"
    )
    (limit,) = [row for row in rows if row["kind"] == "limit"]
    assert limit["value"] == 0.005
    kept = [row for row in marks if row["result"].startswith("kept")]
    assert kept
    assert all(row["value"] <= 0.005 and row["keeps_up"] for row in kept)


def test_a_run_without_servers_has_no_such_chart() -> None:
    assert chart.rows(arrange([record()])) == []
