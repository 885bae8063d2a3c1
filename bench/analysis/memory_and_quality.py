"""Compares memory and quality of two runs, with separate rules, because their noise is not known from many processes.

Memory is measured in one process for each cell. On the host, two runs of the same code differ by up to a tenth and
13 MB, because compilers run in the same process. An allocator on a device counts exactly. Learning is bitwise
repeatable with the same code and libraries. With other code or libraries it differs as with another seed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.analysis.learning import LEAST_SEEDS, interval
from bench.analysis.long_table import figures
from bench.records.cell import Cell, cells
from bench.records.record import Record
from bench.workload.recipe import is_better

Verdict = Literal["improved", "unchanged", "regressed", "inconclusive"]

# A peak has changed if it differs by more than this share and by more than this many bytes.
PEAKS = {"host_peak_bytes": (0.15, 16e6), "device_peak_bytes": (0.02, 1e6)}
SCORE, ERROR = 0.01, 0.05  # the allowed difference of a score (1 is best), and the allowed relative one of an error
FAR = 0.2  # a larger difference of a score is never chance; for errors there is no such limit: seeds differ sixfold


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A memory peak or a quality metric on both sides, and the verdict with its reason."""

    cell: Cell
    metric: str
    baseline: float
    candidate: float
    verdict: Verdict
    reason: str


def memory(baseline: Sequence[Record], candidate: Sequence[Record]) -> tuple[Change, ...]:
    """The change of every memory peak that both sides have."""
    before, after = (
        {(item.cell, item.metric): item.value for item in figures(side) if item.metric in PEAKS}
        for side in (baseline, candidate)
    )
    return tuple(_weighed(key, value, after[key]) for key, value in before.items() if key in after)


def quality(baseline: Sequence[Record], candidate: Sequence[Record]) -> tuple[Change, ...]:
    """The change of each workload's target metric, over the seeds that both sides have."""
    before, after = dict(_learnt(baseline)), dict(_learnt(candidate))
    return tuple(_judged(key, by_seed, after[key]) for key, by_seed in before.items() if key in after)


def _weighed(key: tuple[Cell, str], before: float, after: float) -> Change:
    cell, name = key
    share, least = PEAKS[name]
    larger = max(before, after)
    apart = abs(after - before) > max(least, share * min(before, after))
    verdict: Verdict = "unchanged" if not apart else "regressed" if larger == after else "improved"
    reason = f"a change is more than {share:.0%} and {least / 1e6:.0f} MB"
    return Change(cell=cell, metric=name, baseline=before, candidate=after, verdict=verdict, reason=reason)


def _learnt(records: Sequence[Record]) -> Iterator[tuple[tuple[Cell, str], Mapping[int, float]]]:
    found: dict[tuple[Cell, str], dict[int, float]] = {}
    for record in records:
        learning = record.measurement.learning
        if learning is not None and learning.target_metric in learning.quality:
            by_seed = found.setdefault((cells(record.case)[0], learning.target_metric), {})
            by_seed[record.case.seed] = learning.quality[learning.target_metric]
    yield from found.items()


def _judged(key: tuple[Cell, str], before: Mapping[int, float], after: Mapping[int, float]) -> Change:
    cell, metric = key
    seeds = sorted(before.keys() & after.keys())
    old, new = (np.array([side[seed] for seed in seeds]) for side in (before, after))
    means = (float(old.mean()), float(new.mean())) if seeds else (math.nan, math.nan)
    verdict, reason = _verdict(metric, old, new)
    return Change(cell=cell, metric=metric, baseline=means[0], candidate=means[1], verdict=verdict, reason=reason)


def _verdict(metric: str, old: np.ndarray, new: np.ndarray) -> tuple[Verdict, str]:
    """The verdict on a metric of two sides with the same seeds, and the reason."""
    if not len(old):
        return "inconclusive", "no seed in common"
    if np.array_equal(old, new):
        return "unchanged", "the same to the last digit"
    if not np.isfinite(old).all():
        return "inconclusive", "diverged"
    if not np.isfinite(new).all():
        return "regressed", "diverged"
    return _by_seeds(metric, old, new)


def _by_seeds(metric: str, old: np.ndarray, new: np.ndarray) -> tuple[Verdict, str]:
    """The verdict by the interval of the mean difference (Student's t, paired); with fewer than three seeds by size."""
    apart = new - old
    is_score = is_better(metric, 1.0, 0.0)
    allowed = SCORE if is_score else ERROR * abs(float(old.mean()))
    change: Verdict = "improved" if is_better(metric, float(new.mean()), float(old.mean())) else "regressed"
    if is_score and abs(apart.mean()) > FAR:
        return change, "far beyond what seeds do"
    bounds = interval([float(value) for value in apart]) if len(old) >= LEAST_SEEDS else None
    if bounds is None:
        alike = np.abs(apart).max() <= allowed
        return ("unchanged", "") if alike else ("inconclusive", f"{LEAST_SEEDS} seeds at least tell chance from change")
    low, high = bounds
    if -allowed <= low and high <= allowed:
        return "unchanged", ""
    certain = abs(apart.mean()) > allowed and not low <= 0 <= high
    return change if certain else "inconclusive", f"95 % interval of the difference {low:+.3g} to {high:+.3g}"
