"""Tables of twenty columns of five kinds, which are drawn at random, and their comparison."""

import numpy as np

from bench.analysis.drift import profiles
from bench.analysis.drift.columns import ColumnDrift, compare
from bench.analysis.drift.profiles import Chunk

COLUMNS = 20
WORDS = np.array(["red", "green", "blue", "black", "white", "grey"], dtype=object)
SHARES = (0.5, 0.2, 0.1, 0.1, 0.05, 0.05)


def table(rows: int, seed: int, *, shifted: str = "", by: float = 0.5) -> dict[str, np.ndarray]:
    """Columns that are normal, lognormal, counts, words and exponential; one is shifted by so many deviations."""
    random = np.random.default_rng(seed)
    kinds = (
        lambda: random.normal(size=rows),
        lambda: random.lognormal(size=rows),
        lambda: random.poisson(2, size=rows).astype(np.float64),
        lambda: WORDS[random.choice(len(WORDS), p=SHARES, size=rows)],
        lambda: random.exponential(size=rows),
    )
    found = {f"column {number}": kinds[number % len(kinds)]() for number in range(COLUMNS)}
    if shifted:
        found[shifted] = found[shifted] + by * found[shifted].std()
    return found


def resampled(chunk: Chunk, seed: int) -> dict[str, np.ndarray]:
    """As many rows, drawn from these with replacement."""
    rows = len(next(iter(chunk.values())))
    chosen = np.random.default_rng(seed).integers(rows, size=rows)
    return {name: values[chosen] for name, values in chunk.items()}


def compared(before: Chunk, after: Chunk, *, effect: float = 0.1) -> dict[str, ColumnDrift]:
    """What is found for each column of two tables."""
    reference = profiles.reference(lambda: iter([before]))
    found = compare(reference, profiles.current(reference, [after]), effect=effect)
    return {item.name: item for item in found}


def drifted(before: Chunk, after: Chunk) -> set[str]:
    """The columns that have drifted."""
    return {name for name, item in compared(before, after).items() if item.verdict == "drifted"}
