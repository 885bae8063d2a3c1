"""The interactive page does what its buttons, filters, sliders and headings say."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.records.record_lines import to_line
from bench.report import tables
from bench.report.figures import cell_rows
from bench.report.formatting import duration
from bench.report.page import data
from bench.report.results import arrange
from tests.bench.report.page.conftest import Open, page_file, serious, written
from tests.bench.sample_records import quick_run, record

pytestmark = pytest.mark.browser


def rows_of(page: Any, name: str) -> list[list[str]]:  # noqa: ANN401
    """The rows of a table that are on the page."""
    lines = page.locator(f"table[data-name='{name}'] tbody tr")
    return [line.locator("td").all_inner_texts() for line in lines.all()]


def test_a_filter_leaves_its_rows_stands_in_the_address_and_back_takes_it_back(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    assert len(rows_of(page, "summary")) == 9
    page.locator("[data-filter='framework'] summary").click()
    page.locator("[data-field='framework'][value='flax']").uncheck()
    assert len(rows_of(page, "summary")) == 6
    assert "framework=pytorch" in page.url
    page.go_back()
    assert len(rows_of(page, "summary")) == 9
    page.go_forward()
    assert len(rows_of(page, "summary")) == 6
    address = page.url
    again = open_page(tmp_path / "page.html", view=address.partition("#")[2])
    assert len(rows_of(again, "summary")) == 6
    again.locator("#reset").click()
    assert len(rows_of(again, "summary")) == 9
    assert "#" not in again.url


def test_filters_that_leave_nothing_say_so(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.evaluate("levelfield.change({framework: []})")
    assert "The filters leave no row. Reset them to see all." in page.locator("#summary").inner_text()
    assert "Nothing to answer" in page.locator("#answers").inner_text()


def test_a_heading_sorts_by_value_and_says_so(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    heading = page.get_by_role("columnheader", name="training samples/s")
    for direction, factor in (("ascending", 1), ("descending", -1)):
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == direction
        found = [factor * _number(row[4]) for row in rows_of(page, "summary")]
        assert found == sorted(found)
    assert "sort=-training" in page.url


def _number(text: str) -> float:
    value, unit = re.match(r"([0-9.]+) ?([kM]?)", text).groups()  # type: ignore[union-attr] # it is a figure
    return float(value) * {"": 1, "k": 1e3, "M": 1e6}[unit]


def test_what_is_one_can_be_chosen(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.locator("#base").select_option("framework:pytorch")
    ratios = {(row[0].lstrip("+"), row[1]): row[5] for row in rows_of(page, "summary")}
    assert ratios["digits-dnn", "pytorch"] == "1.00×"
    assert ratios["digits-dnn", "flax"].startswith("0.6")
    assert "base=framework" in page.url


def test_a_row_opens_to_samples_certificate_settings_environment_and_its_command(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.get_by_role("button", name="Details of digits-dnn pytorch").press("Enter")
    inside = page.locator("tr.inside")
    assert "levelfield run digits-dnn --framework pytorch --device cpu" in inside.inner_text()
    inside.get_by_role("button", name="Copy the command").click()
    assert page.evaluate("window.copied")[0].startswith("levelfield run digits-dnn --framework pytorch")
    for title in ("Processes and samples", "Certificate: proven equal", "Settings of the framework", "Environment"):
        inside.get_by_text(title, exact=True).click()
    inside.locator(".drawing svg").wait_for()
    text = inside.inner_text()
    for words in ("Example CPU @ 2.60GHz, 2 cores", "forward", "pytorch Adam", "Dashed: the median of each process."):
        assert words in text
    assert "open=" in page.url


def test_tables_are_copied_as_markdown_csv_and_json(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    for form in ("Markdown", "CSV", "JSON"):
        page.locator(f"[data-copy='summary-{form}']").click()
    markdown, csv, values = page.evaluate("window.copied")
    assert markdown.splitlines()[0].startswith("| workload | framework |")
    assert len(markdown.splitlines()) == 11
    assert csv.splitlines()[1].startswith('"digits-dnn","pytorch"')
    assert json.loads(values)[0]["training samples/s"] > 1000


def test_a_chart_is_saved_with_its_run_and_machine(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save Training throughput as SVG").press("Enter")
    svg = Path(waiting.value.path()).read_text()
    assert "run-1 · Example CPU @ 2.60GHz, 2 cores" in svg
    assert "Training throughput" in svg


def test_every_chart_is_drawn_and_follows_the_filters(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    for figure in page.locator("#charts figure").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".drawing svg").wait_for()
    bars = page.locator("#chart-training-throughput")
    bars.scroll_into_view_if_needed()
    assert "digits-lstm" in bars.inner_text()
    page.evaluate("levelfield.change({workload: ['digits-dnn']})")
    page.wait_for_function("!document.querySelector('#chart-training-throughput').innerText.includes('digits-lstm')")
    assert "digits-dnn" in bars.inner_text()


def test_dark_and_light_are_kept_in_the_address(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()), dark=True)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert "theme=light" in page.url


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(open_page: Open, tmp_path: Path, *, width: int, dark: bool) -> None:
    page = open_page(page_file(tmp_path, quick_run()), width=width, dark=dark)
    page.evaluate("for (const part of document.querySelectorAll('details.fold')) part.open = true")
    page.get_by_role("button", name="Details of digits-dnn pytorch").click()
    for name in ("overview", "training-throughput", "memory"):
        page.locator(f"#chart-{name}").scroll_into_view_if_needed()
        page.locator(f"#chart-{name} .drawing svg").wait_for()
    assert serious(page) == []


def test_axe_sees_a_bad_contrast(open_page: Open, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(page_file(tmp_path, quick_run()))
    page.add_style_tag(content=".soft { color: #ddd !important; }")
    assert "color-contrast" in {item["id"] for item in Axe().run(page).response["violations"]}


def test_another_page_or_records_file_is_compared(open_page: Open, tmp_path: Path) -> None:
    slower = [
        item if item.case.framework != "flax" else other
        for item, other in zip(quick_run(), quick_run(slowdown=2.0, run="run-2"), strict=True)
    ]
    environment = replace(slower[0].environment, versions={**slower[0].environment.versions, "jax": "9.9"})
    slower = [replace(item, environment=environment) for item in slower]
    page = open_page(page_file(tmp_path, quick_run()))
    page.get_by_text("Compare with another page or records file").press("Enter")  # charts above may still move it
    lines = tmp_path / "records.jsonl"
    lines.write_text("".join(f"{to_line(item)}\n" for item in slower))
    for other in (lines, page_file(tmp_path, slower, name="other.html")):
        page.locator("#drop input").set_input_files(other)
        found = page.locator("#compared")
        found.get_by_text(f"{other.name} compared with this page").wait_for()
        text = found.inner_text()
        assert "12 of 36 figures changed: 12 slower, 0 faster in the other." in text
        assert {row[1] for row in rows_of(page, "changes")} == {"flax"}
        assert ["jax", "0.11.0", "9.9"] in rows_of(page, "environments")
        assert "24 figures within the noise or not reliable" in text


def test_a_file_without_records_is_refused_in_words(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.get_by_text("Compare with another page or records file").press("Enter")  # charts above may still move it
    (tmp_path / "x.jsonl").write_text("{}")
    page.locator("#drop input").set_input_files(tmp_path / "x.jsonl")
    page.get_by_role("alert").wait_for()
    assert "found no record, expected a records.jsonl or a page" in page.locator("#compared").inner_text()


def test_the_keyboard_alone_filters_and_closes(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answers"
    page.locator("[data-filter='framework'] summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert len(rows_of(page, "summary")) == 6
    page.keyboard.press("Escape")
    assert page.locator("[data-filter='framework']").get_attribute("open") is None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_in_print_folds_are_open_and_controls_are_gone(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("#filters").is_visible()
    assert page.get_by_text("How it was measured", exact=True).first.is_visible()
    assert page.pdf().startswith(b"%PDF")


NAMES = (
    "<script>window.hurt = 1</script>",
    "$$x_1$$",
    "a | b",
    'q"q',
    "<img src=x onerror='hurt=1'>",
    "&lt;b&gt;",
)


def test_names_of_users_arrive_as_text(open_page: Open, tmp_path: Path) -> None:
    records = [record(name, framework) for name in NAMES for framework in ("pytorch", "flax")]
    failed = [record(NAMES[0], "keras/jax", outcome="failed", error=f"ValueError: {NAMES[0]}")]
    page = open_page(page_file(tmp_path, [*records, *failed]))
    page.evaluate("for (const part of document.querySelectorAll('details.fold')) part.open = true")
    page.locator("#chart-training-throughput").scroll_into_view_if_needed()
    page.locator("#chart-training-throughput [data-drawn]").wait_for()
    assert page.evaluate("window.hurt") is None
    assert {row[0].lstrip("+") for row in rows_of(page, "summary")} == set(NAMES)
    assert f"ValueError: {NAMES[0]}" in page.locator("main").inner_text()
    assert all(name in page.locator("#chart-training-throughput").text_content() for name in NAMES)


def test_the_page_opens_in_a_given_view(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run(), view="workload=digits-cnn&base=framework:flax"))
    assert len(rows_of(page, "summary")) == 3
    assert page.locator("#base").input_value() == "framework:flax"


def quickest(steps: int) -> str:
    """The framework with the shortest time to so many training steps of digits-dnn, and that time in words."""
    times = {}
    for row in cell_rows(arrange(quick_run())):
        if row["workload"] == "digits-dnn" and row["scenario"] == "training":
            start, rate = (row["figures"][name]["value"] for name in ("first_call_time_s", "samples_per_second"))
            times[row["framework"]] = start + steps * row["batch"] / rate
    first = min(times, key=lambda name: times[name])
    return f"{first} {duration(times[first])}"


def test_the_chooser_follows_its_sliders(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    page.get_by_text("Which one for me?").click()
    body = page.locator(".chooser")
    body.locator("svg").wait_for()
    assert f"10 000 steps of digits-dnn at batch 32: {quickest(10_000)}" in body.inner_text()
    steps = body.locator("input[type=range]").first
    steps.focus()
    for _ in range(60):
        steps.press("ArrowLeft")
    assert "10 steps of digits-dnn at batch 32: " in body.inner_text()
    assert quickest(10) in body.inner_text()
    limit = body.locator("input[type=range]").last
    limit.focus()
    for _ in range(100):
        limit.press("ArrowLeft")
    assert "No framework keeps this latency limit" in body.inner_text()


def test_a_table_shows_sixty_rows_at_a_time(open_page: Open, tmp_path: Path) -> None:
    content = data.page_data(tables.report(quick_run()), quick_run())
    lanes = [{**content["lanes"][0], "workload": f"w{number}", "panel": f"w{number}"} for number in range(200)]
    page = open_page(written(tmp_path / "page.html", {**content, "lanes": lanes, "cells": []}))
    assert len(rows_of(page, "summary")) == 60
    page.get_by_text("Show 60 more of 200 rows").click()
    assert len(rows_of(page, "summary")) >= 120
