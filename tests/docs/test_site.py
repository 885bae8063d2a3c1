"""Sphinx builds the site as `nox -s docs` does: broken links are refused, and pages load nothing from other hosts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # the site is built for these tests

ROOT = Path(__file__).parents[2]
STRICT = ("--fresh-env", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet")
BROKEN = """\
---
orphan: true
---

# A page with mistakes

[a page](no-such-page.md)

[an anchor](reference/vocabulary.md#no-such-word)
"""
TAG = re.compile(r"<(?:script|img|iframe|link)\b[^>]*>")
ELSEWHERE = re.compile(r"""(?:src|href)=["'](?:https?:)?//""")
STYLE = re.compile(r"""@import|url\(["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple["subprocess.CompletedProcess[str]", Path]:
    """The site with one page more, which has broken links; all pages are built nevertheless."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs" / "broken.md").write_text(BROKEN)
    command = [sys.executable, "-m", "sphinx", *STRICT, str(folder / "docs"), str(folder / "built")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False), folder / "built"


def loads(text: str) -> list[str]:
    """What a page or a style sheet loads from another host."""
    return [tag for tag in TAG.findall(text) if ELSEWHERE.search(tag)] + STYLE.findall(text)


def test_a_broken_link_and_a_broken_anchor_fail_the_build(
    build: tuple["subprocess.CompletedProcess[str]", Path],
) -> None:
    done, _ = build
    warnings = re.findall(r"(\w+\.md):\d+: WARNING: .*(no-such-\w+)", done.stderr)
    assert warnings == [("broken.md", "no-such-page"), ("broken.md", "no-such-word")]
    assert done.returncode != 0


def test_pages_load_nothing_from_other_hosts(build: tuple["subprocess.CompletedProcess[str]", Path]) -> None:
    _, site = build
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 10
    assert {str(path.relative_to(site)): found for path in files if (found := loads(path.read_text()))} == {}


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js"></script>',
        "<link rel='stylesheet' href='//fonts.example/css'>",
        "@font-face { src: url(https://fonts.example/x.woff2) }",
    ],
)
def test_what_is_loaded_from_another_host_is_found(text: str) -> None:
    assert loads(text)
    assert not loads(text.replace("https:", "").replace("//", "_static/"))
