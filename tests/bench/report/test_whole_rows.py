"""A narrow terminal shows each row of a comparison whole: the verdict stands beside its ratio."""

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from bench.analysis.budgets import check
from bench.analysis.compare import compare
from bench.records.budget import Budget
from bench.report import budgets, comparison, formatting, terminal
from bench.report.layout import Column, Entry, Report, Section, Table, left
from tests.bench.sample_records import quick_run, record

FOUND = compare(quick_run(), quick_run(run="b"), threshold=0.05)


def shown(page: Report, width: int) -> str:
    console = Console(width=width, file=StringIO(), legacy_windows=False)
    for part in terminal.render(page):
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def page(table: Table) -> Report:
    return Report(title="a page", sections=(Section(title="a section", tables=(table,)),))


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_the_verdict_stands_beside_its_ratio(width: int) -> None:
    text = shown(comparison.report(FOUND), width)
    assert max(map(len, text.splitlines())) <= width
    rows = [line for line in text.splitlines() if "×" in line and "unchanged" in line]
    assert len([line for line in rows if re.search(r"\d×.*unchanged", line)]) >= 72


def test_a_table_whose_rows_have_no_name_is_split_as_before() -> None:
    table = comparison.report(FOUND).sections[0].tables[0]
    text = shown(page(replace(table, names=0)), 80)
    assert not re.search(r"\d×.*unchanged", text.split("All cases together")[0])


def test_no_number_and_no_name_is_broken_at_80_columns() -> None:
    text = shown(comparison.report(FOUND), 80)
    words = text.split()
    for row in FOUND.rows:
        assert f"{row.ratio:.2f}×" in words
    assert {"digits-dnn,", "keras/tensorflow,", "flax,"} <= set(words)
    assert re.search(r"\d µs", text)


def test_a_terminal_that_is_too_narrow_for_whole_rows_breaks_no_number() -> None:
    words = shown(comparison.report(FOUND), 45).split()
    for row in FOUND.rows:
        assert f"{row.ratio:.2f}×" in words
    assert "unchanged" in words


def test_the_columns_that_name_a_row_are_joined_only_where_there_is_no_room() -> None:
    wide, narrow = (shown(comparison.report(FOUND), width) for width in (160, 80))
    assert "workload" in wide
    assert " case " in narrow
    assert "workload" not in narrow.split("Times", 1)[1].split("digits")[0]
    assert "batch 256" in narrow, "a number has the title of its column"


@pytest.mark.parametrize("names", [0, 1])
def test_square_brackets_of_a_heading_and_of_an_entry_are_shown(names: int) -> None:
    columns = (*left("ratio [interval]"), Column(title="time", unit="[s]"))
    table = Table(title="a [bold]table", columns=columns, rows=((Entry("[red]x[/red]"), Entry("1")),), names=names)
    text = shown(replace(page(table), title="[i]a page[/i]"), 80)
    for whole in ("[interval]", "([s])", "[red]x[/red]", "a [bold]table", "[i]a page[/i]"):
        assert whole in text


def test_a_comparison_and_a_check_show_the_brackets_of_intervals() -> None:
    assert "[interval]" in shown(comparison.report(FOUND), 80)


@pytest.mark.parametrize("name", ["数字识别网络", "a\x1bb"])
def test_a_name_of_wide_or_of_control_characters_is_not_broken(name: str) -> None:
    """On a terminal a Chinese character takes two places, and an escape is spelt out."""
    columns = (*left("case", "key", "verdict"), Column(title="time"))
    row = (Entry(name), Entry("samples_per_second"), Entry("kept"), Entry("1.00 ms"))
    text = shown(page(Table(title="a table", columns=columns, rows=(row,), names=1)), 50)
    assert formatting.one_line(name) in text


def test_a_check_shows_the_verdict_beside_its_case_at_80_columns() -> None:
    limits = [Budget(workload="digits-dnn", samples_per_second=1e12), Budget(workload="digits-cnn", latency_p99_ms=1.0)]
    text = shown(budgets.report(check(limits, quick_run()), title="a check"), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert len(re.findall(r"digits-dnn .*samples_per_second.*BROKEN", text)) == 12
    assert "needs 662 calls in each process." in text


def test_a_reason_of_all_rows_is_printed_once_and_several_reasons_have_numbers() -> None:
    alone = comparison.report(compare([record()], [record()], threshold=0.05)).sections[0].tables[0]
    assert [row[-1].text for row in alone.rows] == ["inconclusive"] * 2
    mixed = [record(), *(record(framework="flax", replicate=number) for number in range(3))]
    table = comparison.report(compare(mixed, mixed, threshold=0.05)).sections[0].tables[0]
    marked = [row[1].text for row in table.rows if row[-1].text.endswith(" (1)")]
    assert marked == ["pytorch"] * 2
    assert sum(note.startswith("(1): 1 process in the baseline") for note in table.notes) == 1
