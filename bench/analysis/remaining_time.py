"""How long a run still takes: from an estimate for each piece of work, and from what the finished pieces took.

The estimates of what is left are scaled by the ratio of seen to estimated durations. This ratio is that of the pieces
with the same purpose and framework; where none is finished, of those with the same purpose; then of all cases. A piece
that runs for longer than expected counts as well.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import final

CERTAIN = 0.75  # of the time left: so much of it must be scaled by what was seen for the same purpose

ENOUGH = 0.2  # the share of a piece of work from which on its duration can be guessed at once

Group = tuple[str, ...]  # the purpose and the framework, the purpose alone, or of every case
Seen = defaultdict[Group, tuple[float, float]]  # the sum of the estimates, and the sum of the durations


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work: a case, a proof, a search, a measurement of peak rates, a start of frameworks.

    `name` says what is done, as a user reads it: `proving digits-dnn flax in fp64`. So many pieces of its purpose run
    `at_once`.
    """

    name: str
    purpose: str
    framework: str
    estimate_s: float
    at_once: int = 1
    is_case: bool = False

    @property
    def groups(self) -> tuple[Group, ...]:
        """The pieces that say how far the estimate is off: those of the first group of which one is finished."""
        alike: tuple[Group, ...] = ((self.purpose, self.framework), (self.purpose,))
        return (*alike, ()) if self.is_case else alike


@final
class RemainingTime:
    """Adds up what is left. A key stands for a piece of work; all times are seconds of one clock."""

    def __init__(self) -> None:
        self._left: dict[Hashable, Work] = {}
        self._begun_s: dict[Hashable, float] = {}
        self._first: dict[Hashable, tuple[float, float]] = {}  # the first share that was told, and when
        self._end_s: dict[Hashable, float] = {}  # as the progress of a piece suggests
        self._finished: Seen = defaultdict(lambda: (0.0, 0.0))

    def plan(self, key: Hashable, work: Work) -> None:
        """Add a piece of work, unless it is known."""
        self._left.setdefault(key, work)

    def begin(self, key: Hashable, now_s: float) -> None:
        """A piece of work has begun."""
        self._forget(key)
        self._begun_s[key] = now_s

    def advance(self, key: Hashable, share: float, now_s: float) -> None:
        """So much of a piece of work is done: a share above 0.

        The rest takes as long as the part since the first share that was told, since work begins with compilation. An
        early first share suggests nothing by itself.
        """
        if key not in self._begun_s:
            return
        first_share, first_s = self._first.setdefault(key, (share, now_s))
        if share > first_share:
            self._end_s[key] = now_s + (1 - share) * (now_s - first_s) / (share - first_share)
        elif share >= ENOUGH:
            self._end_s[key] = self._begun_s[key] + (now_s - self._begun_s[key]) / share

    def end(self, key: Hashable, now_s: float) -> None:
        """A piece of work is finished, and says how far its estimate was off."""
        work, begun_s = self._left.pop(key, None), self._begun_s.get(key)
        self._forget(key)
        if work is not None and begun_s is not None:
            _add(self._finished, work, now_s - begun_s)

    def left_s(self, now_s: float) -> float:
        """The seconds that are left now."""
        return self._sum(self._left, now_s)

    def is_rough(self, now_s: float) -> bool:
        """Whether most of it is no more than first estimates: no piece of the same purpose is finished yet."""
        known = [key for key, work in self._left.items() if (work.purpose,) in self._finished or key in self._end_s]
        return self._sum(known, now_s) < CERTAIN * self.left_s(now_s)

    def _forget(self, key: Hashable) -> None:
        for known in (self._begun_s, self._first, self._end_s):
            known.pop(key, None)

    def _sum(self, keys: Iterable[Hashable], now_s: float) -> float:
        """Pieces that run two at once take half of their sum together, and at least as long as the longest."""
        left: dict[int, list[float]] = {}
        seen = self._seen(now_s)
        for key in keys:
            left.setdefault(self._left[key].at_once, []).append(self._piece_left_s(key, seen, now_s))
        return sum(max(sum(each) / places, *each) for places, each in left.items())

    def _piece_left_s(self, key: Hashable, seen: Seen, now_s: float) -> float:
        if key in self._end_s:
            return max(0.0, self._end_s[key] - now_s)
        work = self._left[key]
        return max(0.0, _scale(work, seen) * work.estimate_s - self._passed_s(key, now_s))

    def _passed_s(self, key: Hashable, now_s: float) -> float:
        return now_s - self._begun_s.get(key, now_s)

    def _seen(self, now_s: float) -> Seen:
        """What the finished pieces took, and what those took so far that are late: they will not take less."""
        seen = defaultdict(lambda: (0.0, 0.0), self._finished)
        for key, work in self._left.items():
            passed_s = self._passed_s(key, now_s)
            if key not in self._end_s and passed_s > _scale(work, self._finished) * work.estimate_s:
                _add(seen, work, passed_s)
        return seen


def _add(seen: Seen, work: Work, took_s: float) -> None:
    for group in work.groups:
        estimated_s, all_took_s = seen[group]
        seen[group] = estimated_s + work.estimate_s, all_took_s + took_s


def _scale(work: Work, seen: Seen) -> float:
    """How many times as long as estimated those pieces took that are most like this one."""
    found = (seen[group] for group in work.groups if group in seen and seen[group][0] > 0)
    return next((took_s / estimated_s for estimated_s, took_s in found), 1.0)
