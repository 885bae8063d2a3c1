"""Defines the interface of the specs of all recurrent families."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from models.layers.spec import RecurrentLayer


@runtime_checkable  # the shape checks in the tests need it
class SequenceSpec(Protocol):
    """The spec of a recurrent network: sequences of `steps` × `features`, recurrent layers, a linear head."""

    @property
    def steps(self) -> int:
        """Time steps in a sequence."""

    @property
    def features(self) -> int:
        """Numbers in each step."""

    @property
    def layers(self) -> Sequence[RecurrentLayer]:
        """The stacked recurrent layers."""

    @property
    def outputs(self) -> int:
        """Outputs of the head."""
