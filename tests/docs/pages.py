"""The pages that people read, taken apart: code blocks, commands and sentences."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
WRITTEN = ("docs/reference/index.md", "docs/reference/vocabulary.md")  # the others there are generated from the code
DOCS = tuple(
    page
    for page in (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md")))
    if page in WRITTEN or not page.startswith("docs/reference/")
)
EVERY = (*TOP, *DOCS)

FENCED = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (?P<name>\S+\.toml)\b")  # the first line of a block that is a file
COMMAND = re.compile(r"^(?:\.venv/bin/)?(?P<command>(?:levelfield|nox|python -m bench) .*)$")
MARK = re.compile(r"^(?:[-*>]|#+|\d+\.) ")
ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9`*\[\"])")


@dataclass(frozen=True)
class Block:
    """A code block: its language and its text."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name of the TOML file that the block is, if it says so in its first line."""
        found = NAMED.match(self.text)
        return found["name"] if found and self.language == "toml" else None


def text(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text("utf-8")


def blocks(content: str) -> list[Block]:
    """The code blocks of a page, in their order."""
    return [Block(language, body) for language, body in FENCED.findall(content)]


def commands(content: str) -> list[str]:
    """The `levelfield` and `nox` commands of all code blocks, without their comments."""
    lines = [line.partition("  #")[0].strip() for block in blocks(content) for line in block.text.splitlines()]
    return [found["command"] for found in map(COMMAND.match, lines) if found]


def sentences(content: str) -> list[str]:
    """The sentences outside code blocks and tables; each item of a list and each cell of a table is one."""
    prose = FENCED.sub("", content)
    found = []
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", prose):
        cells = paragraph.split("|") if paragraph.lstrip().startswith("|") else [paragraph]
        found += [" ".join(part.split()) for cell in cells for part in ENDS.split(cell)]
    return [MARK.sub("", sentence) for sentence in found if sentence]
