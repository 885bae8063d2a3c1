"""How far a search is: which candidates it times now, in which round, and which share of its timings is done."""

from collections.abc import Sequence
from typing import final

from bench.analysis.successive_halving import FINALISTS, planned_rounds
from bench.records.record import Case
from bench.run.settings import Event, RunSettings, search_work
from bench.workload.axes import FrameworkOptions


@final
class Rounds:
    """Counts rounds and candidates, and tells of each group of candidates that is timed together.

    The number of rounds is an estimate: more than half of the candidates may leave after a round, and rounds may be
    added at the end.
    """

    def __init__(self, case: Case, *, settings: RunSettings, thorough: bool) -> None:
        self._case, self._settings, self._thorough = case, settings, thorough
        self._number = self._rounds = 0
        # How many timings: in the rounds before, in this one, how many of these have begun, in the rounds after.
        self._before = self._here = self._begun = self._after = 0

    def begin(self, candidates: int) -> None:
        """A round of so many candidates begins."""
        planned = planned_rounds(candidates, exhaustive=self._thorough)
        is_last = self._rounds > 0 and (self._thorough or candidates <= FINALISTS)
        following = min(len(planned) - 1, max(0, self._rounds - self._number - 1)) if is_last else len(planned) - 1
        self._before += self._here
        self._number, self._begun, self._here = self._number + 1, 0, candidates
        self._rounds = self._number + following
        self._after = sum(planned[1 : 1 + following])

    def tell(self, options: Sequence[FrameworkOptions]) -> None:
        """These candidates are timed next, together."""
        if not options:
            return
        first = min(self._begun, self._here - len(options)) + 1  # candidates that had no memory are timed once more
        self._begun += len(options)
        news = {
            "options": [dict(item) for item in options],
            "first": first,
            "candidates": self._here,
            "round": self._number,
            "rounds": self._rounds,
            "share": (self._before + first - 1) / (self._before + self._here + self._after),
        }
        self._settings.listen(Event(kind="tuning", work=search_work(self._case), case=self._case, news=news))
