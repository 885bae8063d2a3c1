"""Counting: the next number is predicted from consecutive numbers between 0 and 99."""

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
        """Refuse windows that are too long for the series."""
        if self.steps >= NUMBERS:
            raise ValueError(f"found steps = {self.steps}, expected at most {NUMBERS - 1}")


def describe(options: Options) -> Description:
    """Training windows for every next number up to 99; the test part is one window, whose next number is 100."""
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
    """The sha256 in hex of the lengths of a window and of the series."""
    return hashlib.sha256(f"counting {options.steps} of {NUMBERS}".encode()).hexdigest()


def read(options: Options, part: Part) -> Split:
    """One part; the numbers are not scaled."""
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(NUMBERS + 1, dtype=np.float32), options.steps + 1)
    chosen = windows[:-1] if part == "train" else windows[-1:]
    return Split(inputs=chosen[:, :-1, None].copy(), targets=chosen[:, -1:].copy())
