"""A figure that cannot be relied on is marked wherever it stands, it is not ranked, and a note says why."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.analysis.budgets import check
from bench.analysis.compare import compare
from bench.export import csv
from bench.records.budget import Budget
from bench.records.record import Record
from bench.report import budgets, comparison
from bench.report.charts import files
from bench.report.layout import Report, Table
from bench.report.reliability import MARKED, SIGN
from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import load, one_by_one, quick_run, record, timed, use

QUIET, BUSY = use(load()), use(load(others=0.9, own=1.1))
FRAMEWORKS = ("pytorch", "flax", "keras/jax")
NO_WINNER = "No winner is named where a figure that is not ranked may be the fastest: "


def run(*busy: str) -> list[Record]:
    """Three frameworks in training and inference, of which some were disturbed in one process each."""
    found = []
    for item in (made for name in FRAMEWORKS for number in range(3) for made in _processes(name, number)):
        state = BUSY if item.case.contender in busy and item.case.replicate == 1 else QUIET
        blocks = tuple(replace(one, use=state) for one in item.measurement.blocks)
        found.append(replace(item, measurement=replace(item.measurement, blocks=blocks)))
    return found


def _processes(framework: str, number: int) -> tuple[Record, Record]:
    return (
        record(framework=framework, replicate=number),
        record(framework=framework, scenario="inference", replicate=number, batch_sizes=(1, 256)),
    )


def differing(framework: str, *times_s: float) -> list[Record]:
    """A process of this framework for each of the times."""
    made = one_by_one(times_s, "idiomatic")
    name, _, backend = framework.partition("/")
    return [replace(item, case=replace(item.case, framework=name, backend=backend or None)) for item in made]


def summary(found: Report) -> Table:
    return table_of(found, "Summary", "Summary")


def note(table: Table, beginning: str) -> str:
    """The note with this beginning; empty if there is none."""
    return next((text for text in table.notes if text.startswith(beginning)), "")


def test_a_disturbed_cell_is_marked_in_the_summary_and_is_neither_ranked_nor_bold() -> None:
    table = summary(report(run("flax")))
    assert column(table, "vs fastest") == ["no winner", "disturbed", "no winner"]
    for title in ("training samples/s", "latency at batch 1 (p50)", "throughput at batch 256"):
        number = [item.title for item in table.columns].index(title)
        assert [SIGN in row[number].text for row in table.rows] == [False, True, False]
        assert not any(row[number].best for row in table.rows), "flax may be the fastest"
    assert "other programs used 0.9 of 2 cores, in 1 of 3 processes" in note(table, "Disturbed while it was timed")
    assert "Stop other work" in note(table, "Disturbed while it was timed")


def test_a_quiet_run_has_no_mark_anywhere() -> None:
    found = report(run())
    tables = [table for section in found.sections for table in section.tables]
    assert not [entry for table in tables for row in table.rows for entry in row if SIGN in entry.text]
    assert not [text for table in tables for text in table.notes if SIGN in text or "Disturbed" in text]
    assert column(summary(found), "vs fastest") == ["1.51×", "1.00×", "2.35×"]


@pytest.mark.parametrize("title", ["Training", "Inference", "First calls"])
def test_a_disturbed_cell_is_marked_in_every_table_with_its_figures(title: str) -> None:
    table = table_of(report(run("flax")), "digits-dnn", title)
    framework = [item.title for item in table.columns].index("framework")
    marked = {row[framework].text for row in table.rows if any(SIGN in entry.text for entry in row)}
    assert marked == {"flax"}
    assert note(table, SIGN)


def test_in_a_table_of_times_the_reason_stands_in_place_of_the_rank() -> None:
    table = table_of(report(run("flax")), "digits-dnn", "Training")
    assert column(table, "vs fastest")[1] == "not ranked: disturbed"
    assert not any(entry.best for entry in table.rows[1])


def test_no_framework_is_named_as_the_fastest_if_all_were_disturbed() -> None:
    found = report(run(*FRAMEWORKS))
    for table in (summary(found), table_of(found, "digits-dnn", "Training")):
        assert not any(entry.best for row in table.rows for entry in row)
        assert "batch 32" in note(table, NO_WINNER)
    assert column(summary(found), "vs fastest") == ["disturbed"] * 3


def test_no_winner_is_named_where_a_cell_that_is_not_ranked_may_be_the_fastest() -> None:
    found = summary(report(run("flax")))
    assert "digits-dnn flax, training at batch 32" in note(found, NO_WINNER)
    assert not any(entry.best for row in found.rows for entry in row)
    slowest = summary(report(run("keras/jax")))
    assert note(slowest, NO_WINNER) == "", "one of its processes was disturbed, and the others are slow"
    assert any(entry.best for row in slowest.rows for entry in row)


def test_a_slow_cell_of_which_every_process_was_disturbed_may_be_the_fastest() -> None:
    everything = [item for item in run("keras/jax") if item.case.contender != "keras/jax"]
    disturbed = [item for item in run("keras/jax") if item.case.contender == "keras/jax" and item.case.replicate == 1]
    found = summary(report([*everything, *disturbed]))
    assert "digits-dnn keras/jax, training at batch 32" in note(found, NO_WINNER)


def test_cells_of_two_modes_have_two_names_below_the_summary() -> None:
    usual = timed("pytorch", 1e-3, use=BUSY)
    tuned = [replace(item, case=replace(item.case, mode="tuned")) for item in usual]
    words = note(summary(report([*usual, *tuned])), "Disturbed while it was timed")
    assert "digits-dnn pytorch, training at batch 32 idiomatic (" in words
    assert "digits-dnn pytorch, training at batch 32 tuned (" in words


def test_processes_that_differ_widely_are_not_ranked_and_the_spread_is_shown() -> None:
    """7.0 k and 55 k samples/s: their middle was 19.7 k, and bold."""
    found = summary(report([*differing("pytorch", 3.7e-3, 0.47e-3), *timed("flax", 2e-3, replicates=2)]))
    assert column(found, "training samples/s")[0].endswith(f"-64/+181 % {SIGN}")
    assert column(found, "training samples/s")[1] == "20.0 k ±0 %"
    assert column(found, "vs fastest") == ["processes differ", "no winner"]
    reason = note(found, "Processes differ by more than the noise")
    assert "digits-dnn pytorch, training at batch 32 (samples/s: 7.9× apart, more than 2×)" in reason
    assert "Run again with `--processes 5`, or stop other work." in reason


def test_processes_that_differ_little_are_ranked() -> None:
    found = summary(report([*differing("pytorch", 1.1e-3, 1e-3), *timed("flax", 2e-3, replicates=2)]))
    assert column(found, "vs fastest")[0] == "1.00×"
    assert note(found, "Processes differ") == ""


def test_a_calibration_of_the_machine_decides_how_far_processes_may_differ() -> None:
    records = [*differing("pytorch", 1.6e-3, 1e-3), *timed("flax", 2e-3, replicates=2)]
    machine = records[0].environment.machine
    assert column(summary(report(records)), "vs fastest")[0] == "1.00×"
    assert column(summary(report(records, noise={machine: 1.0})), "vs fastest")[0] == "processes differ"
    assert column(summary(report(records, noise={"another": 1.0})), "vs fastest")[0] == "1.00×"


def test_of_two_that_are_not_reliable_the_one_that_is_clearly_behind_is_not_named() -> None:
    """Its fastest process, 2 ms, is slower than the slowest of the other, 1.5 ms."""
    ranked = differing("keras/tensorflow", 6e-3, 6.1e-3)
    found = summary(report([*ranked, *differing("pytorch", 0.5e-3, 1.5e-3), *differing("flax", 2e-3, 5e-3)]))
    assert note(found, NO_WINNER).removeprefix(NO_WINNER).startswith("digits-dnn pytorch, training")
    assert "flax" not in note(found, NO_WINNER)
    found = summary(report([*ranked, *differing("pytorch", 0.5e-3, 2.5e-3), *differing("flax", 2e-3, 5e-3)]))
    assert "flax" in note(found, NO_WINNER)


def test_a_figure_of_one_process_says_so() -> None:
    mixed = summary(report([*timed("pytorch", 1e-3, replicates=1), *timed("flax", 2e-3, replicates=2)]))
    assert column(mixed, "training samples/s") == ["40.0 k (1 process)", "20.0 k ±0 %"]
    alone = summary(report([*timed("pytorch", 1e-3, replicates=1), *timed("flax", 2e-3, replicates=1)]))
    assert "With 1 process each, the spread between processes is unknown" in note(alone, "Bold")


def test_a_row_whose_throughput_and_latency_contradict_each_other_is_marked() -> None:
    """677 k samples/s beside a step of 7.97 ms at batch 32."""
    odd = timed("flax", 1e-3, synchronised_ns=(7_970_000,) * 64, pipelined_ns=(945_000,) * 6)
    found = report([*odd, *timed("pytorch", 1e-3)])
    table = table_of(found, "digits-dnn", "Training")
    assert column(table, "vs fastest") == ["not ranked: contradictory", "no winner"]
    assert [column(table, name)[0][-1] for name in ("samples/s", "step time p50")] == [SIGN, SIGN]
    assert "169 times as long" in note(table, "Throughput and latency contradict each other")
    assert column(summary(found), "vs fastest")[0] == "contradictory"


def test_a_cell_that_is_not_proven_says_that_first() -> None:
    bad = [replace(item, certificate=None) for item in run("flax") if item.case.contender == "flax"]
    table = table_of(report([*bad, *timed("pytorch", 1e-3)]), "digits-dnn", "Training")
    assert column(table, "vs fastest")[0] == "not ranked: no proof"


def test_the_first_lines_name_the_cell_whose_processes_differ_most() -> None:
    (line,) = report([*differing("pytorch", 3.7e-3, 0.47e-3), *timed("flax", 2e-3, replicates=2)]).about
    assert line.endswith("most by a factor of 7.9 (digits-dnn pytorch training, batch 32)")


def test_a_chart_has_the_sign_at_marked_figures(tmp_path: Path) -> None:
    def signs(*busy: str) -> list[int]:
        drawn = files.draw(run(*busy), tmp_path)
        charts = (drawn[f"{name} on cpu"].path.read_text() for name in ("Training throughput", "Inference latency"))
        return [chart.count(f">{SIGN}</text>") for chart in charts]

    assert signs("flax") == [1, 2], "a bar, and a point for each batch size"
    assert signs() == [0, 0]


def test_an_export_says_which_figures_cannot_be_relied_on() -> None:
    lines = csv.render(run("flax")).splitlines()
    assert lines[0].endswith(",doubt")
    doubtful = [line for line in lines[1:] if not line.endswith(",")]
    assert doubtful
    assert all(",flax," in line and "disturbed: other programs used 0.9 of 2 cores" in line for line in doubtful)
    assert all(line.endswith(",") for line in csv.render(run()).splitlines()[1:])


def test_a_comparison_names_the_cells_that_were_disturbed_and_the_side() -> None:
    found = compare(run(), run("flax"), threshold=0.05)
    lines = column(table_of(comparison.report(found), "Verdicts", "Figures that cannot be relied on"), "what")
    assert any("flax training" in line and "in the candidate (other programs" in line for line in lines)
    assert lines[-1] == "Stop other work, and measure both sides again."
    assert compare(run(), run(), threshold=0.05).unreliable == ()


def test_the_ratios_of_unreliable_cells_have_the_sign_and_the_note() -> None:
    table = table_of(
        comparison.report(compare(run(), run("flax"), threshold=0.05)), "Verdicts", "Times: candidate / baseline"
    )
    ratios = [(row[1].text, row[-2].text.endswith(f" {SIGN}")) for row in table.rows]
    assert {name for name, is_marked in ratios if is_marked} == {"flax"}
    assert all(is_marked for name, is_marked in ratios if name == "flax")
    note = f"{MARKED} The reason is in the table “Figures that cannot be relied on”."
    assert table.notes.count(note) == 1
    quiet = table_of(
        comparison.report(compare(run(), run(), threshold=0.05)), "Verdicts", "Times: candidate / baseline"
    )
    assert not any(SIGN in text for text in (*quiet.notes, *(row[-2].text for row in quiet.rows)))


def test_a_comparison_names_few_of_many_cells() -> None:
    found = comparison.report(compare(run(*FRAMEWORKS), run(*FRAMEWORKS), threshold=0.05))
    lines = column(table_of(found, "Verdicts", "Figures that cannot be relied on"), "what")
    assert len(lines) == 10
    assert lines[-2] == "and 10 more"


def test_a_budget_says_that_its_value_cannot_be_relied_on() -> None:
    budget = Budget(workload="digits-dnn", framework="flax", step_p50_ms=1000.0)

    def page(records: list[Record]) -> Table:
        return budgets.report(check([budget], records), title="").sections[0].tables[0]

    assert SIGN in column(page(run("flax")), "measured")[0]
    assert note(page(run("flax")), SIGN)
    assert SIGN not in column(page(run()), "measured")[0]


def test_a_run_of_many_cells_names_few_of_them() -> None:
    records = [
        replace(item, measurement=replace(item.measurement, blocks=tuple(replace(one, use=BUSY) for one in blocks)))
        for item in quick_run()
        if (blocks := item.measurement.blocks)
    ]
    words = note(summary(report(records)), "Disturbed")
    assert words.count("other programs") == 3
    assert "and 24 more" in words
