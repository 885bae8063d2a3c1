"""Tables are HTML in which every text is escaped."""

from bench.api import html
from bench.report.layout import Column, Entry, Report, Section, Table, left

WILD = "<b>&\"'\n"
TABLE = Table(
    title=WILD,
    columns=(*left(WILD), Column(title="n", unit=WILD)),
    rows=((Entry(WILD), Entry("1", 1, best=True)),),
    notes=(WILD,),
)


def test_every_text_is_escaped() -> None:
    page = html.report(Report(title=WILD, about=(WILD,), sections=(Section(title="", tables=(TABLE,)),)))
    assert page.count("&lt;b&gt;&amp;&quot;&#x27;") == 7
    assert "<b>" not in page


def test_the_best_is_bold_and_numbers_are_on_the_right() -> None:
    page = html.table(TABLE)
    assert '<td style="text-align: right"><strong>1</strong></td>' in page
    assert '<td style="text-align: left">&lt;b' in page


def test_rows_that_are_left_out_are_counted() -> None:
    rows = tuple((Entry(str(number)),) for number in range(html.MOST_ROWS + 2))
    page = html.table(Table(title="", columns=left("n"), rows=rows))
    assert page.count("<tr>") == 1 + html.MOST_ROWS
    assert "<p>2 more rows are not shown here.</p>" in page
    assert "more rows" not in html.table(TABLE)
