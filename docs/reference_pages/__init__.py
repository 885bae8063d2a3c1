"""The reference pages that are made from the code: each is a function that returns one page of MyST Markdown."""

from collections.abc import Callable, Mapping
from pathlib import Path

PAGES: Mapping[str, Callable[[], str]] = {}


def write(folder: Path) -> None:
    """Write every page into the folder. A page whose text is the same as before is left alone."""
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", page()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
