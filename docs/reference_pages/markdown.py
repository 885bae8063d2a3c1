"""Pieces of MyST Markdown."""

import re
from collections.abc import Iterable, Sequence

CODE = re.compile(r"(`[^`]*`)")
ITEM = re.compile(r"\n(?=- )")
SIGNS = re.compile(r"([\\<*\[\]])")  # signs that Markdown would read as markup


def text(words: str) -> str:
    """Words of the code as Markdown that shows them as they are. Code between backticks stays code."""
    return "".join(part if CODE.fullmatch(part) else SIGNS.sub(r"\\\1", part) for part in CODE.split(words))


def paragraphs(words: str) -> str:
    """Words with blank lines in between as paragraphs. Each paragraph, and each item of a list in it, is one line."""
    pieces = (ITEM.split(part.strip()) for part in words.split("\n\n"))
    return "\n\n".join("\n".join(text(" ".join(line.split())) for line in lines) for lines in pieces)


def code(words: str) -> str:
    """The words as code."""
    return f"`{words}`"


def heading(level: int, title: str) -> str:
    """A heading. Sphinx makes its anchor from the title."""
    return f"{'#' * level} {title}"


def anchor(title: str) -> str:
    """The anchor that Sphinx makes from the title of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [titles, ["---"] * len(titles), *rows]
    escaped = ((cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def page(*parts: str) -> str:
    """The parts, one below the other."""
    return "\n\n".join(part for part in parts if part) + "\n"
