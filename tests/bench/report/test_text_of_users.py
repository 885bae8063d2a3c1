"""Labels, names and ids that users chose are shown as they are, and cost neither a chart nor a page.

The page is read by a parser of Markdown, as a browser would.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from matplotlib.figure import Figure
from rich.cells import cell_len
from rich.console import Console

from bench.records.evaluation import ClassQuality, Error, Evaluation, Picture
from bench.records.measurement import Measurement
from bench.records.record import Record
from bench.report import markdown, terminal
from bench.report.charts import files, picture_text
from bench.report.formatting import name_of, one_line
from bench.report.layout import Column, Entry, Report, Section, Table, left
from bench.report.tables import report
from tests.bench.sample_records import learning, record

LABELS = {
    "formulas": ("$", "$$", "$$$", "$x_1$", "^", "10 $ to 20 $"),
    "emphasis": ("*", "**b**", "_a_", "__init__", "a_b", "~~s~~", "~"),
    "links": ("[x](y)", "![x](y)", "[x][y]", "<http://x.y>", "www.x.y", "[ ]"),
    "tables and code": ("|", "a|b", "`", "`a`", "\\", "\\|", "a\\"),
    "html": ("<script>alert(1)</script>", "<!-- -->", "&lt;", "&", "&#36;", "<br>"),
    "starts of blocks": ("# a", "> a", "- a", "1. a", "---", "+", "#", "```"),
    "blanks and line ends": (" a", "a ", "a\nb", "a\r\nb", "a\tb", "\u2028", "", "\u00a0b"),
    "control characters": ("\x1b[31mred", "\x07", "\u202egnirts", "\u061carabic", "\ud800"),
    "markup of terminals": ("[bold]", "[/bold]", "[red]x", ":smile:", "[link=x]y[/link]"),
    "other scripts": ("猫", "犬", "🙂", "👩\u200d🔬", "שלום", "سلام", "é", "ß", "Ω"),
    "long": ("x" * 400, "a word " * 40, "猫" * 60, "y"),
    "numbers and formulas of spreadsheets": ("1", "1.0", "=1+1", "-1", "nan", "None"),
}
WORKLOADS = ("digits-dnn", "x [a](b) | c", "$$$", "<b>", "../../etc", "ä ö?%20#", "summary", "charts", "猫" * 50)


def judged(labels: Sequence[str], *, workload: str = "mine", unit: str = "") -> Record:
    """A record of a network with these classes, each of which was once right and once taken for the next."""
    number = len(labels)
    confusion = tuple(
        tuple(1 if other in {row, (row + 1) % number} else 0 for other in range(number)) for row in range(number)
    )
    scores = tuple(ClassQuality(precision=0.5, recall=0.5, f1=0.5, samples=2) for _ in labels)
    worst = tuple(Error(sample=row, truth=row, predicted=(row + 1) % number, size=0.9) for row in range(number))
    pictures = tuple(Picture(sample=row, shape=(1, 1, 1), pixels="AA==") for row in range(number))
    judgement = Evaluation(confusion=confusion, by_class=scores, worst=worst, pictures=pictures)
    found = replace(learning(), judgement=judgement, labels=tuple(labels), unit=unit)
    return record(workload, purpose="learning", measurement=Measurement(learning=found))


def tables(page: str) -> Iterator[list[list[str]]]:
    """The tables of a page, each as rows of cells, in the text that a reader sees."""
    rows: list[list[str]] = []
    inside = False
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(page):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            inside = True
        elif token.type == "inline" and inside:
            rows[-1].append(seen(token))
            inside = False
        elif token.type == "table_close":
            yield rows


def seen(token: Token) -> str:
    """The text of a piece of a page; whatever is not plain or bold text is named by its kind."""
    parts = (child.content if child.type.startswith("text") else kind(child) for child in token.children or ())
    return "".join(parts)


def kind(token: Token) -> str:
    return "" if token.type in {"strong_open", "strong_close"} else f"<{token.type}>"


def confusion_of(page: str) -> list[list[str]]:
    return next(rows for rows in tables(page) if "true class" in rows[0])


@pytest.mark.parametrize("kind_of_label", LABELS)
def test_every_label_is_in_the_tables_of_a_page_as_it_is(kind_of_label: str) -> None:
    labels = LABELS[kind_of_label]
    head, *rows = confusion_of(markdown.render(report([judged(labels)])))
    shown = [name_of(label).strip() for label in labels]
    assert [cell.removeprefix("as ").strip() for cell in head[2:]] == shown
    assert [row[1] for row in rows] == shown
    assert {len(row) for row in rows} == {len(head)} == {len(labels) + 2}


def test_the_parser_sees_a_label_that_is_not_escaped() -> None:
    page = "| true class | as *x* |\n|---|---|\n| `a` | 1 |"
    assert confusion_of(page) == [["true class", "as <em_open>x<em_close>"], ["<code_inline>", "1"]]


@pytest.mark.parametrize("kind_of_label", LABELS)
def test_every_label_is_drawn_or_has_a_sign_in_its_place(kind_of_label: str, tmp_path: Path) -> None:
    drawn = files.draw([judged(LABELS[kind_of_label], unit=LABELS[kind_of_label][0])], tmp_path)
    assert "Confusion matrices on cpu" in drawn
    assert all(item.path.is_file() for item in drawn.values())


def test_a_dollar_sign_in_a_chart_is_no_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.draw([judged(("$\\frac", "b$"))], tmp_path)
    monkeypatch.setattr(picture_text, "plain", nullcontext)
    with pytest.raises(ValueError, match="Parse"):
        files.draw([judged(("$\\frac", "b$"))], tmp_path)


def test_a_chart_says_that_it_shortened_names_and_that_its_font_lacks_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remarks: list[str] = []

    def note(figure: Figure, *_: object, **__: object) -> None:
        if figure.get_suptitle() == "Largest errors on cpu":
            remarks.append(figure.get_supxlabel())

    monkeypatch.setattr(Figure, "savefig", note)
    for labels in (("a", "b"), ("猫", "b"), ("x" * 400, "b")):
        files.draw([judged(labels)], tmp_path)
    plain, foreign, long = remarks
    assert "whole names" not in plain
    assert "□ stands for a character that the font of charts lacks: the tables have the whole names." in foreign
    assert "… ends a name that is too long for a chart" in long


def test_settings_of_a_user_do_not_change_a_chart(tmp_path: Path) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"text.usetex": True, "font.size": 40, "text.parse_math": True}):
        drawn = files.draw([judged(("$", "_"))], tmp_path)
        assert mpl.rcParams["text.usetex"], "and the settings are the user's again"
    assert "Confusion matrices on cpu" in drawn


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_link_of_a_page_leads_to_its_heading_whatever_a_workload_is_called(workload: str) -> None:
    page = markdown.render(
        report([record(workload), judged(("a", "b"), workload=workload)]),
        charts={"a [b] *c*": ("x y.png", "a [b] *c*")},
    )
    links = [target for target in targets(page) if target.startswith("#")]
    parts = [line for line in re.findall("^## .*", page, flags=re.MULTILINE) if not line.startswith("## Answers")]
    assert len(set(links)) == len(parts) >= 3
    assert {unquote(link.removeprefix("#")) for link in links} <= set(anchors(page))
    assert one_line(workload).strip() in "\n".join(headings(page))


def targets(page: str) -> list[str]:
    """Where the links of a page lead."""
    found = [child for token in MarkdownIt("commonmark").parse(page) for child in token.children or ()]
    return [str(child.attrGet("href")) for child in found if child.type == "link_open"]


def headings(page: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(page)
    return [seen(after) for token, after in pairwise(tokens) if token.type == "heading_open"]


def anchors(page: str) -> list[str]:
    """The anchors of a page by GitHub's rule: letters, digits, hyphens; a number after the second of its kind."""
    found: list[str] = []
    for title in headings(page):
        first = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = 0
        while (name := f"{first}-{number}" if number else first) in found:
            number += 1
        found.append(name)
    return found


