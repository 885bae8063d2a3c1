"""Numbers as text: three significant digits, in the unit that fits the size; `n/a` for an unknown value.

Text of users is put on one line here too.
"""

import math
import unicodedata

UNKNOWN = "n/a"
LARGE = 9999.5  # from here on, four digits would need an exponent
TINY = 5e-5  # below this, four decimals would show zero

SMALLEST = 0.005  # below this, two decimals would show zero
LARGE_DEVIATION = 0.1
SMALLEST_SHARE = 0.0005  # below this, one decimal of a percentage would show zero

LINE_ENDS = ("Zl", "Zp")  # Unicode's categories of line separator and paragraph separator
NOT_SHOWN = ("Cc", "Cs")  # control characters and halves of surrogate pairs
# Characters that change the order of a whole line.
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

Units = tuple[tuple[float, str], ...]
TIME: Units = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
COUNT: Units = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
BYTES: Units = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))


def duration(seconds: float | None) -> str:
    """A time: `1.23 ms`."""
    return scaled(seconds, TIME)


def count(number: float | None) -> str:
    """A large number: `12.3 k`."""
    return scaled(number, COUNT)


def size(number: float | None) -> str:
    """A size in memory: `12.3 MB`."""
    return scaled(number, BYTES)


def scaled(number: float | None, units: Units) -> str:
    """The number in the largest unit that makes it at least 1; if there is none, in the smallest unit."""
    if number is None or not math.isfinite(number):
        return UNKNOWN
    rounded = _rounded(number)
    factor, unit = next((row for row in units if abs(rounded) >= row[0]), units[-1])
    return f"{significant(rounded / factor)} {unit}".strip()


def significant(number: float | None) -> str:
    """Three significant digits without an exponent: `0.0123`, `1.20`, `1230`."""
    if number is None or not math.isfinite(number):
        return UNKNOWN
    if number == 0:
        return "0"
    rounded = _rounded(number)
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"


def grouped(number: int) -> str:
    """All digits, in groups of three: `12 345`."""
    return f"{number:_}".replace("_", " ")


def ratio(number: float | None) -> str:
    """A ratio: `1.32×`."""
    return UNKNOWN if number is None or not math.isfinite(number) else f"{_two_decimals(number)}×"


def ratio_range(number: float, *, low: float, high: float) -> str:
    """A ratio with its range: `1.32× [1.29-1.36]`. A bound that two decimals would show as zero is `<0.01`.

    A single value has no range.
    """
    if low == high:
        return ratio(number)
    least = "<0.01" if 0 < low < SMALLEST else _two_decimals(low)
    return f"{ratio(number)} [{least}-{_two_decimals(high)}]"


def spread(number: float, *, low: float, high: float) -> str:
    """The distances from a number to its two bounds: `-30/+3 %`, `±0.3 %`."""
    below, above = (_percent(100 * distance / number) for distance in (number - low, high - number))
    return f"±{above} %" if below == above else f"-{below}/+{above} %"


def deviation(number: float) -> str:
    """A deviation, of which the order of magnitude matters: `2.2e-07`; `0`, and `0.31` or `4.2` where it is large."""
    return f"{number:.2g}" if number == 0 or LARGE_DEVIATION <= number < 1 / LARGE_DEVIATION else f"{number:.1e}"


def limit(number: float) -> str:
    """The largest deviation that is allowed: `1e-12`, `0.4`."""
    return f"{number:g}" if number >= LARGE_DEVIATION or not number else f"{number:.0e}"


def share(number: float) -> str:
    """A share: `6.4%`. One that would be shown as zero is `<0.1%`."""
    return "<0.1%" if 0 < number < SMALLEST_SHARE else f"{number:.1%}"


def score(number: float | None) -> str:
    """A quality metric with four digits, or all digits before the decimal point: `0.9722`, `12.35`, `70530`."""
    if number is None or not math.isfinite(number):
        return UNKNOWN
    if 0 < abs(number) < TINY:
        return f"{number:.1e}"
    if abs(number) < 1 + 1e-9:
        return f"{number:.4f}"
    return f"{number:.4g}" if abs(number) < LARGE else f"{number:.0f}"


def one_line(text: str) -> str:
    """Text of users on one line: line ends and tabs become blanks, other control characters are spelt out.

    A name from a file may contain an escape sequence that would recolour a terminal, or a character that reverses the
    rest of a line.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def name_of(label: str) -> str:
    """The name of a class on one line; an empty or blank name, which nobody could see, is shown as two quotes."""
    return one_line(label) if label.strip() else '""'


def _shown(letter: str) -> str:
    kind = unicodedata.category(letter)
    if letter.isspace() or kind in LINE_ENDS:
        return " "
    return ascii(letter)[1:-1] if kind in NOT_SHOWN or letter in DIRECTIONS else letter


def _percent(number: float) -> str:
    return f"{number:.1f}" if 0.05 <= number < 0.95 else f"{max(number, 0):.0f}"  # noqa: PLR2004 (round to 0 and to 1)


def _two_decimals(number: float) -> str:
    return f"{number:.2f}" if number < 10 else significant(number)  # noqa: PLR2004 (three digits, never four)


def _rounded(number: float) -> float:
    return float(f"{number:.2e}")
