"""Tables whose rows a narrow terminal keeps whole: the columns that name a row are joined, and text is wrapped."""

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from bench.report import formatting
from bench.report.layout import Column, Entry, Table

CASE = "case"


def fitted(table: Table, *, room: int, padding: int) -> tuple[Table, tuple[int, ...]] | None:
    """The table and the widths of its columns, so that all of them fit into so many characters; None if they cannot.

    Each column also needs the padding. Numbers stay in one line, and no word is broken. A table whose columns name no
    row cannot be fitted.
    """
    if not table.names:
        return None
    widths = [_whole(table, index) for index in range(len(table.columns))]
    if sum(widths) + padding * len(widths) <= room:
        return table, tuple(widths)
    shown = joined(table)
    left = room - padding * len(shown.columns)
    widths = list(_shared(shown, room=left))
    return (shown, tuple(widths)) if sum(widths) <= left else None


def joined(table: Table) -> Table:
    """The table with one column in the place of those that name a row."""
    if table.names < 2:  # noqa: PLR2004 (one column needs no joining)
        return table
    rows = tuple(
        (Entry(", ".join(filter(None, map(_named, table.columns, row[: table.names])))), *row[table.names :])
        for row in table.rows
    )
    columns = (Column(title=CASE, alignment="left"), *table.columns[table.names :])
    return replace(table, columns=columns, rows=rows, names=1)


def _named(column: Column, entry: Entry) -> str:
    """An entry that is understood without its column: a number has the title of its column before it."""
    return f"{column.title} {entry.text}" if column.alignment == "right" and entry.text else entry.text


def _shared(table: Table, *, room: int) -> tuple[int, ...]:
    """The widths of the columns: each has what its longest word needs, and the rest goes to those that have to wrap."""
    least = [_least(table, index) for index in range(len(table.columns))]
    wanted = [_whole(table, index) - width for index, width in enumerate(least)]
    left = max(0, room - sum(least))
    if sum(wanted) <= left:
        return tuple(width + more for width, more in zip(least, wanted, strict=True))
    return tuple(width + left * more // max(1, sum(wanted)) for width, more in zip(least, wanted, strict=True))


def _whole(table: Table, index: int) -> int:
    """The width in which no entry of a column is wrapped; its heading may be."""
    return max(_longest_word(table.columns[index].heading), *_lengths(table, index))


def _least(table: Table, index: int) -> int:
    """The width in which no word of a column is broken, and no number is wrapped."""
    if table.columns[index].alignment == "right":
        return _whole(table, index)
    return max(map(_longest_word, (table.columns[index].heading, *(row[index].text for row in table.rows))))


def _lengths(table: Table, index: int) -> Sequence[int]:
    return [cell_len(formatting.one_line(row[index].text)) for row in table.rows] or [0]


def _longest_word(text: str) -> int:
    """The width of the longest word on a terminal, where a Chinese character or an emoji takes two places."""
    return max(map(cell_len, formatting.one_line(text).split()), default=0)
