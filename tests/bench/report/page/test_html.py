"""A page is one file: its data cannot end their element, and it names no other address."""

import json
import math
import re
from pathlib import Path

import pytest

from bench.report import tables
from bench.report.page import html
from bench.report.page.data import page_data
from tests.bench.sample_records import quick_run, record


def data_of(page: str) -> dict[str, object]:
    """The data of a page, as a browser reads them."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    found: dict[str, object] = json.loads(text[1])
    return found


@pytest.mark.parametrize(
    "name", ["</script><b>", "<!-- <script>", "@LIBRARY@ @PROGRAM@", "&lt;", 'a"b', "\ud800", "\u2028"]
)
def test_data_come_back_as_they_were_whatever_they_are_called(name: str) -> None:
    page = html.render({"name": name})
    assert data_of(page)["name"] == name
    assert "</script><b>" not in page
    assert page.encode(errors="backslashreplace")


def test_numbers_that_json_lacks_are_null() -> None:
    assert json.loads(html.embedded({"a": math.nan, "b": [math.inf, 1.5], "c": (True, None)})) == {
        "a": None,
        "b": [None, 1.5],
        "c": [True, None],
    }


def test_a_page_asks_for_nothing() -> None:
    page = html.render(page_data(tables.report(quick_run()), quick_run()))
    own = page.replace(html.library(), "")
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:|//)|@import|fetch\(|XMLHttpRequest", own)
    assert "innerHTML" not in own
    assert "insertAdjacentHTML" not in own


def test_pictures_are_in_the_page(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"png")
    shown = data_of(html.render({}, pictures={"First samples": picture}))["pictures"]
    assert shown == [{"caption": "First samples", "png": "cG5n"}]


def test_the_library_is_made_once_and_then_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))

    def make() -> str:
        made.append(1)
        return "script"

    monkeypatch.setattr(html, "_made", make)
    assert [html.library(), html.library()] == ["script", "script"]
    assert made == [1]
    monkeypatch.setenv("LEVELFIELD_CACHE", "/dev/null/none")
    assert html.library() == "script"
    assert made == [1, 1], "without a cache it is made again"


def test_a_page_of_a_standard_suite_stays_small() -> None:
    records = [record(f"w{number}", replicate=process) for number in range(20) for process in range(3)]
    assert len(html.render(page_data(tables.report(records), records))) < 3e6
