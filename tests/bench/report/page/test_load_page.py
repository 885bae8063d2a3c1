"""The interactive page of servers: a reader moves the latency limit, and reads what each framework keeps up."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench.report.page.conftest import Open, page_file, serious
from tests.bench.report.page.test_answers_of_a_page import check_answers
from tests.bench.sample_records import quick_run
from tests.bench.served_records import three_frameworks

pytestmark = pytest.mark.browser


def kept(page: Any) -> str:  # noqa: ANN401 (a page of Playwright)
    """The line with the highest rates at the chosen limit."""
    text: str = page.locator("#kept-rates li").inner_text()
    return text


def rule(page: Any) -> float:  # noqa: ANN401
    """The height of the line of the limit in the chart."""
    return float(page.locator("#chart-load line[stroke-dasharray='4,3']").bounding_box()["y"])


def opened(open_page: Open, folder: Path, **options: Any) -> Any:  # noqa: ANN401
    page = open_page(page_file(folder, three_frameworks()), **options)
    page.locator("#chart-load").scroll_into_view_if_needed()
    page.wait_for_selector("#chart-load svg")
    return page


def test_the_limit_moves_in_the_chart_and_the_rates_follow(open_page: Open, tmp_path: Path) -> None:
    page = opened(open_page, tmp_path)
    assert "latency limit" in page.locator("#chart-load").inner_text()
    before, line = kept(page), rule(page)
    assert before.startswith("digits-cnn: flax ")
    page.locator("#latency-limit").fill("200")
    assert kept(page) != before
    assert "keras/tensorflow none" in before
    assert "keras/tensorflow none" not in kept(page)
    assert rule(page) < line, "a longer limit is higher up"
    assert "sla=" in page.evaluate("location.hash")


def test_the_moved_limit_is_there_again_when_the_address_is_opened(open_page: Open, tmp_path: Path) -> None:
    usual = kept(opened(open_page, tmp_path))
    page = opened(open_page, tmp_path, view="sla=0.5")
    assert kept(page) != usual
    assert page.locator("output[for=latency-limit]").inner_text().strip() == "500 ms"


def test_tables_and_answers_of_servers_are_seen_without_unfolding(open_page: Open, tmp_path: Path) -> None:
    page = opened(open_page, tmp_path)
    for title in ("Highest rate within 5 ms (p99)", "Single queries (single_stream)", "All queries at once (offline)"):
        assert page.get_by_role("heading", name=title, exact=True).is_visible()
    check_answers(page, three_frameworks())


def test_a_page_without_servers_has_no_limit(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run(workloads=("digits-cnn",))))
    assert page.locator("#latency-limit").count() == 0


def test_axe_finds_nothing_serious(open_page: Open, tmp_path: Path) -> None:
    assert serious(opened(open_page, tmp_path, width=400)) == []
