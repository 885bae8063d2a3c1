"""The pages of a comparison and of a search have all figures, the changed ones first."""

import json
import math
from dataclasses import replace

from bench.analysis.compare import compare, times
from bench.records.timing_metrics import timed_blocks
from bench.report.page import tuning_sheet
from bench.report.page.sheet import Sheet, render, sheet_data
from tests.bench.report.page.sheets import FAILED, FASTER, USUAL, cell, comparison_of, searched, searches, slower_lstm
from tests.bench.sample_records import learning, quick_run, record


def test_every_compared_figure_is_in_one_table_and_changes_come_first() -> None:
    slow = quick_run(workloads=["digits-lstm"], run="b", slowdown=1.3)
    candidate = [*quick_run(workloads=["digits-dnn", "digits-cnn"], run="b"), *slow]
    found = compare(quick_run(), candidate, threshold=0.05)
    tables = comparison_of(quick_run(), candidate).tables
    assert [item.title for item in tables[:2]] == ["What changed", "Unchanged"]
    assert [bool(item.folded) for item in tables[:2]] == [False, True]
    shown = [[entry.text for entry in line.entries] for item in tables[:2] for line in item.lines]
    assert len(shown) == len(found.rows) + len(found.changes)
    assert {row[0] for row in shown[: len(tables[0].lines)]} == {"digits-lstm"}
    evidence = [line.entries[-1].value for line in tables[0].lines]
    assert evidence == sorted(evidence, key=float, reverse=True)  # type: ignore[arg-type] # they are numbers


def test_a_row_opens_to_the_time_of_each_process() -> None:
    line = slower_lstm().tables[0].lines[0]
    (processes,) = line.inside
    assert {row[0].text for row in processes.rows} == {"baseline", "candidate"}
    before, after = (
        [row[2].value for row in processes.rows if row[0].text == side] for side in ("baseline", "candidate")
    )
    assert len(before) == len(after) == 3
    assert math.isclose(after[0] / before[0], 1.3, rel_tol=0.05)  # type: ignore[operator] # they are numbers
    assert line.command.startswith("levelfield run digits-lstm --framework ")


def test_the_times_of_processes_are_those_of_the_records() -> None:
    line = slower_lstm().tables[0].lines[0]
    blocks = timed_blocks(quick_run())
    known = {f"{value:.6g}" for of in times(blocks, [*blocks]).values() for value in of}
    shown = {f"{row[2].value:.6g}" for row in line.inside[0].rows if row[0].text == "baseline"}
    assert shown <= known
    assert not {f"{2 * row[2].value:.6g}" for row in line.inside[0].rows} <= known  # type: ignore[operator]


def test_the_environments_stand_beside_the_changes() -> None:
    other = [replace(item, environment=replace(item.environment, python="CPython 4.0")) for item in quick_run(run="b")]
    beside = comparison_of(quick_run(), other).beside
    assert beside is not None
    assert [row[0].text for row in beside.rows] == ["Python"]
    assert comparison_of(quick_run(), quick_run(run="b")).beside is None


def test_the_chart_has_the_interval_of_each_time_and_what_does_not_count() -> None:
    (chart,) = slower_lstm().charts
    assert {row["workload"] for row in chart.rows} == {"digits-dnn", "digits-cnn", "digits-lstm"}
    for row in chart.rows:
        assert row["low"] <= row["ratio"] <= row["high"]
        assert (row["least"], row["most"]) == (0.952381, 1.05)
        assert (row["verdict"] == "regressed") == (row["workload"] == "digits-lstm")


def test_sides_that_cannot_be_compared_have_a_page_that_says_so() -> None:
    found = sheet_data(comparison_of([record()], [record(workload_digest="new")]))
    assert "Not comparable" in [item["title"] for item in found["tables"]]
    assert found["charts"] == []


