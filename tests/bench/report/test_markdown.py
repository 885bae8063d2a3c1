"""The page has contents, tables that GitHub reads, and charts."""

from dataclasses import replace

from bench.report import markdown
from bench.report.layout import Entry, Table, left
from bench.report.tables import report
from tests.bench.sample_records import quick_run


def test_the_page_has_contents_tables_the_command_and_charts() -> None:
    page = markdown.render(
        report(quick_run(), command="nox -s bench"), charts={"Training": ("charts/training.svg", "Training. Bars")}
    )
    assert "[Summary](#summary) · [digits-dnn](#digits-dnn) · " in page
    assert "## digits-dnn" in page
    assert "```sh\nnox -s bench\n```" in page
    assert "![Training. Bars](charts/training.svg)" in page
    assert "**1.00×" in page
    assert "## Charts" not in markdown.render(report(quick_run()))


def test_every_row_of_a_table_has_as_many_bars_as_its_heading() -> None:
    text = "a | b\nc < d * e"
    table = Table(title="t", columns=left("one", "two"), rows=((Entry(text), Entry("1e5", best=True)),))
    lines = markdown.render_table(table).splitlines()
    assert {line.replace("\\|", "").count("|") for line in lines} == {3}
    assert "a \\| b c &lt; d \\* e" in lines[2]
    assert "**1e5**" in lines[2]


def test_a_page_shows_answers_and_summary_and_folds_the_rest() -> None:
    page = markdown.render(report(quick_run()), charts={"Training": ("training.svg", "Training")})
    shown = unfolded(page)
    assert [line for line in shown if line.startswith("## ")] == [
        "## Answers: cpu, mode idiomatic, fp32",
        "## Summary",
        "## digits-dnn",
        "## digits-cnn",
        "## digits-lstm",
        "## Method",
        "## Charts",
    ]
    assert "- Same quality? **yes**: all 3 workloads (accuracy is the same to the last digit, 1 seed)." in shown[:25]
    assert "### Training" not in shown
    assert "### Training" in page
    assert len(shown) <= 250
    assert page.count("<details>") == page.count("</details>") == page.count("<summary>")


def test_the_answers_of_other_modes_and_precisions_are_folded() -> None:
    tuned = [replace(item, case=replace(item.case, mode="tuned", precision="bf16")) for item in quick_run()]
    page = markdown.render(report([*tuned, *quick_run()]))
    assert "## Answers: cpu, mode idiomatic, fp32" in unfolded(page)
    assert "**cpu, mode tuned, bf16**" not in unfolded(page)
    assert "**cpu, mode tuned, bf16**" in page
    assert "<summary>Other modes and precisions</summary>" in page


def unfolded(page: str) -> list[str]:
    """The lines that a reader sees without a click."""
    lines: list[str] = []
    depth = 0
    for line in page.splitlines():
        depth += line == "<details>"
        if not depth:
            lines.append(line)
        depth -= line == "</details>"
    return lines
