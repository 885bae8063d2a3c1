"""The axes of the matrix whose points are cases: the words that each of them takes."""

from collections.abc import Mapping
from typing import Literal

Scenario = Literal["training", "inference"]
Purpose = Literal["timing", "learning", "memory", "capacity"]
Mode = Literal["idiomatic", "tuned"]
Precision = Literal["fp64", "fp32", "tf32", "bf16"]
Feed = Literal["device", "host"]

# Public options of a framework with the values that were chosen, by name: `{"compile": "default"}`.
FrameworkOptions = Mapping[str, str]
