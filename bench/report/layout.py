"""The parts of a report: sections of titled tables. An entry has its text and the raw value behind it."""

from dataclasses import dataclass, replace
from typing import Literal

Alignment = Literal["left", "right"]
Raw = float | int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A heading, the unit of all its entries (empty if each entry names its own unit), and the alignment.

    `spare`: a narrow screen that shows only the most important leaves out columns with a number above 0, the highest
    number first.
    """

    title: str
    unit: str = ""
    alignment: Alignment = "right"
    spare: int = 0

    @property
    def heading(self) -> str:
        """The title with its unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a table: its text, the raw value behind it, and whether it is bold as the best of its group."""

    text: str
    value: Raw = None
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A titled table with notes below it.

    - `groups`: the numbers of the rows after which a group ends;
    - `names`: so many of the first columns name a row; if there are any, a narrow terminal joins them, and keeps each
      row whole;
    - `quiet`: the numbers of the rows that a screen leaves out, because they say nothing that a reader must know first;
    - `if_quiet`: the sentence that a screen shows in place of a table whose rows are all quiet; empty for nothing.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    notes: tuple[str, ...] = ()
    groups: frozenset[int] = frozenset()
    names: int = 0
    quiet: frozenset[int] = frozenset()
    if_quiet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and its tables. A page folds them behind the line `folded`, if there is one."""

    title: str
    tables: tuple[Table, ...]
    folded: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of an answer: who or what, and for which workloads.

    Either `places` has the workloads by name, each with its explanation, or `text` counts them.
    """

    who: str
    places: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @property
    def words(self) -> str:
        """The workloads with their explanations, or how many they are, in one sentence without `who`."""
        return self.text or ", ".join(f"{name} ({words})" if words else name for name, words in self.places)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question that readers have, and its answer."""

    question: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers for one device, mode and precision; `is_first` for those that a reader sees without unfolding."""

    title: str
    lines: tuple[Answer, ...]
    is_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is shown of some records; `about` says when and where they were measured, `command` repeats the run."""

    title: str
    sections: tuple[Section, ...]
    answers: tuple[Answers, ...] = ()
    about: tuple[str, ...] = ()
    command: str | None = None


def left(*titles: str) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(title=title, alignment="left") for title in titles)


def without_empty(table: Table) -> Table:
    """The table without its empty columns."""
    kept = [
        index
        for index in range(len(table.columns))
        if any(row[index].text not in {"", "n/a"} for row in table.rows) or not table.rows
    ]
    return replace(
        table,
        columns=tuple(table.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in table.rows),
        names=sum(index < table.names for index in kept),
    )


def on_a_screen(table: Table, *, most: int) -> Table:
    """The table without its quiet rows, and with at most so many others; a note tells of those that are left out."""
    loud = [number for number in range(len(table.rows)) if number not in table.quiet]
    left_out = len(loud) - most
    more = (f"{left_out} more {'row is' if left_out == 1 else 'rows are'} in the full report.",) if left_out > 0 else ()
    kept = loud[:most]
    return replace(
        table,
        rows=tuple(table.rows[number] for number in kept),
        notes=(*table.notes, *more),
        groups=frozenset(place for place, number in enumerate(kept) if number in table.groups),
        quiet=frozenset(),
        if_quiet="",
    )


def without_spare(table: Table) -> Table | None:
    """The table without the column that is needed least; None if all its columns are needed."""
    spare = max(column.spare for column in table.columns)
    if not spare:
        return None
    kept = [index for index, column in enumerate(table.columns) if column.spare != spare]
    return replace(
        table,
        columns=tuple(table.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in table.rows),
        names=sum(index < table.names for index in kept),
    )
