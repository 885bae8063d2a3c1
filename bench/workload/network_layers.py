"""The description of one layer of a network, as `levelfield show` prints it and records store it."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Layer:
    """One layer of a network, as lists and records show it.

    Attributes:
        name: The name of the layer, as in the names of its weights. The input is called `input`.
        kind: The type of the layer and its settings, for example `dense, relu`. Empty for the input.
        shape: The shape of one sample after the layer.
        parameters: The number of its weights.
        flops: The floating-point operations of one forward pass of one sample.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: int
