"""A report fits a terminal of 110 columns."""

from io import StringIO

import pytest
from rich.console import Console

from bench.report import terminal
from bench.report.layout import Column, Entry, Table, left
from bench.report.tables import report
from tests.bench.sample_records import quick_run, record

WIDTH = 110


def _shown(*, brief: bool = False, samples: int = 700) -> str:
    long = [
        record(
            framework="keras/tensorflow",
            scenario="inference",
            batch_sizes=(256,),
            samples=samples,
            certificate="failed",
        ),
        record(framework="flax", outcome="failed", error="ValueError: " + "a long story " * 20),
    ]
    console = Console(width=WIDTH, file=StringIO(), legacy_windows=False)
    for part in terminal.render(
        report([*quick_run(run="2026-01-01T00-00-00"), *long], command="nox -s bench"), brief=brief
    ):
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut() -> None:
    text = _shown()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text.replace("…, (", "")
    for whole in ("keras/tensorflow", "training", "not ranked", "Repeat it with: nox -s bench", "samples/s", "1.80"):
        assert whole in text


def test_the_commands_of_several_runs_begin_in_a_line_of_their_own() -> None:
    found = list(terminal.render(report(quick_run(), command="one  # a\ntwo  # b")))
    assert str(found[-1]) == "\nRepeat it with:\none  # a\ntwo  # b"


def test_a_wide_table_continues_below_with_the_columns_that_name_a_row() -> None:
    columns = (Column(title="contender", alignment="left"), *(Column(title=f"figure {number}") for number in range(9)))
    rows = tuple(
        (Entry(name), *(Entry(f"{name[0]}{number} 1.234e-05") for number in range(9))) for name in ("flax", "pytorch")
    )
    console = Console(width=50, file=StringIO(), legacy_windows=False)
    console.print(terminal.render_table(Table(title="Wide", columns=columns, rows=rows, notes=("A remark.",))))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 50
    assert sum(line.strip().startswith("flax") for line in lines) == 5
    for name in "fp":
        for number in range(9):
            assert sum(f"{name}{number} 1.234e-05" in line for line in lines) == 1
    assert lines[-1].strip() == "A remark."


@pytest.mark.parametrize(
    ("batches", "names"), [(("1", "32"), 2), (("1", "1"), 1)], ids=["they differ", "nothing tells them apart"]
)
def test_as_many_columns_name_a_row_as_tell_rows_apart(batches: tuple[str, str], names: int) -> None:
    columns = (Column(title="batch"), *left("contender"), *(Column(title=f"figure {number}") for number in range(4)))
    rows = tuple(
        (Entry(batch), Entry(name), *(Entry(f"{number}.234e-05") for number in range(4)))
        for batch in batches
        for name in ("flax", "pytorch")
    )
    console = Console(width=44, file=StringIO(), legacy_windows=False)
    console.print(terminal.render_table(Table(title="Wide", columns=columns, rows=rows)))
    assert isinstance(console.file, StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    begins = [line[:2] for line in lines if line[:1] in (["1"], ["32"])]
    assert sum(name in {"flax", "pytorch"} for _, name in begins) == len(batches) * 2 * names, "in so many pieces"


def test_brief_shows_the_summary_and_the_failures() -> None:
    text = _shown(brief=True)
    assert "Summary" in text
    assert "a long story" in text
    assert "Learning curve" not in text
    assert "Learning curve" in _shown()