def test_a_search_shows_every_candidate_with_its_timings_and_whole_errors() -> None:
    first, second = searches().tables
    assert [line.entries[3].text for line in first.lines] == [
        "call jax.jit",
        "default",
        "call wrong",
        "call fast",
        "compile a; 1 more failed for the same reason",
    ]
    assert [row[1].value for row in first.lines[0].inside[0].rows] == [1e-3, 1.1e-3, 1e-3]
    assert [row[1].text for row in first.lines[4].inside[0].rows] == [FAILED[0].error, FAILED[1].error]
    assert [line.entries[3].text for line in second.lines] == ["default"]


def test_the_answers_of_a_search_name_the_choice_and_a_disturbance() -> None:
    (answers,) = searches().answers
    chosen, stays = (line.clauses[0] for line in answers.lines)
    assert (chosen.who, stays.who) == ("call jax.jit", "the default stays")
    assert chosen.text == "4.00× as fast as the default, proven equal; 4 of 6 candidates ran"
    assert stays.text.endswith("other programs were running †")


def test_the_chart_of_a_search_rings_what_was_chosen_and_leaves_what_is_not_proven_hollow() -> None:
    (chart,) = searches().charts
    assert {row["name"] for row in chart.rows if row["chosen"]} == {"flax: call jax.jit", "pytorch: default"}
    assert {row["name"] for row in chart.rows if not row["proven"]} == {"flax: call wrong", "flax: call fast"}
    assert len([row for row in chart.rows if row["name"] == "flax: default"]) == 3


def data_in(page: str) -> str:
    return page.partition('id="data">')[2].partition("</script>")[0]


def test_text_of_users_is_data_and_never_a_part_of_the_page() -> None:
    bad = '<script>alert("$$ | x")</script>'
    page = render(Sheet(title=bad, about=(bad,)))
    assert bad not in page
    found = json.loads(data_in(page))
    assert (found["title"], found["about"]) == (bad, [bad])
    searched = data_in(render(searches()))
    assert "<b>" not in searched
    assert "it <b>cannot</b>" in json.dumps(json.loads(searched))


def test_searches_on_two_devices_are_told_apart() -> None:
    found = {cell(): searched(FASTER, USUAL), replace(cell(), device="cuda"): searched(USUAL)}
    sheet = tuning_sheet.sheet("Options", found, picked={}, source=[])
    assert [line.question for line in sheet.answers[0].lines] == [
        "flax, training, batch 32, cpu?",
        "flax, training, batch 32, cuda?",
    ]
    assert {row["panel"] for row in sheet.charts[0].rows} == {"training, batch 32, cpu", "training, batch 32, cuda"}
    assert [item.lines[0].entries[3].text for item in sheet.tables] == ["cpu", "cuda"]


def test_a_choice_is_named_even_if_the_default_could_not_be_timed() -> None:
    found = {cell(): searched(FASTER, replace(USUAL, outcome="oom", times_s=()))}
    (line,) = tuning_sheet.sheet("Options", found, picked={}, source=[]).answers[0].lines
    assert line.clauses[0].who == "call jax.jit"
    assert line.clauses[0].text.startswith("the default could not be timed, proven equal; ")


def test_quality_has_no_ratio_and_an_undecided_time_no_evidence() -> None:
    worse = [
        replace(item, measurement=replace(item.measurement, learning=replace(learning(), quality={"accuracy": 0.5})))
        if item.case.purpose == "learning"
        else item
        for item in quick_run(run="b")
    ]
    (changed, *_) = comparison_of(quick_run(), worse).tables
    assert {line.entries[2].text for line in changed.lines} == {"accuracy, training"}
    assert {line.entries[6].text for line in changed.lines} == {"n/a"}
    (_, undecided, *_) = comparison_of([record()], [record(run="b", slowdown=2.0)]).tables
    assert [line.entries[-1].text for line in undecided.lines] == ["n/a", "n/a"]


def test_a_command_names_the_feed_and_the_file_of_a_workload_of_ones_own() -> None:
    mine = [
        replace(item, case=replace(item.case, workload="my-table", feed="host"))
        for item in quick_run(workloads=["digits-dnn"])
    ]
    line = comparison_of(mine, [replace(item, run="b") for item in mine]).tables[1].lines[0]
    assert line.command.startswith("levelfield run my-table.toml --framework ")
    assert line.command.endswith(" --feed host")
