"""Counting: from ten consecutive numbers of 0 to 99, the next one."""

import hashlib

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, Size, checked

NUMBERS = 100


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options:
    """A sample is a window of numbers. The target is the next number.

    Attributes:
        steps: How many numbers a window has.
    """

    steps: Size = 10

    def __post_init__(self) -> None:
        """Refuse a window that leaves nothing to learn from."""
        if self.steps >= NUMBERS:
            raise ValueError(f"found steps {self.steps}, expected at most {NUMBERS - 1}")


def describe(options: Options) -> Description:
    """Every window whose next number is known; what follows the last window is to be predicted."""
    return Description(
        name="counting",
        task="regression",
        sample_shape=(options.steps, 1),
        outputs=1,
        train=NUMBERS - options.steps,
        test=1,
        naive="last",
        source=f"the numbers 0 to {NUMBERS - 1}",
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The length of a window and of the series."""
    return hashlib.sha256(f"counting {options.steps} of {NUMBERS}".encode()).hexdigest()


def read(options: Options, part: Part) -> Split:
    """One part, the numbers as they are."""
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(NUMBERS + 1, dtype=np.float32), options.steps + 1)
    chosen = windows[:-1] if part == "train" else windows[-1:]
    return Split(inputs=chosen[:, :-1, None].copy(), targets=chosen[:, -1:].copy())
