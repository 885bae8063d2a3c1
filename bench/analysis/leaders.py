"""Decides who leads a group of frameworks: the fastest, the smallest, or nobody; and whether they learnt the same."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, TypeVar

from bench.analysis.learning import differences
from bench.analysis.memory_and_quality import allowed_difference, are_alike
from bench.records.timing_metrics import Summary, of_processes

Key = TypeVar("Key", bound=Hashable)
Outcome = Literal["winner", "tied", "doubtful", "alone", "unknown"]
Likeness = Literal["same", "different", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """The result of one group of frameworks.

    `outcome` is one of:
    - `winner`: one framework is ahead of all others;
    - `tied`: those in `best` cannot be told apart;
    - `doubtful`: those in `best` cannot be relied on, and may be the fastest, so nobody is named;
    - `alone`: only one framework was measured, or only one can be ranked;
    - `unknown`: nothing was measured, or nothing can be ranked.

    `rival` is the next framework behind a winner. `lead` is the rival's time or size as a multiple of the winner's.
    """

    outcome: Outcome
    best: tuple[str, ...] = ()
    rival: str = ""
    lead: Summary | None = None


UNKNOWN = Leader(outcome="unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Whether frameworks learnt the same of one workload, and the largest difference between two of their means."""

    likeness: Likeness
    metric: str
    apart: float
    seeds: int


def tied(places: Mapping[Key, Summary]) -> tuple[Key, ...]:
    """The fastest, and all that cannot be told apart from it.

    `places` are times as multiples of the fastest one. A framework is tied if its median is not above that of the
    slowest one whose range over processes overlaps with the range of the fastest.
    """
    winner = min(places.values(), key=lambda item: item.median)
    last = max(item.median for item in places.values() if item.low <= winner.high)
    return tuple(key for key, item in places.items() if item.median <= last)


def fastest(places: Mapping[str, Summary], *, perhaps_faster: Collection[str] = ()) -> Leader:
    """The leader by time; `perhaps_faster` are frameworks that are not ranked and may be the fastest."""
    if not places:
        return UNKNOWN
    if perhaps_faster:
        return Leader(outcome="doubtful", best=tuple(perhaps_faster))
    return _leader(places, tied(places))


def smallest(sizes: Mapping[str, float], *, metric: str) -> Leader:
    """The leader by a peak of memory in bytes; sizes that the rule of `metric` calls alike are tied."""
    least = min(sizes.values(), default=0.0)
    if least <= 0:
        return UNKNOWN
    best = tuple(name for name, size in sizes.items() if are_alike(metric, least, size))
    return _leader({name: of_processes((size / least,)) for name, size in sizes.items()}, best)


def likeness(metric: str, by_seed: Mapping[str, Mapping[int, float]]) -> Quality | None:
    """Whether frameworks learnt the same, from a metric by framework and seed; None for fewer than two frameworks.

    `same`: the means differ by no more than is allowed. `different`: two of them differ by more, and Student's paired t
    test (p corrected by Holm) says that this is not chance. `undecided`: neither of both.
    """
    means = [fmean(values.values()) for values in by_seed.values() if values]
    if len(means) < 2:  # noqa: PLR2004 (one framework has nothing to be compared with)
        return None
    apart, allowed = max(means) - min(means), allowed_difference(metric, fmean(means))
    far = (item for item in differences(by_seed) if item.is_significant and abs(item.mean) > allowed)
    found: Likeness = "same" if apart <= allowed else "different" if any(far) else "undecided"
    return Quality(likeness=found, metric=metric, apart=apart, seeds=min(map(len, by_seed.values())))


def _leader(places: Mapping[str, Summary], best: tuple[str, ...]) -> Leader:
    if len(places) == 1:
        return Leader(outcome="alone", best=best)
    if len(best) > 1:
        return Leader(outcome="tied", best=best)
    rival = min((name for name in places if name not in best), key=lambda name: places[name].median)
    return Leader(outcome="winner", best=best, rival=rival, lead=places[rival])
