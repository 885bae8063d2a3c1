"""Says why a cell is not a number: it has no value, a notation that is not read, or a word."""

import re
import unicodedata
from typing import Literal, NamedTuple

import numpy as np

LARGEST = float(np.finfo(np.float32).max)
# What programs write for a value that is missing.
MISSING = {"", "na", "n/a", "#n/a", "#na", "nan", "null", "none", "nil", "?", "-", "--", "."}
MISSING |= {"<na>", "nat", "n.a.", "\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}"}
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
MINUS = "\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{NON-BREAKING HYPHEN}\N{FULLWIDTH HYPHEN-MINUS}"
DIGITS = tuple("0123456789.")
HYPHENS = {ord(sign): "-" for sign in MINUS}
NO_NUMBER = "no number"
UNITS = "%\N{PER MILLE SIGN}\N{DEGREE SIGN}$\N{EURO SIGN}\N{POUND SIGN}\N{YEN SIGN}"


class Notation(NamedTuple):
    """How a table is written: what separates cells, what stands before decimals, and the encoding of the text.

    `gaps` are the texts that stand for a missing value, beside those that programs usually write. Their case does not
    count.
    """

    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    gaps: frozenset[str] = frozenset()

    def is_missing(self, cell: str) -> bool:
        """Whether a cell has no value."""
        text = cell.casefold()
        return text in MISSING or text in self.gaps

    def number(self, text: str) -> str:
        """The text of a number with a decimal point; with decimal commas, a text with a point is no number."""
        if self.decimal == ".":
            return text
        return NO_NUMBER if "." in text else text.replace(self.decimal, ".")


USUAL = Notation()


class Cause(NamedTuple):
    """What a cell must contain, and the kind of its mistake. All kinds but a missing value and a word are notations."""

    expected: str
    kind: Literal["missing", "word", "underscore", "minus", "digits", "range", "comma", "unit"]


def cause(text: str, notation: Notation = USUAL) -> Cause:
    """Why the text of a cell is not a number that float32 can hold."""
    if notation.is_missing(text):
        return Cause("a number, since every cell needs a value", "missing")
    if notation.decimal == ",":
        return _point(text) or _number(notation.number(text)) or _unit(text) or Cause("a number", "word")
    return _number(text) or _commas(text) or _unit(text) or Cause("a number", "word")


def _point(text: str) -> Cause | None:
    """What to write in place of a number with a point, where commas stand before decimals."""
    if "." not in text or not _is_number(text.replace(".", "").replace(",", ".")):
        return None
    return Cause("a number with a decimal comma and without other signs, such as 1234,5", "comma")


def _number(text: str) -> Cause | None:
    """What to write in place of a number that Python reads, and Levelfield does not."""
    if "_" in text and _is_number(text):
        return Cause(f"a number without an underscore, such as {text.replace('_', '')}", "underscore")
    found = next((sign for sign in text if sign in MINUS), "")
    if found and _is_number(text.translate(HYPHENS)):
        name = unicodedata.name(found).lower()
        return Cause(f"a number whose minus sign is '-': this sign is {found!r} (the character {name!r})", "minus")
    if not text.isascii() and _is_number(text):
        return Cause(f"a number in the digits 0 to 9, such as {float(text):g}", "digits")
    if _is_number(text) and text.lstrip("+-")[:1] in DIGITS and abs(float(text)) > LARGEST:
        return Cause(f"a number from {-LARGEST:g} to {LARGEST:g}, which float32 can hold", "range")
    return None


def _commas(text: str) -> Cause | None:
    plain = text.replace("'", "").replace("\N{NO-BREAK SPACE}", " ").translate(HYPHENS)
    if DECIMAL_COMMA.fullmatch(plain):
        wanted = f"a number with a decimal point, such as {plain.replace(',', '.')}"
        return Cause(f"{wanted}: this number has a decimal comma, or a comma between thousands", "comma")
    signs = plain.lstrip("+-").replace(" ", "").replace("\N{NARROW NO-BREAK SPACE}", "")
    if signs != text.lstrip("+-") or "," in signs:
        digits = signs.replace(",", "").replace(".", "")
        if digits.isascii() and digits.isdecimal():
            return Cause("a number with a decimal point and without other signs, such as 1234.5", "comma")
    return None


def _unit(text: str) -> Cause | None:
    """What to write in place of a number with a sign of a unit before or behind it."""
    found = next((sign for sign in UNITS if text.startswith(sign) or text.endswith(sign)), "")
    number = text.strip(found).strip() if found else ""
    if number and (_is_number(number) or DECIMAL_COMMA.fullmatch(number)):
        return Cause(f"a number without the sign {found!r}", "unit")
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
