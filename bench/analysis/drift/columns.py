"""Tests whether a column of later data has another distribution than the reference."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Int
from scipy import stats

from bench.analysis.drift.chance import index, index_limit
from bench.records.column_profile import ColumnProfile, Group, Kind

Verdict = Literal["drifted", "unchanged", "too few rows", "not tested"]

RISK = 0.05  # that any column of equal data is called drifted
EFFECT = 0.1  # the smallest effect that counts
BARS = 10  # bins of the PSI
LONGEST = 1e15  # numbers below it are shown without an exponent
FEWEST_DIGITS, MOST_DIGITS = 4, 17
FEWEST_EXPECTED = 5  # values in each bin of a chi-squared test
SHIFT = 2 * stats.norm.cdf(0.25) - 1  # the KS statistic of a shift by half a standard deviation: 0.197
KS, CHI_SQUARED = "Kolmogorov-Smirnov", "chi-squared"
PRESENT, MISSING, OTHERS = "a value", "missing", "(others)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The shares of the bins in the reference and in the later data, for a small histogram."""

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """What was found for a column.

    - `rows`: the rows with a value, in the reference and in the later data;
    - `p`, `corrected_p`: the p value of the test, and corrected for the number of columns (Benjamini-Hochberg) and of
      parts (Bonferroni);
    - `psi`, `psi_limit`: the population stability index, and what equal data of so many rows exceed in 5 % of all
      reports, by chance;
    - `effect`: for numbers the Wasserstein distance in standard deviations of the reference, both over its central
      99 %, or the statistic if that is larger; for categories the total variation distance (half the sum of the
      differences of the shares);
    - `others`: categories that the reference did not have, or seldom.
    """

    name: str
    group: Group
    kind: Kind
    rows: tuple[int, int]
    verdict: Verdict
    test: str = ""
    statistic: float | None = None
    p: float | None = None
    corrected_p: float | None = None
    psi: float | None = None
    psi_limit: float | None = None
    effect: float | None = None
    effect_limit: float = EFFECT
    reason: str = ""
    others: tuple[str, ...] = ()
    bars: Bars | None = None


def compare(
    reference: Sequence[ColumnProfile], current: Sequence[ColumnProfile], *, effect: float = EFFECT, parts: int = 1
) -> tuple[ColumnDrift, ...]:
    """The verdict on every column. The two profiles have the same columns with the same bins.

    `parts` is the number of periods or groups that are judged in this way: p is corrected for it too (Bonferroni).

    A column has drifted if its corrected p is at most 5 %, its effect at least `effect`, and its PSI above the limit:
    with many rows everything is significant, and with few rows the PSI of equal data is large.
    """
    pairs = list(zip(reference, current, strict=True))
    every = [*pairs, *_missing(pairs)]
    tested = [(before, after) for before, after in every if before.kind != "text" and before.rows and after.rows]
    found = [_column(before, after, risk=RISK / len(tested) / parts) for before, after in tested]
    corrected = stats.false_discovery_control([item.p for item in found]) if found else ()
    known = {
        item.name: _judged(
            replace(item, corrected_p=min(1.0, parts * float(p)), effect_limit=effect), tests=parts * len(tested)
        )
        for item, p in zip(found, corrected, strict=True)
    }
    return tuple(known.get(before.name) or _untested(before, after) for before, after in every)


def _missing(pairs: Sequence[tuple[ColumnProfile, ColumnProfile]]) -> Iterator[tuple[ColumnProfile, ColumnProfile]]:
    """A column of two categories for each column with gaps: whether a row has a value."""
    for before, after in pairs:
        if before.missing or after.missing:
            first, second = (
                ColumnProfile(
                    name=f"{before.name}: {MISSING}",
                    kind="category",
                    group=before.group,
                    counts=(item.rows, item.missing, 0),
                    categories=(PRESENT, MISSING),
                )
                for item in (before, after)
            )
            yield first, second


def _column(before: ColumnProfile, after: ColumnProfile, *, risk: float) -> ColumnDrift:
    """The figures of a column, without its verdict."""
    counts = np.array(before.counts), np.array(after.counts)
    if before.kind == "number":
        test, (statistic, p) = KS, _ks(*counts)
        effect = max(_distance(before, *counts), statistic)  # a distance is 0 where nearly all values are equal
    else:
        test, (statistic, p) = CHI_SQUARED, _chi_squared(*counts)
        effect = float(np.abs(_shares(counts[0]) - _shares(counts[1])).sum() / 2)
    labels, coarse = _coarse(before, *counts)
    return ColumnDrift(
        name=before.name,
        group=before.group,
        kind=before.kind,
        rows=(before.rows, after.rows),
        verdict="unchanged",
        test=test,
        statistic=statistic,
        p=p,
        psi=float(index(*coarse)),
        psi_limit=index_limit(coarse[0], after.rows, risk=risk),
        effect=effect,
        others=after.others if before.counts[-1] == 0 else (),
        bars=Bars(
            labels=labels,
            reference=tuple(_shares(coarse[0]).tolist()),
            current=tuple(_shares(coarse[1]).tolist()),
        ),
    )


