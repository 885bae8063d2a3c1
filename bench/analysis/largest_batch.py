"""The search for the largest batch that fits: which sizes are tried, one after the other; pure."""

from collections.abc import Callable

FIRST = 32
GROWTH = 4
RESOLUTION = 1 / 32  # of what fits: memory that is nearly full is not the same twice


def search(fits: Callable[[int], bool], *, limit: int) -> int:
    """The largest batch that fits, to within a thirty-second of it, and at most `limit`; 0 where one sample does not.

    Sizes grow until one does not fit, and are halved between that one and the last that did. `fits` is asked of each
    size once.
    """
    low, high = 0, limit + 1  # the largest that is known to fit, the smallest that is known not to
    while high - low > max(1, RESOLUTION * low):
        grown = min(limit, max(FIRST, GROWTH * low))
        size = grown if grown < high else (low + high) // 2
        if fits(size):
            low = size
        else:
            high = size
    return low
