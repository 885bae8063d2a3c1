"""How long a run still takes: from an estimate for each piece of work, and from what the finished pieces took.

The estimates of what is left are scaled by the ratio of seen to estimated durations. This ratio is that of the pieces
with the same purpose and framework; where none is finished, of those with the same purpose; then of all cases. A piece
that runs for longer than expected counts as well.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import final

CERTAIN = 0.75  # of the time left: so much of it must be scaled by what was seen for the same purpose

ENOUGH = 0.2  # the share of a piece of work from which on its duration can be guessed at once

Group = tuple[str, ...]  # the purpose and the framework, the purpose alone, or of every case
Seen = dict[Group, tuple[float, float]]  # the sum of the estimates, and the sum of the durations


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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The pieces of one kind that have not begun."""

    groups: tuple[Group, ...]
    at_once: int
    sum_s: float
    longest_s: float


@final
class RemainingTime:
    """Adds up what is left. A key stands for a piece of work; all times are seconds of one clock.

    The sums are read several times in a second while something is timed, so they do not visit every piece.
    """

    def __init__(self) -> None:
        self._left: dict[Hashable, Work] = {}
        self._begun_s: dict[Hashable, float] = {}
        self._first: dict[Hashable, tuple[float, float]] = {}  # the first share that was told, and when
        self._end_s: dict[Hashable, float] = {}  # as the progress of a piece suggests
        self._finished: Seen = {}
        self._waiting: list[_Waiting] | None = None  # None after a change

    def plan(self, key: Hashable, work: Work) -> None:
        """Add a piece of work, unless it is known."""
        self._left.setdefault(key, work)
        self._waiting = None

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
        return self._sums_s(now_s)[0]

    def is_rough(self, now_s: float) -> bool:
        """Whether most of it is no more than first estimates: no piece of the same purpose is finished yet."""
        every_s, known_s = self._sums_s(now_s)
        return known_s < CERTAIN * every_s

    def _forget(self, key: Hashable) -> None:
        self._waiting = None
        for known in (self._begun_s, self._first, self._end_s):
            known.pop(key, None)

    def _sums_s(self, now_s: float) -> tuple[float, float]:
        """What is left, and how much of it follows from what was seen.

        Pieces that run two at once take half of their sum together, and at least as long as the longest.
        """
        left = self._pieces(now_s)
        every_s = 0.0
        for places in {item.at_once for item, _ in left}:
            here = [item for item, _ in left if item.at_once == places]
            every_s += max(sum(item.sum_s for item in here) / places, *(item.longest_s for item in here))
        return every_s, sum(item.sum_s / item.at_once for item, is_known in left if is_known)

    def _pieces(self, now_s: float) -> list[tuple[_Waiting, bool]]:
        """What is left of waiting pieces, by kind, and of running ones; True if it follows from what was seen."""
        seen = self._seen(now_s)
        found = []
        for item in self._not_begun():
            scale = _scale(item.groups, seen)
            scaled = replace(item, sum_s=scale * item.sum_s, longest_s=scale * item.longest_s)
            found.append((scaled, item.groups[1] in self._finished))
        for key, begun_s in self._begun_s.items():
            work = self._left.get(key)
            if work is not None:
                end_s = self._end_s.get(key, begun_s + _scale(work.groups, seen) * work.estimate_s)
                left_s = max(0.0, end_s - now_s)
                is_known = key in self._end_s or work.groups[1] in self._finished
                found.append((_Waiting(work.groups, work.at_once, left_s, left_s), is_known))
        return found

    def _not_begun(self) -> list[_Waiting]:
        if self._waiting is None:
            kinds: dict[tuple[tuple[Group, ...], int], list[float]] = {}
            for key, work in self._left.items():
                if key not in self._begun_s:
                    kinds.setdefault((work.groups, work.at_once), []).append(work.estimate_s)
            self._waiting = [_Waiting(*kind, sum(each), max(each)) for kind, each in kinds.items()]
        return self._waiting

    def _seen(self, now_s: float) -> Seen:
        """What the finished pieces took, and what those took so far that are late: they will not take less."""
        seen = dict(self._finished)
        for key, begun_s in self._begun_s.items():
            work = self._left.get(key)
            if work is not None and key not in self._end_s:
                expected_s = _scale(work.groups, self._finished) * work.estimate_s
                if now_s - begun_s > expected_s:
                    _add(seen, work, now_s - begun_s)
        return seen


def _add(seen: Seen, work: Work, took_s: float) -> None:
    for group in work.groups:
        estimated_s, all_took_s = seen.get(group, (0.0, 0.0))
        seen[group] = estimated_s + work.estimate_s, all_took_s + took_s


def _scale(groups: tuple[Group, ...], seen: Seen) -> float:
    """How many times as long as estimated those pieces took that are most like one of these groups."""
    found = (seen[group] for group in groups if group in seen and seen[group][0] > 0)
    return next((took_s / estimated_s for estimated_s, took_s in found), 1.0)
