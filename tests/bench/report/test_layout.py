"""A table names its units, drops empty columns, and is cut for a screen."""

import pytest

from bench.report.layout import Column, Entry, Table, left, on_a_screen, without_empty

EMPTY = Table(title="times", columns=left("contender", "device", "mode"), rows=())


def test_a_heading_has_the_unit_of_its_column() -> None:
    assert [Column(title="time", unit="ms").heading, Column(title="time").heading] == ["time (ms)", "time"]


def test_columns_in_which_no_row_says_anything_are_left_out() -> None:
    rows = ((Entry("pytorch"), Entry("n/a"), Entry("")), (Entry("flax"), Entry(""), Entry("tuned")))
    found = without_empty(Table(title="times", columns=EMPTY.columns, rows=rows, notes=("a note",)))
    assert [column.title for column in found.columns] == ["contender", "mode"]
    assert [[entry.text for entry in row] for row in found.rows] == [["pytorch", ""], ["flax", "tuned"]]
    assert found.notes == ("a note",)


def test_a_table_without_rows_keeps_its_columns() -> None:
    assert without_empty(EMPTY) == EMPTY


@pytest.mark.parametrize(
    ("most", "notes"),
    [(3, ()), (2, ("1 more row is in the full report.",)), (1, ("2 more rows are in the full report.",))],
)
def test_a_screen_says_how_many_rows_it_leaves_out(most: int, notes: tuple[str, ...]) -> None:
    rows = tuple((Entry(name), Entry("cpu"), Entry("")) for name in ("pytorch", "flax", "quiet", "keras"))
    found = on_a_screen(Table(title="times", columns=EMPTY.columns, rows=rows, quiet=frozenset({2})), most=most)
    assert [row[0].text for row in found.rows] == ["pytorch", "flax", "keras"][:most]
    assert found.notes == notes
