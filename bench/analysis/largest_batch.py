"""Searches for the largest batch that fits, by growing and then halving the batch size."""

from collections.abc import Callable

FIRST = 32
GROWTH = 4
RESOLUTION = 1 / 32  # of the batch size that fits; a finer result would not be repeatable in nearly full memory


def search(fits: Callable[[int], bool], *, limit: int) -> int:
    """The largest batch that fits, within 1/32 of its size, and at most `limit`; 0 if not even one sample fits.

    Sizes grow until one does not fit. Then the interval between the largest size that fits and the smallest that does
    not is halved. `fits` is called once for each size.
    """
    low, high = 0, limit + 1  # the largest size known to fit, the smallest size known not to fit
    while high - low > max(1, RESOLUTION * low):
        grown = min(limit, max(FIRST, GROWTH * low))
        size = grown if grown < high else (low + high) // 2
        if fits(size):
            low = size
        else:
            high = size
    return low
