"""Sections of a page: a class as a table of its keys."""

from collections.abc import Collection

from reference_pages import keys, markdown
from reference_pages.keys import Key, Terms
from reference_pages.markdown import code, heading

TITLES = ("Key", "Type", "Default", "Meaning")


def section(  # noqa: PLR0913 (what a section is made of)
    kind: type, terms: Terms, *, level: int, title: str = "", text: str = "", without: Collection[str] = ()
) -> str:
    """The class as a section: heading, `text` or else the docstring, and the keys, less those in `without`."""
    shown = [key for key in keys.keys(kind, terms) if key.name not in without]
    return markdown.page(
        heading(level, title or keys.title(kind)),
        text or markdown.paragraphs(keys.summary(kind)),
        markdown.table(TITLES, map(_row, shown)) if shown else "",
    ).rstrip()


def _row(key: Key) -> tuple[str, str, str, str]:
    default = "required" if key.default is None else code(key.default) if key.default else ""
    return code(key.name), key.type, default, markdown.text(key.description)
