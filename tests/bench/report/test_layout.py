"""A table names its units and drops empty columns."""

from bench.report.layout import Column, Entry, Table, left, without_empty

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
