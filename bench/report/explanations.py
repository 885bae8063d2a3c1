"""Explains in words where two implementations of a network first deviate."""

from typing import Protocol

from bench.analysis.first_deviation import Found
from bench.report import formatting

AGREE = (
    "they agree in one training step, so they drift apart later: a larger rounding error, or a state that is not reset"
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


def words(line: Explained) -> str:
    """Where a framework first deviates, what agreed before, and one line for each usual cause."""
    who = f"{line.workload}: {line.contender} and {line.other}"
    if line.found is None:
        return f"{who}: {AGREE}"
    agreed = f" They agree in {', '.join(line.found.agreed)}." if line.found.agreed else ""
    causes = "".join(f"\n  - {cause}" for cause in line.found.causes)
    deviation = formatting.deviation(line.found.deviation)
    return f"{who} first deviate in {line.found.place}, by {deviation}.{agreed} Usual causes:{causes}"
