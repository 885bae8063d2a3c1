"""The pages are short, their links lead somewhere, and the files that they show are valid."""

import re
from pathlib import Path

import pytest

from bench.analysis.budgets import check
from bench.records.budget_files import load_budgets
from bench.workload.workload import Workload, load_workload, variants
from tests.bench.sample_records import quick_run
from tests.docs import data_of_pages
from tests.docs.pages import DOCS, EVERY, ROOT, TOP, blocks, sentences, text

EXPLANATION = tuple(page for page in DOCS if page.startswith("docs/explanation/"))
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
# Sphinx cannot link to files outside docs/, so its pages name a source file or a test in inline code, by its path.
NAMED = re.compile(r"`((?:bench|models|tests)/[^`\s*<{]+)`")


def _missing(text: str, *, folder: Path = ROOT) -> list[str]:
    return [target for target in LINK.findall(text) if not (folder / target).exists()]


def _unknown(text: str) -> list[str]:
    return [path for path in NAMED.findall(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", [*TOP, *EXPLANATION])
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    assert _missing((ROOT / page).read_text(), folder=(ROOT / page).parent) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    assert _missing("[a page](LICENSE) and [another](no/such/file.md)") == ["no/such/file.md"]
    assert _missing("[a page](statistics.md) and [another](LICENSE)", folder=ROOT / "docs/explanation") == ["LICENSE"]


@pytest.mark.parametrize("page", EXPLANATION)
def test_every_source_file_and_test_that_an_explanation_names_exists(page: str) -> None:
    assert _unknown((ROOT / page).read_text()) == []


def test_the_explanation_of_measuring_names_a_test_or_a_benchmark_for_each_rule() -> None:
    rules = (ROOT / "docs/explanation/methodology.md").read_text().split("\n### ")[1:]
    assert len(rules) > 30
    assert [rule.splitlines()[0] for rule in rules if not NAMED.search(rule) or "- Source" not in rule] == []


def test_a_path_that_no_file_has_is_found() -> None:
    assert _unknown(
        "`tests/docs/test_pages.py`, `tests/no_such_test.py`, `bench/`, `bench/workloads/*.toml`, `run`"
    ) == ["tests/no_such_test.py"]


FILES = {block.file: block.text for page in EVERY for block in blocks(text(page)) if block.file}
WORKLOADS = sorted(name for name, content in FILES.items() if "[model]" in content)


def _written(folder: Path, name: str, *, more: str = "") -> Workload:
    data_of_pages.write(folder)
    (folder / name).write_text(f"{FILES[name]}\n{more}")
    return load_workload(str(folder / name))


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_workloads_on_the_pages_are_workloads(name: str, tmp_path: Path) -> None:
    assert f"{_written(tmp_path, name).name}.toml" == name


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_grid_on_the_pages_is_a_grid_of_every_workload(name: str, tmp_path: Path) -> None:
    assert len(variants(_written(tmp_path, name, more=FILES["grid.toml"]))) == 4


def test_the_budgets_on_the_pages_are_budgets(tmp_path: Path) -> None:
    (tmp_path / "budgets.toml").write_text(FILES["budgets.toml"])
    checks = check(load_budgets(tmp_path / "budgets.toml"), quick_run()).checks
    assert len(checks) > 6, "every limit on three frameworks"
    assert all(item.found is not None for item in checks), "and each has something that it limits"


def test_a_table_of_ones_own_takes_at_most_25_lines() -> None:
    tables = [content for content in FILES.values() if 'kind = "csv"' in content]
    assert tables
    assert all(len(content.strip().splitlines()) <= 25 for content in tables)


@pytest.mark.parametrize("page", EVERY)
def test_nothing_is_left_to_be_filled_in(page: str) -> None:
    assert "<!--" not in text(page)


MOST_LINES, MOST_WORDS, LONGEST_SENTENCE = 150, 1500, 32


def _long(content: str) -> list[str]:
    return [sentence for sentence in sentences(content) if len(sentence.split()) > LONGEST_SENTENCE]


def test_the_readme_is_short() -> None:
    assert len(text("README.md").splitlines()) <= MOST_LINES
    assert len(text("README.md").split()) <= MOST_WORDS


@pytest.mark.parametrize("page", EVERY)
def test_no_sentence_of_a_page_is_long(page: str) -> None:
    assert _long(text(page)) == []


def test_a_long_sentence_is_found() -> None:
    words = " ".join(["Word"] * LONGEST_SENTENCE)
    assert _long(f"Short. {words} more.\n\n- {words}.\n") == [f"{words} more."]
    assert _long(f"A list: {words}.") == [f"A list: {words}."], "a colon ends no sentence"
