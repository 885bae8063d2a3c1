"""Reasons that many rows of a table share: each is printed once below the table, and rows refer to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Remarks:
    """The reasons of all rows of one table, in their order; the text is empty for a row without a reason.

    If all rows have the same reason, rows do not refer to it. Otherwise reasons have numbers: `(1)`.
    """

    reasons: tuple[str, ...]

    def mark(self, reason: str) -> str:
        """What a row with this reason shows after its verdict: ` (1)`, or nothing."""
        return f" ({self._numbers()[reason]})" if reason and not self._shared() else ""

    def lines(self) -> Iterator[str]:
        """The reasons with their numbers, without a full stop."""
        for reason, number in self._numbers().items():
            yield reason if self._shared() else f"({number}): {reason}"

    def _shared(self) -> bool:
        return len(set(self.reasons)) == 1

    def _numbers(self) -> dict[str, int]:
        return {reason: number for number, reason in enumerate(dict.fromkeys(filter(None, self.reasons)), start=1)}
