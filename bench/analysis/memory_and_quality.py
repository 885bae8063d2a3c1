"""Verdicts on memory and quality of two runs, with fixed rules: there are too few processes to estimate their noise.

Memory is measured in one process for each cell. Two runs of the same code differ by up to a tenth and 13 MB on the
host, where compilers need memory too; the allocator of a device counts exactly. Learning is repeatable to the last
digit with the same code and libraries. With other versions it differs like with another seed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np

from bench.analysis.learning import LEAST_SEEDS, interval
from bench.analysis.long_table import figures
from bench.records.cell import Cell, cells
from bench.records.record import Record
from bench.workload.recipe import is_better

Verdict = Literal["improved", "unchanged", "regressed", "inconclusive"]

# A peak has changed if it differs by more than this share and by more than so many bytes.
PEAKS = {"host_peak_bytes": (0.15, 16e6), "device_peak_bytes": (0.02, 1e6)}
SCORE, ERROR = 0.01, 0.05  # allowed differences: of a score whose best value is 1, and the relative one of an error
FAR = 0.2  # a larger difference of a score is never due to the seed; errors of some networks differ sixfold by seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A memory peak or a quality metric of both runs, and the verdict with its reason."""

    cell: Cell
    metric: str
    baseline: float
    candidate: float
    verdict: Verdict
    reason: str


def memory(baseline: Sequence[Record], candidate: Sequence[Record]) -> tuple[Change, ...]:
    """The verdict on every peak that both sides have; of several runs of a side the highest one."""
    before, after = _peaks(baseline), _peaks(candidate)
    return tuple(_peak_change(key, value, after[key]) for key, value in before.items() if key in after)


def quality(baseline: Sequence[Record], candidate: Sequence[Record]) -> tuple[Change, ...]:
    """The verdict on the metric of each workload, over the seeds that both sides have.

    If several runs of a side learnt from the same seed, their mean counts.
    """
    before, after = _learnt(baseline), _learnt(candidate)
    return tuple(_quality_change(key, by_seed, after[key]) for key, by_seed in before.items() if key in after)


def are_alike(metric: str, first: float, second: float) -> bool:
    """Whether two peaks of memory, in bytes, differ by no more than two runs of the same code do."""
    share, least = PEAKS[metric]
    return abs(first - second) <= max(least, share * min(first, second))


def allowed_difference(metric: str, mean: float) -> float:
    """The difference that does not count: of a score as it is, of an error relative to its mean."""
    return SCORE if is_better(metric, 1.0, 0.0) else ERROR * abs(mean)


def _peaks(records: Sequence[Record]) -> dict[tuple[Cell, str], float]:
    found: dict[tuple[Cell, str], float] = {}
    for item in figures(records):
        if item.metric in PEAKS:
            key = item.cell, item.metric
            found[key] = max(item.high, found.get(key, item.high))
    return found


def _peak_change(key: tuple[Cell, str], before: float, after: float) -> Change:
    cell, name = key
    share, least = PEAKS[name]
    changed: Verdict = "regressed" if after > before else "improved"
    verdict = "unchanged" if are_alike(name, before, after) else changed
    reason = f"a change counts if it exceeds {share:.0%} and {least / 1e6:.0f} MB"
    return Change(cell=cell, metric=name, baseline=before, candidate=after, verdict=verdict, reason=reason)


BySeed = Mapping[int, Mapping[str, float]]


def _learnt(records: Sequence[Record]) -> Mapping[tuple[Cell, str], BySeed]:
    """What was learnt of each cell, by seed and then by run."""
    found: dict[tuple[Cell, str], dict[int, dict[str, float]]] = {}
    for record in records:
        learning = record.measurement.learning
        if learning is not None and learning.target_metric in learning.quality:
            by_seed = found.setdefault((cells(record.case)[0], learning.target_metric), {})
            by_seed.setdefault(record.case.seed, {})[record.run] = learning.quality[learning.target_metric]
    return found


def _quality_change(key: tuple[Cell, str], before: BySeed, after: BySeed) -> Change:
    cell, metric = key
    seeds = sorted(before.keys() & after.keys())
    old, new = (np.array([fmean(side[seed].values()) for seed in seeds]) for side in (before, after))
    means = (float(old.mean()), float(new.mean())) if seeds else (math.nan, math.nan)
    verdict, reason = _verdict(metric, old, new)
    apart = (*_disagreement(metric, before, "baseline"), *_disagreement(metric, after, "candidate"))
    return Change(
        cell=cell,
        metric=metric,
        baseline=means[0],
        candidate=means[1],
        verdict="inconclusive" if apart and verdict == "unchanged" else verdict,
        reason="; ".join(filter(None, (reason, *apart))),
    )


def _disagreement(metric: str, side: BySeed, name: str) -> Iterator[str]:
    """The first seed from which the runs of one side learnt different things, with what each of them reached."""
    for seed, by_run in sorted(side.items()):
        values = list(by_run.values())
        if not max(values) - min(values) <= allowed_difference(metric, fmean(values)) and len(values) > 1:
            shown = ", ".join(f"{value:.4g} in {run}" for run, value in by_run.items())
            yield f"the runs of the {name} differ at seed {seed}: {shown}"
            return


def _verdict(metric: str, old: np.ndarray, new: np.ndarray) -> tuple[Verdict, str]:
    """The verdict on two runs that learnt from the same seeds."""
    if not len(old):
        return "inconclusive", "the two runs have no seed in common"
    if np.array_equal(old, new):
        return "unchanged", "equal to the last digit"
    if not np.isfinite(old).all():
        return "inconclusive", "the baseline diverged"
    if not np.isfinite(new).all():
        return "regressed", "the candidate diverged"
    return _by_seeds(metric, old, new)


def _by_seeds(metric: str, old: np.ndarray, new: np.ndarray) -> tuple[Verdict, str]:
    """The verdict by Student's paired interval of the mean difference; with fewer than three seeds by its size."""
    apart = new - old
    is_score = is_better(metric, 1.0, 0.0)
    allowed = allowed_difference(metric, float(old.mean()))
    change: Verdict = "improved" if is_better(metric, float(new.mean()), float(old.mean())) else "regressed"
    if is_score and abs(apart.mean()) > FAR:
        return change, "more than seeds can explain"
    bounds = interval([float(value) for value in apart]) if len(old) >= LEAST_SEEDS else None
    if bounds is None:
        alike = np.abs(apart).max() <= allowed
        return (
            ("unchanged", "")
            if alike
            else ("inconclusive", f"at least {LEAST_SEEDS} seeds are needed to tell a change from chance")
        )
    low, high = bounds
    if -allowed <= low and high <= allowed:
        return "unchanged", ""
    certain = abs(apart.mean()) > allowed and not low <= 0 <= high
    return change if certain else "inconclusive", f"95 % interval of the difference {low:+.3g} to {high:+.3g}"
