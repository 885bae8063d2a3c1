"""A report as a Markdown page, its tables by tabulate."""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from tabulate import tabulate

from bench.report import formatting
from bench.report.layout import Answers, Clause, Entry, Report, Section, Table

CODE = re.compile(r"(`+[^`]+`+)")  # a note may name a command or a key between backticks
# What GitHub's Markdown reads as more than itself, and only where it does, so that the text of a page stays readable:
# escapes, tables, emphasis, code, strike-through, links, the underline at the end of a word, headings.
SPECIAL = re.compile(r"[\\|*`~]|\](?=[(\[])|(?<![^\W_])_|_(?![^\W_])|^[#>]")
FORMULA = re.compile(r"\$(?=[^\s$][^$]*\$)|(?<=[^\s$])\$")
ENTITY = re.compile(r"&(?=#?\w+;)")
BRACKET = re.compile(r"(?<!\\)[\[\]]")
Charts = Mapping[str, tuple[str, str]]
UNFOLDED = 2  # charts
FENCE = 3  # backticks, and more if the text has as many


def render(report: Report, *, charts: Charts | None = None, missing: Iterable[str] = ()) -> str:
    """The whole page: the answers, the summary, then details that are folded.

    `charts` maps each caption to the path of its picture, relative to the page, and to what it shows. `missing` has a
    line for each chart that could not be drawn.
    """
    anchors = _Anchors()
    anchors.of(report.title)
    lines = [f"# {_escaped(report.title)}", ""]
    for remark in report.about:
        lines += [_note(remark), ""]
    for item in report.answers:
        if item.is_first:
            anchors.of(_heading(item))
    found = [
        (section.title, anchors.of(section.title), list(_section(section, anchors))) for section in report.sections
    ]
    drawn = list(_charts(charts or {}, tuple(missing)))
    if drawn:
        found.append(("Charts", anchors.of("Charts"), ["## Charts", "", *drawn]))
    lines += _answers(report.answers, {title: quote(anchor) for title, anchor, _ in found[::-1]})
    lines += [" · ".join(f"[{_in_brackets(title)}](#{quote(anchor)})" for title, anchor, _ in found), ""]
    lines += _command(report.command)
    return "\n".join([*lines, *(line for _, _, part in found for line in part)])


def _command(command: str | None) -> list[str]:
    """The command that repeats the run, as a block of code."""
    if not command:
        return []
    fence = "`" * max(FENCE, 1 + max(map(len, re.findall("`+", command)), default=0))
    return ["Repeat it with", "", f"{fence}sh", command, fence, ""]


def _heading(found: Answers) -> str:
    return f"Answers: {found.title}"


def _answers(found: Sequence[Answers], names: Mapping[str, str]) -> list[str]:
    """The answers of each device; those for other modes and precisions are folded."""
    lines: list[str] = []
    for number, item in enumerate(found):
        if item.is_first:
            lines += [f"## {_escaped(_heading(item))}", "", *_questions(item, names), ""]
        is_last = number + 1 == len(found) or found[number + 1].is_first
        if not item.is_first:
            opened = number == 0 or found[number - 1].is_first
            lines += ["<details>", "<summary>Other modes and precisions</summary>", ""] if opened else []
            lines += [f"**{_escaped(item.title)}**", "", *_questions(item, names), ""]
            lines += ["</details>", ""] if is_last else []
    return lines


def _questions(found: Answers, names: Mapping[str, str]) -> list[str]:
    return [
        f"- {_escaped(line.question)} {' '.join(_clause(item, names) for item in line.clauses)}" for line in found.lines
    ]


def _clause(clause: Clause, names: Mapping[str, str]) -> str:
    """A part of an answer as a sentence, with links to the workloads that it names."""
    places = (
        f"{_linked(workload, names)} ({_escaped(words)})" if words else _linked(workload, names)
        for workload, words in clause.places
    )
    return f"**{_escaped(clause.who)}**: {_escaped(clause.text) or ', '.join(places)}."


