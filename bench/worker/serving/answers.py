"""Keeps some answers of a run, to compare them with the reference: a server that is fast and wrong must fail."""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

CHECKED = 32  # queries of a run


class _Kept(NamedTuple):
    """One query: its number, the result of its call as the framework returned it, and its row in that result."""

    number: int
    result: Any
    row: int


@final
class Answers:
    """Keeps the answers to the first query, to the last, and to others at random."""

    def __init__(self, queries: int, *, seed: int) -> None:
        chosen = np.random.default_rng(seed).choice(queries, min(CHECKED, queries), replace=False)
        self._wanted = sorted({0, queries - 1, *map(int, chosen)})
        self._kept: list[_Kept] = []

    def keep(self, numbers: range, result: object) -> None:
        """Keep what a call answers to the chosen queries. The calls come in the order of their queries."""
        while self._wanted and self._wanted[0] < numbers.stop:
            number = self._wanted.pop(0)
            if number >= numbers.start:  # not one that was refused
                self._kept.append(_Kept(number, result, number - numbers.start))

    def found(self, samples: np.ndarray, outputs_of: Callable[[Any], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the kept queries, shape (kept,), and their outputs, shape (kept, outputs).

        `samples` has the sample of each query of the run. `outputs_of(result)` are the outputs of a call.
        """
        rows = [outputs_of(kept.result)[kept.row] for kept in self._kept]
        return samples[[kept.number for kept in self._kept]], np.stack(rows)
