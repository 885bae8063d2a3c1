"""Keeps some answers of a run, to compare them with the right ones: a server that is fast and wrong must fail."""

from collections.abc import Callable
from typing import Any, final

import numpy as np

CHECKED = 32  # queries of a run


@final
class Answers:
    """Keeps the answers to the first query, to the last, and to others at random.

    `outputs_of(result)` are the outputs of a call in NumPy. They are copied at once: some compiled programs write the
    outputs of the next call into the same memory.
    """

    def __init__(self, queries: int, *, seed: int, outputs_of: Callable[[Any], np.ndarray]) -> None:
        chosen = np.random.default_rng(seed).choice(queries, min(CHECKED, queries), replace=False)
        self._wanted = sorted({0, queries - 1, *map(int, chosen)})
        self._outputs_of = outputs_of
        self._numbers: list[int] = []
        self._rows: list[np.ndarray] = []

    def keep(self, numbers: range, result: object) -> None:
        """Keep what a call answers to the chosen queries. The calls come in the order of their queries."""
        if not self._wanted or self._wanted[0] >= numbers.stop:
            return
        outputs = self._outputs_of(result)
        while self._wanted and self._wanted[0] < numbers.stop:
            number = self._wanted.pop(0)
            if number >= numbers.start:  # not one that was refused
                self._numbers.append(number)
                self._rows.append(outputs[number - numbers.start])

    def found(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the kept queries, shape (kept,), and their outputs, shape (kept, outputs).

        `samples` has the sample of each query of the run.
        """
        return samples[self._numbers], np.stack(self._rows)
