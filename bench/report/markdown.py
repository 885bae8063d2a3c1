"""A report as a Markdown page, its tables by tabulate."""

from collections.abc import Iterable, Mapping

from tabulate import tabulate

from bench.report.layout import Entry, Report, Section, Table


def render(report: Report, *, charts: Mapping[str, str] | None = None) -> str:
    """The whole page; `charts` maps each caption to the path of its picture, relative to the page."""
    headings = [section.title for section in report.sections] + (["Charts"] if charts else [])
    lines = [f"# {report.title}", ""]
    for remark in report.about:
        lines += [_escaped(remark), ""]
    lines += [*(f"- [{title}](#{_anchor(title)})" for title in headings), ""]
    if report.command:
        lines += ["Repeat it with", "", "```sh", report.command, "```", ""]
    for section in report.sections:
        lines += _section(section)
    if charts:
        lines += ["## Charts", ""]
        lines += [line for caption, path in charts.items() for line in (f"![{caption}]({path})", "")]
    return "\n".join(lines)


def render_table(table: Table) -> str:
    """One table in GitHub's Markdown; the best entries of a group are bold."""
    headings = [_escaped(column.heading) for column in table.columns]
    rows = [[_written(entry) for entry in row] for row in table.rows]
    alignments = tuple(column.alignment for column in table.columns)
    # Entries are formatted already, so tabulate must not parse them as numbers.
    return tabulate(rows, headings, tablefmt="github", colalign=alignments, disable_numparse=True)


def _section(section: Section) -> Iterable[str]:
    yield from (f"## {section.title}", "")
    for table in section.tables:
        if table.title != section.title:
            yield from (f"### {table.title}", "")
        yield from (render_table(table), "")
        for note in table.notes:
            yield from (_escaped(note), "")


def _written(entry: Entry) -> str:
    text = _escaped(entry.text)
    return f"**{text}**" if entry.best else text


def _escaped(text: str) -> str:
    """The text with the characters escaped that Markdown tables treat specially."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("\n", " ")


def _anchor(title: str) -> str:
    """The anchor that GitHub gives to a heading."""
    kept = (letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")