def test_the_picture_of_a_chart_has_a_path_that_a_browser_understands() -> None:
    page = markdown.render(report([record()]), charts={"a [b](c) *d*": ("latest/a b?.png", "a [b](c) *d*")})
    assert "](latest/a%20b%3F.png)" in page
    (image,) = [child for token in MarkdownIt().parse(page) for child in token.children or () if child.type == "image"]
    assert seen(image) == "a [b](c) *d*"


def test_an_id_in_a_records_file_leads_out_of_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "latest"
    runs = [record(run="../../../x/y"), record(run="a b%?*", device="cuda:0/../z")]
    drawn = files.draw(runs, folder)
    paths = {item.path for item in drawn.values()}
    assert len(paths) == 4
    assert {path.parent.resolve() for path in paths} == {folder.resolve()}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", path.name) for path in paths)


def test_a_command_with_backticks_stays_in_its_block() -> None:
    page = markdown.render(report([record()], command="levelfield run 'a```b'\n```\n# x"))
    (block,) = [token for token in MarkdownIt().parse(page) if token.type == "fence"]
    assert block.content == "levelfield run 'a```b'\n```\n# x\n"


@pytest.mark.parametrize("kind_of_label", LABELS)
def test_every_label_is_on_the_terminal_and_is_no_command_for_it(kind_of_label: str) -> None:
    labels = [label for label in LABELS[kind_of_label] if one_line(label).strip()]
    columns = (*left("name"), *(Column(title=f"as {label}") for label in labels))
    rows = tuple((Entry(label), *(Entry("1") for _ in labels)) for label in labels)
    page = Report(title="t", sections=(Section(title="s", tables=(Table(title="t", columns=columns, rows=rows),)),))
    text = printed(page, width=80)
    for label in labels:
        assert "".join(one_line(label).split()) in "".join(text.split()) or len(label) > 20
    assert not re.search("[\x00-\x09\x0b-\x1f\u061c\u202e]", text)
    assert max(map(cell_len, text.splitlines())) <= 80


def printed(page: Report, *, width: int) -> str:
    console = Console(width=width, file=StringIO(), legacy_windows=False)
    for part in terminal.render(page):
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
