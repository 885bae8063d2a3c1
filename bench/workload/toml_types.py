"""Defines the types of values in TOML files: numbers with their limits, and the strictness of every table."""

from typing import Annotated

from pydantic import ConfigDict, Field

from_toml = ConfigDict(extra="forbid", allow_inf_nan=False)

Size = Annotated[int, Field(gt=0, strict=True)]
Number = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
NotNegative = Annotated[float, Field(ge=0, strict=True)]
Fraction = Annotated[float, Field(ge=0, lt=1, strict=True)]
Switch = Annotated[bool, Field(strict=True)]
