"""How long a run still takes: from an estimate for each piece of work, and from the durations of finished pieces.

The estimates of the remaining pieces are scaled by the ratio of measured to estimated durations so far. This ratio is
taken over the finished pieces with the same purpose and framework. If there are none, it is taken over those with the
same purpose, and else over all cases. A piece that already runs for longer than expected counts as finished now.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import final

CERTAIN = 0.75  # the share of the time left that finished pieces must support, else it is called rough
ENOUGH = 0.2  # the share of a piece of work that must be done before one share suggests the rest

Group = tuple[str, ...]  # the purpose and the framework, the purpose alone, or of every case
Seen = dict[Group, tuple[float, float]]  # the sum of the estimates, and the sum of the durations


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work: a case, a proof, a search, a measurement of peak rates, a start of frameworks.

    `name` is what a user reads: `proving digits-dnn flax in fp64`. `at_once` is how many pieces of this purpose run at
    the same time.
    """

    name: str
    purpose: str
    framework: str
    estimate_s: float
    at_once: int = 1
    is_case: bool = False

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups of similar pieces, the most similar first. The first with a finished piece scales the estimate."""
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
    """Adds up the time that is left. A key stands for a piece of work; all times are seconds of one clock.

    A display reads the sum several times a second while something is timed. So reading does not visit every piece.
    """

    def __init__(self) -> None:
        self._left: dict[Hashable, Work] = {}
        self._begun_s: dict[Hashable, float] = {}
        self._first: dict[Hashable, tuple[float, float]] = {}  # the first share that was reported, and when
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
        """A share of a piece of work is done, above 0.

        The speed is measured from the first reported share on, since work begins with compilation. The first share
        itself suggests an end only if it is large enough.
        """
        if key not in self._begun_s:
            return
        first_share, first_s = self._first.setdefault(key, (share, now_s))
        if share > first_share:
            self._end_s[key] = now_s + (1 - share) * (now_s - first_s) / (share - first_share)
        elif share >= ENOUGH:
            self._end_s[key] = self._begun_s[key] + (now_s - self._begun_s[key]) / share

    def end(self, key: Hashable, now_s: float) -> None:
        """A piece of work is finished: its duration counts for the scale of the other estimates."""
        work, begun_s = self._left.pop(key, None), self._begun_s.get(key)
        self._forget(key)
        if work is not None and begun_s is not None:
            _add(self._finished, work, now_s - begun_s)

    def left_s(self, now_s: float) -> float:
        """The seconds that are left now."""
        return self._sums_s(now_s)[0]

    def is_rough(self, now_s: float) -> bool:
        """Whether too much of the time left rests on first estimates, with no finished piece of the same purpose."""
        every_s, known_s = self._sums_s(now_s)
        return known_s < CERTAIN * every_s

    def _forget(self, key: Hashable) -> None:
        self._waiting = None
        for known in (self._begun_s, self._first, self._end_s):
            known.pop(key, None)

    def _sums_s(self, now_s: float) -> tuple[float, float]:
        """The time that is left, and the part of it that finished pieces support.

        Pieces that run two at once take half of their sum, but at least as long as the longest piece.
        """
        left = self._pieces(now_s)
        every_s = 0.0
        for places in {item.at_once for item, _ in left}:
            here = [item for item, _ in left if item.at_once == places]
            every_s += max(sum(item.sum_s for item in here) / places, *(item.longest_s for item in here))
        return every_s, sum(item.sum_s / item.at_once for item, is_known in left if is_known)

    def _pieces(self, now_s: float) -> list[tuple[_Waiting, bool]]:
        """The time left of each kind that waits and of each piece that runs; True if finished pieces support it."""
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
        """The durations of the finished pieces, and of the late ones so far, since these will not take less."""
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
    """The ratio of measured to estimated durations in the first of these groups that has one, else 1."""
    found = (seen[group] for group in groups if group in seen and seen[group][0] > 0)
    return next((took_s / estimated_s for estimated_s, took_s in found), 1.0)