def _judged(found: ColumnDrift, *, tests: int) -> ColumnDrift:
    """The column with its verdict."""
    p, effect, psi, limit = found.corrected_p, found.effect, found.psi, found.psi_limit
    if p is None or effect is None or psi is None or limit is None:  # pragma: no cover (a tested column has all)
        return found
    if p <= RISK and effect >= found.effect_limit and psi > limit:
        return replace(found, verdict="drifted")
    least = math.log(2 * tests / RISK) / 2 / SHIFT**2
    together = found.rows[0] * found.rows[1] / sum(found.rows)
    if together < least:
        need = math.ceil(2 * least)
        reason = f"a shift by half a standard deviation needs about {need} rows on both sides to be seen"
        return replace(found, verdict="too few rows", reason=reason)
    return found


def _untested(before: ColumnProfile, after: ColumnProfile) -> ColumnDrift:
    if before.kind == "text":
        reason = "nearly every row has another word, such as a name or an id"
    else:
        side = "the reference" if not before.rows else "the later data"
        reason = f"{side} has no value in this column"
    verdict: Verdict = "not tested" if before.kind == "text" or not before.rows else "too few rows"
    return ColumnDrift(
        name=before.name,
        group=before.group,
        kind=before.kind,
        rows=(before.rows, after.rows),
        verdict=verdict,
        reason=reason,
    )


def _shares(counts: Int[np.ndarray, " bins"]) -> np.ndarray:
    shares: np.ndarray = counts / max(1, counts.sum())
    return shares


def _ks(before: Int[np.ndarray, " bins"], after: Int[np.ndarray, " bins"]) -> tuple[float, float]:
    """The largest difference of the two distribution functions at the ends of the bins, and its asymptotic p value.

    Kolmogorov (1933), Smirnov (1948). With bins or equal values, p is too large rather than too small.
    """
    gaps = np.abs(np.cumsum(_shares(before)) - np.cumsum(_shares(after)))
    rows = before.sum() * after.sum() / (before.sum() + after.sum())
    return float(gaps.max()), float(stats.kstwobign.sf(gaps.max() * math.sqrt(rows)))


def _chi_squared(before: Int[np.ndarray, " bins"], after: Int[np.ndarray, " bins"]) -> tuple[float, float]:
    """Pearson's test that both sides have the same shares; bins with few values are taken together."""
    both = np.stack((before, after))
    share = min(both.sum(1)) / both.sum()
    is_rare = both.sum(0) * share < FEWEST_EXPECTED
    table = np.column_stack((both[:, ~is_rare], both[:, is_rare].sum(1)))
    table = table[:, table.sum(0) > 0]
    if table.shape[1] < 2:  # noqa: PLR2004 (a single bin cannot differ)
        return 0.0, 1.0
    found = stats.chi2_contingency(table, correction=False)
    return float(found.statistic), float(found.pvalue)


def _distance(bins: ColumnProfile, before: Int[np.ndarray, " bins"], after: Int[np.ndarray, " bins"]) -> float:
    """The Wasserstein distance between the first and the last end of a bin, in standard deviations."""
    gaps = np.abs(np.cumsum(_shares(before)) - np.cumsum(_shares(after)))
    widths = np.diff(bins.edges)
    return float((gaps[: len(widths)] * widths).sum() / bins.deviation)


def _coarse(
    bins: ColumnProfile, before: Int[np.ndarray, " bins"], after: Int[np.ndarray, " bins"]
) -> tuple[tuple[str, ...], tuple[Int[np.ndarray, " bars"], Int[np.ndarray, " bars"]]]:
    """Fewer bins, with their labels: for numbers tenths of the reference, for categories the most frequent ones."""
    if bins.kind == "category":
        named = min(BARS, len(bins.categories))
        places = np.minimum(np.arange(len(before)), named)
        labels = [*bins.categories[:named], OTHERS]
    else:
        below = np.cumsum(before) - before
        places = np.minimum((below * BARS / max(1, before.sum())).astype(int), BARS - 1)
        places = np.unique(places, return_inverse=True)[1]
        ends = [
            bins.edges[min(int(np.flatnonzero(places == place)[-1]), len(bins.edges) - 1)]
            for place in range(places[-1] + 1)
        ]
        words = _short(ends[:-1])
        labels = [*(f"up to {word}" for word in words), f"above {words[-1]}" if words else "all"]
    counts = [np.bincount(places, weights=side, minlength=len(labels)).astype(int) for side in (before, after)]
    kept = counts[0] + counts[1] > 0
    if not kept.any():
        return tuple(labels), (counts[0], counts[1])
    shown = tuple(label for label, keep in zip(labels, kept, strict=True) if keep)
    return shown, (counts[0][kept], counts[1][kept])


def _short(numbers: Sequence[float]) -> list[str]:
    """Numbers with as few digits as tell them apart, but with all digits before the decimal point."""
    for digits in range(FEWEST_DIGITS, MOST_DIGITS + 1):
        words = [f"{n:.0f}" if 10**digits <= abs(n) < LONGEST else f"{n:.{digits}g}" for n in numbers]
        if len(set(words)) == len(set(numbers)):
            break
    return words
