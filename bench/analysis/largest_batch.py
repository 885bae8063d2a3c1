"""The search for the largest batch that fits: which sizes are tried, in which order; pure."""

from collections.abc import Callable

FIRST = 32
GROWTH = 4
RESOLUTION = 1 / 32  # of the largest size: the limit itself varies from trial to trial


def search(fits: Callable[[int], bool], *, limit: int) -> int:
    """The largest batch that fits, to within 1/32 of it, and at most `limit`; 0 if a single sample does not fit.

    Sizes grow until one does not fit, then bisection follows. `fits` is called once for each size.
    """
    low, high = 0, limit + 1  # the largest known to fit, the smallest known not to fit
    while high - low > max(1, RESOLUTION * low):
        grown = min(limit, max(FIRST, GROWTH * low))
        size = grown if grown < high else (low + high) // 2
        if fits(size):
            low = size
        else:
            high = size
    return low
