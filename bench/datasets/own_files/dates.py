"""Reads dates as numbers: the days since the beginning of 1970, with pandas."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

SAMPLE = 200  # texts that are tried to find how dates are written
ISO = "ISO8601"
DAY_US = 86_400_000_000
# What dates can be put together by, as `strftime` writes it; a quarter has no sign there.
PERIODS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "quarter": "", "year": "%Y"}
DIGITS = 4  # in a year: fewer are a number


def days(texts: Sequence[str], form: str | None) -> Float[np.ndarray, " texts"]:
    """The days since 1970-01-01 of each text, with the time of day as a fraction; NaN for a text that is no date.

    `form` says how dates are written, in the signs of `strftime`; None stands for ISO 8601, such as 2014-10-13. A time
    zone is counted in.
    """
    import pandas as pd

    found: Any = pd.to_datetime(pd.Series(list(texts), dtype=str), format=form or ISO, errors="coerce", utc=True)
    values: np.ndarray = found.astype("datetime64[us, UTC]").astype("int64").to_numpy().astype(np.float64) / DAY_US
    return np.where(found.isna().to_numpy(), np.nan, values)


def usual_form(texts: Sequence[str]) -> str:
    """How most dates in these texts are written: empty for ISO 8601. Texts that are no dates do not matter."""
    different = list(dict.fromkeys(texts))
    chosen = different[:: max(1, len(different) // SAMPLE)]  # spread over all, since sorted dates begin alike
    if not chosen:
        return ""
    candidates = ("", *dict.fromkeys(_guessed(chosen[:3]) + _guessed(chosen[-3:])))
    return max(candidates, key=lambda candidate: np.isfinite(days(chosen, candidate or None)).sum())


def periods(texts: Sequence[str | None], period: str, written: str) -> list[str | None]:
    """The period of each date, such as `2014-10` for a month; None for a text that is no date.

    `period` is one of `PERIODS`. A week has the number of ISO 8601. `written` is the form of the dates; see `form`.
    """
    import pandas as pd

    found: Any = pd.to_datetime(pd.Series(list(texts), dtype=object), format=written or ISO, errors="coerce", utc=True)
    if period == "quarter":
        labels = found.dt.year.astype("Int64").astype(str) + "-Q" + found.dt.quarter.astype("Int64").astype(str)
    else:
        labels = found.dt.strftime(PERIODS[period])
    return [None if lost else str(label) for label, lost in zip(labels, found.isna(), strict=True)]


def form(texts: Sequence[str]) -> str | None:
    """How the dates in these texts are written: empty for ISO 8601, else as `strftime` says; None if they are no dates.

    If the order of day and month is not clear from a text, the other texts decide.
    """
    chosen = list(dict.fromkeys(texts))[:SAMPLE]
    if not chosen or any(sum(map(str.isdigit, text)) < DIGITS for text in chosen):
        return None
    for candidate in ("", *_guessed(chosen)):
        if not np.isnan(days(chosen, candidate or None)).any():
            return candidate
    return None


def _guessed(texts: Sequence[str]) -> list[str]:
    """The forms that pandas guesses from these texts, with the day first or the month first."""
    from pandas.tseries.api import guess_datetime_format

    with warnings.catch_warnings(action="ignore", category=UserWarning):  # both orders of day and month are tried
        found = [guess_datetime_format(text, dayfirst=first) for text in texts[:3] for first in (True, False)]
    return [guess for guess in dict.fromkeys(found) if guess]
