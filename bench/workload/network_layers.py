"""The layers of a network as lists and records show them."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Layer:
    """One layer of a network: its name and kind, the shape of one sample after it, its parameters and operations.

    Operations are floating-point operations of one forward pass of one sample.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: int