def _linked(title: str, names: Mapping[str, str]) -> str:
    return f"[{_in_brackets(title)}](#{names[title]})" if title in names else _escaped(title)


def render_table(table: Table) -> str:
    """One table in GitHub's Markdown; the best entries of a group are bold."""
    headings = [_escaped(column.heading) for column in table.columns]
    rows = [[_written(entry) for entry in row] for row in table.rows]
    alignments = tuple(column.alignment for column in table.columns)
    # Entries are formatted already, so tabulate must not parse them as numbers.
    return tabulate(rows, headings, tablefmt="github", colalign=alignments, disable_numparse=True)


@dataclass(frozen=True, slots=True)
class _Anchors:
    """The anchors that GitHub gives to the headings of a page, in their order; the second of two has a number."""

    given: dict[str, int] = field(default_factory=dict)

    def of(self, title: str) -> str:
        kept = (letter for letter in formatting.one_line(title).strip().lower() if letter.isalnum() or letter in " -_")
        anchor = first = "".join(kept).replace(" ", "-")
        while anchor in self.given:
            self.given[first] += 1
            anchor = f"{first}-{self.given[first]}"
        self.given[anchor] = 0
        return anchor


def _section(section: Section, anchors: _Anchors) -> Iterator[str]:
    yield from (f"## {_escaped(section.title)}", "")
    yield from _fold(section.folded) if section.folded else ()
    for table in section.tables:
        is_quiet = not section.folded and table.rows and len(table.quiet) == len(table.rows)
        yield from _fold(table.if_quiet or table.title) if is_quiet else ()
        yield from _table(table, anchors, has_title=table.title != section.title)
        yield from ("</details>", "") if is_quiet else ()
    yield from ("</details>", "") if section.folded else ()


def _fold(summary: str) -> Iterator[str]:
    """The beginning of what a page shows only on a click."""
    yield from ("<details>", f"<summary>{_in_html(summary)}</summary>", "")


def _table(table: Table, anchors: _Anchors, *, has_title: bool) -> Iterator[str]:
    if has_title:
        anchors.of(table.title)
        yield from (f"### {_escaped(table.title)}", "")
    yield from (render_table(table), "")
    for note in table.notes:
        yield from (_note(note), "")


def _charts(charts: Charts, missing: Iterable[str]) -> Iterator[str]:
    for number, (caption, (path, text)) in enumerate(charts.items()):
        picture = (f"![{_in_brackets(text)}]({quote(path)})", "")
        if number < UNFOLDED:
            yield from picture
        else:
            yield from (*_fold(caption), *picture, "</details>", "")
    for line in missing:
        yield from (_note(line), "")


def _written(entry: Entry) -> str:
    text = _escaped(entry.text)
    return f"**{text}**" if entry.best and text else text


def _note(text: str) -> str:
    """A sentence of a report, in which backticks mark code; what a user wrote stays text."""
    parts = CODE.split(formatting.one_line(text))
    return "".join(part if number % 2 else _escaped(part, whole=False) for number, part in enumerate(parts))


def _in_brackets(text: str) -> str:
    """The text of a link or a picture, which a bracket of its own must not end."""
    return BRACKET.sub(r"\\\g<0>", _escaped(text))


def _in_html(text: str) -> str:
    """Text inside an HTML element of the page, where Markdown is not read."""
    return html.escape(formatting.one_line(text), quote=False).replace("$", "&#36;")


def _escaped(text: str, *, whole: bool = True) -> str:
    """The text on one line, with every character escaped that Markdown or HTML would read as more than itself."""
    line = formatting.one_line(text)
    line = line.strip() if whole else line
    plain = SPECIAL.sub(r"\\\g<0>", ENTITY.sub("&amp;", line))
    return FORMULA.sub(r"\\$", plain).replace("<", "&lt;")
