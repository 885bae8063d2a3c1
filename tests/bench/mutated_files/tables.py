"""Makes CSV files as people have them: a table of cells that are right, and then some that are not."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DataObject

# What stands in the place of a number.
CELLS = (
    *("", " ", "-", "?", ".", "NA", "N/A", "nan", "NaN", "inf", "-inf", "Infinity", "None", "null", "#DIV/0!", "male"),
    *("1,5", "1.234,5", "1,234.5", "1 234", "1'234", "1_000", "0x10"),
    *("1e3", "1E400", "-1e39", "1e-400", "+3", "3.", ".5"),
    *("5 %", "$5", "5 kg", "1/2", "2024-01-31", "31.01.2024 12:00"),
    *("true", "False", "yes", "١٢", "\uff11\uff12", "1\u00a0000", "½"),
    *("a,b", 'say "x"', "two\nlines", "two\r\nlines", "=A1+1", "'7", "7\t", "\u200b7", "7\ufeff", "ä", "🙂", "x" * 200),
    *("0" * 400, "9" * 400, "-0", "0.1" * 3, "1e", "e1", "1 2", "[1]", "{}", "\\", "\x01", "#7", "7;8", "7\u2028"),
)
NAMES = (
    *("", " ", "a", "y", "A", " a ", "a.1", "Unnamed: 0", "id", "index"),
    *("5.1", "7", "nan", "ä", "a,b", "two\nlines", '"'),
)


@dataclass(frozen=True)
class Sheet:
    """A table of texts, and how it is written."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    separator: str = ","
    line_end: str = "\n"
    quotes: bool = True
    header: bool = True

    def text(self) -> str:
        """The content of the file."""
        lines = [self.names, *self.rows] if self.header else self.rows
        return "".join(self.separator.join(map(self._cell, line)) + self.line_end for line in lines)

    def _cell(self, cell: str) -> str:
        has_signs = any(sign in cell for sign in (self.separator, '"', "\n", "\r"))
        return '"' + cell.replace('"', '""') + '"' if self.quotes and has_signs else cell


def sheet(data: DataObject, *, classes: bool) -> Sheet:
    """A right table: columns `a`, `b` and so on of numbers, and a column `y` of words or of numbers."""
    width, height = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 2, 5, 12, 30]))
    words = data.draw(st.sampled_from([("no", "yes"), ("0", "1"), ("low", "mid", "high"), ("1", "2", "3")]))
    rows = []
    for row in range(height):
        numbers = [f"{(row * 7 + column * 3) % 11 - 4 + column / 4:g}" for column in range(width)]
        rows.append((*numbers, words[row % len(words)] if classes else f"{row % 5 * 0.5 - 1:g}"))
    return Sheet((*"abcd"[:width], "y"), tuple(rows))


def mistaken(data: DataObject, table: Sheet) -> Sheet:
    """The table with one mistake, or with another form."""
    return data.draw(st.sampled_from(MISTAKES))(data, table)


def _number(data: DataObject, below: int) -> int:
    return data.draw(st.integers(0, max(below - 1, 0)))


def _put(rows: tuple[tuple[str, ...], ...], row: int, column: int, cell: str) -> tuple[tuple[str, ...], ...]:
    changed = (*rows[row][:column], cell, *rows[row][column + 1 :])
    return (*rows[:row], changed, *rows[row + 1 :])


def other_cell(data: DataObject, table: Sheet) -> Sheet:
    """One cell is no number, or a number that is written in another way."""
    if not table.rows:
        return table
    row = _number(data, len(table.rows))
    column = _number(data, len(table.rows[row]))
    return replace(table, rows=_put(table.rows, row, column, data.draw(st.sampled_from(CELLS))))


def other_column(data: DataObject, table: Sheet) -> Sheet:
    """All cells of one column are of another kind."""
    column, cell = _number(data, len(table.names)), data.draw(st.sampled_from(CELLS))
    kinds = (
        lambda _: cell,
        str,
        lambda row: f"{row + 1},5",
        lambda row: f"w{row}",
        lambda row: f"2024-01-{row + 1:02}",
    )
    kind = data.draw(st.sampled_from(kinds))
    rows = table.rows
    for row in range(len(rows)):
        if column < len(rows[row]):
            rows = _put(rows, row, column, kind(row))
    return replace(table, rows=rows)


def other_name(data: DataObject, table: Sheet) -> Sheet:
    """One column has another name: none, that of another column, a number."""
    column = _number(data, len(table.names))
    name = data.draw(st.sampled_from(NAMES))
    return replace(table, names=(*table.names[:column], name, *table.names[column + 1 :]))


def ragged(data: DataObject, table: Sheet) -> Sheet:
    """One row has a cell too many or too few, or all rows have one more than the header."""
    if not table.rows:
        return table
    row, more = _number(data, len(table.rows)), data.draw(st.sampled_from(["less", "more", "all", "empty"]))
    if more == "all":
        return replace(table, rows=tuple((*cells, "") for cells in table.rows))
    found = {"less": table.rows[row][:-1], "more": (*table.rows[row], "1"), "empty": ("",) * len(table.rows[row])}[more]
    return replace(table, rows=(*table.rows[:row], found, *table.rows[row + 1 :]))


def numbered(data: DataObject, table: Sheet) -> Sheet:
    """The first column is the number of the row, as other programs write it."""
    name, first = data.draw(st.sampled_from(["", "id", "Unnamed: 0", "n"])), data.draw(st.sampled_from([0, 1]))
    rows = tuple((str(number), *cells) for number, cells in enumerate(table.rows, first))
    return replace(table, names=(name, *table.names), rows=rows)


def sorted_by_target(_: DataObject, table: Sheet) -> Sheet:
    """The rows are sorted by their last cell."""
    return replace(table, rows=tuple(sorted(table.rows, key=lambda cells: cells[-1:])))


def few_rows(data: DataObject, table: Sheet) -> Sheet:
    """There are few rows or none."""
    return replace(table, rows=table.rows[: data.draw(st.integers(0, 3))])


def other_form(data: DataObject, table: Sheet) -> Sheet:
    """The file has another separator, other line ends, no quotes or no header."""
    return replace(
        table,
        separator=data.draw(st.sampled_from([",", ",", ";", "\t", "|", ", "])),
        line_end=data.draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \n", ",\n"])),
        quotes=data.draw(st.booleans()),
        header=data.draw(st.booleans()),
    )


MISTAKES = (
    *(other_cell, other_cell, other_cell, other_column, other_column, other_name, other_name, ragged, numbered),
    *(sorted_by_target, few_rows, other_form, other_form),
)
