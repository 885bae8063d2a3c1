"""What the pages say of files is true: every link leads somewhere, and nothing is left to be filled in."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def _missing(text: str) -> list[str]:
    return [target for target in LINK.findall(text) if not (ROOT / target).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    assert _missing((ROOT / page).read_text()) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    assert _missing("[a page](LICENSE) and [another](no/such/file.md)") == ["no/such/file.md"]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_to_be_filled_in(page: str) -> None:
    assert "<!--" not in (ROOT / page).read_text()
