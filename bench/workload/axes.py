"""The values that a case can take on each axis of the matrix: scenario, load, purpose, mode, precision and feed."""

from collections.abc import Mapping
from typing import Literal

Scenario = Literal["training", "inference"]
Load = Literal["single_stream", "offline", "server"]
Purpose = Literal["timing", "learning", "memory", "capacity", "serving"]
Mode = Literal["idiomatic", "tuned"]
Precision = Literal["fp64", "fp32", "tf32", "bf16"]
Feed = Literal["device", "host"]

# The chosen value of each public option of a framework, by the name of the option: `{"compile": "default"}`.
FrameworkOptions = Mapping[str, str]
