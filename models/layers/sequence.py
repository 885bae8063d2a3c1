"""What the specs of all recurrent families have in common."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from models.layers.spec import RecurrentLayer


@runtime_checkable  # as the shape checks of the tests ask for it
class SequenceSpec(Protocol):
    """What the specs of all recurrent families have: sequences of `steps` × `features`, layers, a linear head."""

    @property
    def steps(self) -> int:
        """Steps of time in a sequence."""

    @property
    def features(self) -> int:
        """Numbers in each step."""

    @property
    def layers(self) -> Sequence[RecurrentLayer]:
        """The stacked recurrent layers."""

    @property
    def outputs(self) -> int:
        """Numbers that the head answers."""
