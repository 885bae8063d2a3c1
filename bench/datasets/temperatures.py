"""Daily minimum temperatures in Melbourne, 1981 to 1990: the next day is predicted from the days before it."""

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets import class_shares, tables
from bench.datasets.base import Split, public_file
from bench.datasets.description import Description, Part, Size, checked

ADDRESS = (
    "https://raw.githubusercontent.com/jbrownlee/Datasets/"
    "d20fcb6402ae34e653d4513b00f39257bb37ed7f/daily-min-temperatures.csv"
)
SHA256 = "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da"
DAYS, YEAR = 3650, 365


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options:
    """A sample is a window of days. The target is the temperature of the next day.

    Attributes:
        steps: How many days a window has.
        held_out: The share of the training windows, at their end, that the recipe holds out for validation. No key of a
            file: Levelfield sets it from `recipe.validation_fraction`.
    """

    steps: Size = 30
    held_out: tables.HeldOut = 0.0

    def __post_init__(self) -> None:
        """Refuse windows that are too long for the training days."""
        if self.steps >= DAYS - YEAR:
            raise ValueError(f"found steps = {self.steps}, expected at most {DAYS - YEAR - 1}")


def describe(options: Options) -> Description:
    """One window for each day that has at least `steps` days before it; the last 365 days are the test part."""
    return Description(
        name="temperatures",
        task="regression",
        sample_shape=(options.steps, 1),
        outputs=1,
        train=DAYS - YEAR - options.steps,
        test=YEAR,
        unit="°C",
        naive="last",
        source="Australian Bureau of Meteorology, github.com/jbrownlee/Datasets",
        download=True,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the options and of the sha256 of the file, which is verified before it is read."""
    return tables.fingerprint(options, SHA256, f"the last {YEAR} held out")


def read(options: Options, part: Part) -> Split:
    """One part, standardised with mean and deviation of the days that are learnt from.

    Raises DataError like `public_file`.
    """
    path = public_file("time-series/daily-min-temperatures.csv", address=ADDRESS, sha256=SHA256)
    frame = tables.read_csv(path, rows=DAYS, columns=2, header=True)
    days = tables.numbers(frame.iloc[:, 1:], path, header=True, lowest=-50.0, highest=60.0)
    windows_learnt = class_shares.learnt(DAYS - YEAR - options.steps, options.held_out)
    values, mean, deviation = tables.scaled(days, np.arange(options.steps + windows_learnt))
    windows = np.lib.stride_tricks.sliding_window_view(values[:, 0].astype(np.float32), options.steps + 1)
    chosen = windows[:-YEAR] if part == "train" else windows[-YEAR:]
    return Split(
        inputs=chosen[:, :-1, None].copy(),
        targets=chosen[:, -1:].copy(),
        target_mean=mean,
        target_deviation=deviation,
        input_mean=np.repeat(mean, options.steps),
        input_deviation=np.repeat(deviation, options.steps),
    )
