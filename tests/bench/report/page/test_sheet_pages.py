"""The pages of a comparison and of a search do in a browser what their filters, headings and rows say."""

from pathlib import Path
from typing import Any

import pytest

from bench.report.page import drift_sheet
from bench.report.page.sheet import Sheet, render
from tests.bench.report.page.conftest import Open, serious
from tests.bench.report.page.sheets import searches, slower_lstm
from tests.bench.report.test_drift import drift_of

pytestmark = pytest.mark.browser


def sheet_file(folder: Path, sheet: Sheet) -> Path:
    path = folder / "sheet.html"
    path.write_text(render(sheet))
    return path


def rows(page: Any, name: str) -> list[list[str]]:  # noqa: ANN401
    lines = page.locator(f"table[data-name='{name}'] tbody tr")
    return [line.locator("td").all_inner_texts() for line in lines.all()]


def test_the_answers_come_first_and_what_is_unchanged_is_folded(open_page: Open, tmp_path: Path) -> None:
    page = open_page(sheet_file(tmp_path, slower_lstm()))
    assert "24 of 117 figures" in page.locator(".answers").inner_text()
    assert len(rows(page, "What changed")) == 24
    assert rows(page, "Unchanged") == []
    page.get_by_text("93 figures are unchanged").press("Enter")
    page.locator("table[data-name='Unchanged']").wait_for()
    assert len(rows(page, "Unchanged")) == 60
    assert "Show 33 more of 93 rows" in page.locator("#main").inner_text()


def test_a_filter_leaves_its_rows_and_stands_in_the_address(open_page: Open, tmp_path: Path) -> None:
    path = sheet_file(tmp_path, slower_lstm())
    page = open_page(path)
    page.locator("[data-field='framework']").select_option("flax")
    assert {row[1] for row in rows(page, "What changed")} == {"flax"}
    assert page.url.endswith("#framework=flax")
    page.locator("[data-field='workload']").select_option("digits-dnn")
    assert "The filters leave no row" in page.locator("#main").inner_text()
    page.go_back()
    assert len(rows(page, "What changed")) == 8
    again = open_page(path, view="framework=flax&workload=unknown")
    assert len(rows(again, "What changed")) == 8, "a value that the page does not have is left out"


def test_a_heading_sorts_and_a_row_opens_with_the_keyboard(open_page: Open, tmp_path: Path) -> None:
    page = open_page(sheet_file(tmp_path, slower_lstm()))
    heading = page.locator("table[data-name='What changed']").get_by_role("columnheader", name="batch")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    sizes = [int(row[3]) for row in rows(page, "What changed")]
    assert sizes == sorted(sizes)
    page.locator(".opener").first.press("Enter")
    assert "levelfield run digits-lstm" in page.locator("tr.inside").inner_text()
    assert len(rows(page, "Processes")) == 6


def test_charts_are_drawn_follow_the_filters_and_are_saved_with_their_runs(open_page: Open, tmp_path: Path) -> None:
    page = open_page(sheet_file(tmp_path, slower_lstm()))
    page.locator("#charts figure").scroll_into_view_if_needed()
    page.locator("#charts svg").wait_for()
    assert "digits-cnn" in page.locator("#charts svg").text_content()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save Ratios of times as SVG").press("Enter")
    assert "run-1 · Example CPU" in Path(waiting.value.path()).read_text()
    page.locator("[data-field='workload']").select_option("digits-dnn")
    page.wait_for_function("!document.querySelector('#charts svg')?.textContent.includes('digits-cnn')")


def test_a_search_opens_to_its_timings(open_page: Open, tmp_path: Path) -> None:
    page = open_page(sheet_file(tmp_path, searches()))
    assert "call jax.jit: 4.00× as fast as the default" in page.locator(".answers").inner_text()
    page.locator(".opener").first.click()
    assert [row[1] for row in rows(page, "Timings")] == ["1.00 ms", "1.10 ms", "1.00 ms"]
    page.locator("#charts figure").scroll_into_view_if_needed()
    page.locator("#charts svg").wait_for()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("sheet", [slower_lstm, searches], ids=["comparison", "search"])
def test_axe_finds_nothing_serious(open_page: Open, tmp_path: Path, *, width: int, dark: bool, sheet: Any) -> None:  # noqa: ANN401
    page = open_page(sheet_file(tmp_path, sheet()), width=width, dark=dark)
    page.locator(".opener").first.click()
    assert serious(page) == []


def test_the_page_of_drift_has_its_answers_its_columns_and_their_histograms(open_page: Open, tmp_path: Path) -> None:
    page = open_page(sheet_file(tmp_path, drift_sheet.sheet(drift_of(shifted="column 4", months=True))))
    assert "1 of 20 tested columns: column 4" in page.locator(".answers").inner_text()
    page.locator("[data-field='verdict']").select_option("drifted")
    titles = [table.get_attribute("data-name") for table in page.locator("table[data-name]").all()]
    (columns,) = (title for title in titles if title and title.startswith("Columns"))
    assert [row[0].split()[-1] for row in rows(page, columns)] == ["4"]
    page.locator("#charts figure").scroll_into_view_if_needed()
    page.locator("#charts svg").wait_for()
    assert "column 4: drifted" in page.locator("#charts svg").text_content()
    assert serious(page) == []
