"""Text of users in pictures: on one line, no longer than the room for it, in characters that the font has."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from warnings import catch_warnings

from bench.report import formatting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_NAME = 24
LONGEST_TITLE = 40
CUT, MISSING = "…", "□"
REMARKS = {
    CUT: "… ends a name that is too long for a chart",
    MISSING: "□ stands for a character that the font of charts lacks",
}


def shown(text: str, *, longest: int = LONGEST_NAME) -> str:
    """The text as a chart shows it."""
    line = "".join(letter if _has(letter) else MISSING for letter in formatting.name_of(text) if letter not in UNSEEN)
    return line if len(line) <= longest else f"{line[: longest - 1]}{CUT}"


# Joiners and variation selectors only choose a form of their neighbours, and the font has no form of its own for them.
UNSEEN = "\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff"


def remark(texts: list[str]) -> str:
    """A remark on names that are not shown as they are; empty if all are."""
    found = [words for sign, words in REMARKS.items() if any(sign in text for text in texts)]
    return f" {'; '.join(found)}: the tables have the whole names." if found else ""


def texts(figure: "Figure") -> list[str]:
    """Everything that is written in a figure, the names of ticks included."""
    from matplotlib.text import Text

    return [item.get_text() for item in figure.findobj(Text)]


@contextmanager
def plain() -> Iterator[None]:
    """Draw with the settings of the project: no text is read as a formula, and no setting of the user's counts.

    What only warns, such as a layout without room for its panels, is an error here, because the picture is wrong.
    """
    import matplotlib as mpl

    with mpl.rc_context(), catch_warnings(action="error", category=UserWarning):
        mpl.rcdefaults()
        mpl.rcParams["text.parse_math"] = False
        yield


@cache
def _has(letter: str) -> bool:
    """Whether the font of charts has this character."""
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans")).get_char_index(ord(letter)) != 0
