"""Explains in words where two implementations of a network first deviate."""

from collections.abc import Sequence
from typing import Protocol

from bench.analysis.first_deviation import Found
from bench.report import formatting

SHOWN = 6  # names in a message
AGREE = (
    "they agree in one training step, so they drift apart later: a larger rounding error, or a state that is not reset"
)
DROPOUT = (
    "they agree without dropout, and not with it. Usual causes: a dropout layer that one of them leaves out, with "
    "another rate, at another place, or active at inference"
)
REFERENCE = (
    "they agree with each other and deviate from `forward` in spec.py: a mistake in `forward`, or the same mistake in "
    "the file of every framework"
)


class Explained(Protocol):
    """Where one framework's network deviates from that of another."""

    @property
    def workload(self) -> str:
        """The name of the workload."""

    @property
    def contender(self) -> str:
        """The framework that deviates."""

    @property
    def other(self) -> str:
        """The framework that it deviates from."""

    @property
    def found(self) -> Found | None:
        """The first place where they deviate."""

    @property
    def right(self) -> tuple[str, ...]:
        """Those of the two frameworks that agree with the reference of the network."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Those of the two frameworks that deviate from it."""

    @property
    def only_with_dropout(self) -> bool:
        """Whether all checks without dropout hold."""


def words(line: Explained) -> str:
    """Where a framework first deviates, what agreed before, who agrees with the reference, and the usual causes."""
    who = f"{line.workload}: {line.contender} and {line.other}"
    if line.found is None:
        return f"{who}: {DROPOUT if line.only_with_dropout else REFERENCE if line.wrong and not line.right else AGREE}"
    agreed = f" They agree in {', '.join(line.found.agreed)}." if line.found.agreed else ""
    causes = "".join(f"\n  - {cause}" for cause in line.found.causes)
    deviation = formatting.deviation(line.found.deviation)
    judged = f" Of the two, {line.right[0]} agrees with `forward` in spec.py." if line.right and line.wrong else ""
    still = "".join(
        f" In {name}, the step does not change {_some(weights)}; in {other} it does."
        for name, other, weights in (
            (line.contender, line.other, line.found.still),
            (line.other, line.contender, line.found.still_there),
        )
        if weights
    )
    return f"{who} first deviate in {line.found.place}, by {deviation}.{agreed}{still}{judged} Usual causes:{causes}"


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more weights" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
