"""What a report shows, as tests ask for it: a table, a column of it, a note below it."""

from bench.report.layout import Report, Table


def table_of(found: Report, section: str, title: str) -> Table:
    """The table with this title in the section with that one."""
    tables = next(item.tables for item in found.sections if item.title == section)
    return next(table for table in tables if table.title == title)


def column(table: Table, title: str) -> list[str]:
    """What stands in the column with this title, row by row."""
    index = [column.title for column in table.columns].index(title)
    return [row[index].text for row in table.rows]


def is_noted(table: Table, words: str) -> bool:
    """Whether a note below the table has these words in it."""
    return any(words in note for note in table.notes)
