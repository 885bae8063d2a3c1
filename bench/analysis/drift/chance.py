"""How much two samples of equal data differ by chance: limits from resampled bin counts."""

import numpy as np
from jaxtyping import Float, Int

SAMPLES = 2000
MOST_SAMPLES = 20_000
SAMPLES_BEYOND = 20  # that at least are beyond the limit


def index(expected: Int[np.ndarray, "... bins"], found: Int[np.ndarray, "... bins"]) -> Float[np.ndarray, "..."]:
    """The population stability index (PSI) of two counts: the sum of (q - p) ln(q / p) over the bins.

    p and q are the shares of the bins. Half a value is added to each bin, so that an empty one has a share too.
    """
    bins = expected.shape[-1]
    shares = [(counts + 0.5) / (counts.sum(-1, keepdims=True) + 0.5 * bins) for counts in (expected, found)]
    values: np.ndarray = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum(-1)
    return values


def index_limit(expected: Int[np.ndarray, " bins"], rows: int, *, risk: float) -> float:
    """The PSI that so many rows of equal data exceed with this probability.

    In place of rows, the counts of the bins are drawn, for both sides: they are multinomial.
    """
    shares = expected / max(1, expected.sum())
    samples = int(min(MOST_SAMPLES, max(SAMPLES, SAMPLES_BEYOND / risk)))
    random = np.random.default_rng(0)
    first, second = (random.multinomial(count, shares, size=samples) for count in (int(expected.sum()), rows))
    return float(np.quantile(index(first, second), 1 - risk))
