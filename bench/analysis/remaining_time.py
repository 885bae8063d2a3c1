"""How long a run still takes: from an estimate for each piece of work, and from what the finished pieces took.

The estimates of what is left are scaled by the ratio of seen to estimated durations. This ratio is that of the pieces
with the same purpose and framework; where none is finished, of those with the same purpose; then of all cases.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import final

CERTAIN = 0.75  # of the time left: so much of it must be scaled by what was seen for the same purpose

Group = tuple[str, ...]  # the purpose and the framework, the purpose alone, or of every case


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
        self._end_s: dict[Hashable, float] = {}  # as the progress of a piece suggests
        self._estimated_s: defaultdict[Group, float] = defaultdict(float)
        self._took_s: defaultdict[Group, float] = defaultdict(float)

    def plan(self, key: Hashable, work: Work) -> None:
        """Add a piece of work, unless it is known."""
        self._left.setdefault(key, work)

    def begin(self, key: Hashable, now_s: float) -> None:
        """A piece of work has begun."""
        self._begun_s[key] = now_s
        self._end_s.pop(key, None)

    def advance(self, key: Hashable, share: float, now_s: float) -> None:
        """So much of a piece of work is done: a share above 0."""
        if key in self._begun_s:
            self._end_s[key] = self._begun_s[key] + (now_s - self._begun_s[key]) / share

    def end(self, key: Hashable, now_s: float) -> None:
        """A piece of work is finished, and says how far its estimate was off."""
        work, begun_s = self._left.pop(key, None), self._begun_s.pop(key, None)
        self._end_s.pop(key, None)
        if work is not None and begun_s is not None:
            for group in work.groups:
                self._estimated_s[group] += work.estimate_s
                self._took_s[group] += now_s - begun_s

    def left_s(self, now_s: float) -> float:
        """The seconds that are left now."""
        return self._sum(self._left, now_s)

    def is_rough(self, now_s: float) -> bool:
        """Whether most of it is no more than first estimates: no piece of the same purpose is finished yet."""
        known = [key for key, work in self._left.items() if (work.purpose,) in self._took_s or key in self._end_s]
        return self._sum(known, now_s) < CERTAIN * self.left_s(now_s)

    def _sum(self, keys: Iterable[Hashable], now_s: float) -> float:
        """Pieces that run two at once take half of their sum together, and at least as long as the longest."""
        left: dict[int, list[float]] = {}
        for key in keys:
            left.setdefault(self._left[key].at_once, []).append(self._piece_left_s(key, now_s))
        return sum(max(sum(each) / places, *each) for places, each in left.items())

    def _piece_left_s(self, key: Hashable, now_s: float) -> float:
        if key in self._end_s:
            return max(0.0, self._end_s[key] - now_s)
        passed_s = now_s - self._begun_s.get(key, now_s)
        return max(0.0, self._scale(self._left[key]) * self._left[key].estimate_s - passed_s)

    def _scale(self, work: Work) -> float:
        """How many times as long as estimated the finished pieces took that are most like this one."""
        found = (group for group in work.groups if self._estimated_s[group] > 0)
        return next((self._took_s[group] / self._estimated_s[group] for group in found), 1.0)
