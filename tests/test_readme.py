"""What the pages say of files is true: every link leads somewhere, and nothing is left to be filled in."""

import re
from pathlib import Path

import pytest

from bench.analysis.budgets import check
from bench.records.budget_files import load_budgets
from bench.workload.workload import Workload, load_workload, variants
from tests.bench.sample_records import quick_run

ROOT = Path(__file__).parents[1]
EXPLANATION = tuple(page.relative_to(ROOT).as_posix() for page in sorted((ROOT / "docs/explanation").glob("*.md")))
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *EXPLANATION)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
# Sphinx cannot link to files outside docs/, so its pages name a source file or a test in inline code, by its path.
NAMED = re.compile(r"`((?:bench|models|tests)/[^`\s*<{]+)`")


def _missing(text: str, *, folder: Path = ROOT) -> list[str]:
    return [target for target in LINK.findall(text) if not (folder / target).exists()]


def _unknown(text: str) -> list[str]:
    return [path for path in NAMED.findall(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES)
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
    assert _unknown("`tests/test_readme.py`, `tests/no_such_test.py`, `bench/`, `bench/workloads/*.toml`, `run`") == [
        "tests/no_such_test.py"
    ]


BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
GRIDS = [text for text in BLOCKS if text.startswith("[grid]")]
BUDGETS = [text for text in BLOCKS if "[[budget]]" in text]
WORKLOADS = [text for text in BLOCKS if text not in (*GRIDS, *BUDGETS)]


def _written(folder: Path, text: str) -> Workload:
    (folder / "flats.csv").write_text("area,rooms,price\n" + "".join(f"{n},{n % 5},{3 * n}\n" for n in range(400)))
    (folder / "mine.toml").write_text(text)
    return load_workload(str(folder / "mine.toml"))


@pytest.mark.parametrize("text", WORKLOADS)
def test_the_workloads_of_the_readme_are_workloads(text: str, tmp_path: Path) -> None:
    assert _written(tmp_path, text).name.startswith("my-")


def test_the_grid_of_the_readme_is_a_grid(tmp_path: Path) -> None:
    (grid,) = GRIDS
    for text in WORKLOADS:
        assert len(variants(_written(tmp_path, f"{text}\n{grid}"))) == 4


def test_the_budgets_of_the_readme_are_budgets(tmp_path: Path) -> None:
    (text,) = BUDGETS
    (tmp_path / "budgets.toml").write_text(text)
    checks = check(load_budgets(tmp_path / "budgets.toml"), quick_run()).checks
    assert len(checks) > 6, "every limit on three contenders"
    assert all(item.found is not None for item in checks), "and each has something that it limits"


def test_a_table_of_ones_own_takes_at_most_twenty_lines() -> None:
    (text,) = [block for block in WORKLOADS if "csv" in block]
    assert len(text.strip().splitlines()) <= 20


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_to_be_filled_in(page: str) -> None:
    assert "<!--" not in (ROOT / page).read_text()
