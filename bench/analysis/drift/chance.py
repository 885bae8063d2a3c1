"""How much two samples of equal data differ by chance: limits from resampled bin counts."""

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

SAMPLES = 2000
BEYOND = 20  # samples that at least are beyond a limit without a model of the tail


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

    In place of rows, the counts of the bins are drawn, for both sides: they are multinomial. A small probability needs
    the tail: that of a gamma distribution with the same mean and variance, since a PSI is about a scaled chi-squared.
    """
    shares = expected / max(1, expected.sum())
    random = np.random.default_rng(0)
    first, second = (random.multinomial(count, shares, size=SAMPLES) for count in (int(expected.sum()), rows))
    found = index(first, second)
    if risk * SAMPLES >= BEYOND:
        return float(np.quantile(found, 1 - risk))
    mean, variance = float(found.mean()), float(found.var())
    return float(stats.gamma.isf(risk, mean**2 / variance, scale=variance / mean)) if variance > 0 else mean
