"""The description of one layer of a network, as `levelfield show` prints it and records store it."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Layer:
    """One layer of a network: name, kind, output shape for one sample, number of parameters, and FLOPs.

    `flops` counts the floating-point operations of one forward pass of one sample.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: int
