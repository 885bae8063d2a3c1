"""The page has contents, tables that GitHub reads, and charts."""

from bench.report import markdown
from bench.report.layout import Entry, Table, left
from bench.report.tables import report
from tests.bench.sample_records import quick_run


def test_the_page_has_contents_tables_the_command_and_charts() -> None:
    page = markdown.render(report(quick_run(), command="nox -s bench"), charts={"Training": "charts/training.png"})
    assert "- [digits-dnn](#digits-dnn)" in page
    assert "## digits-dnn" in page
    assert "```sh\nnox -s bench\n```" in page
    assert "![Training](charts/training.png)" in page
    assert "**1.00×" in page
    assert "## Charts" not in markdown.render(report(quick_run()))


def test_every_row_of_a_table_has_as_many_bars_as_its_heading() -> None:
    text = "a | b\nc < d * e"
    table = Table(title="t", columns=left("one", "two"), rows=((Entry(text), Entry("1e5", best=True)),))
    lines = markdown.render_table(table).splitlines()
    assert {line.replace("\\|", "").count("|") for line in lines} == {3}
    assert "a \\| b c &lt; d \\* e" in lines[2]
    assert "**1e5**" in lines[2]
