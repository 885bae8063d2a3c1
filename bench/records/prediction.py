"""Defines a line of a prediction log: what was predicted for one sample, how sure, how fast, or why it failed."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="ignore"))
class Prediction:
    """One line of a prediction log. The key of `timestamp` is `@timestamp`.

    Attributes:
        timestamp: When the call that predicted this sample had ended, in UTC.
        event: Always `prediction`.
        model: The name of the model's folder.
        model_digest: The digest of the model, as in `levelfield models list`. None if a file could not be read.
        workload: The workload that the model was trained on. None if the model could not be read.
        framework: The framework that predicts. None if it was not known yet.
        device: The device that predicts.
        sample: The number of the sample in its request, from 0. None for a request that failed without a sample.
        input_digest: 64 bits of BLAKE2b over the values of the sample, as the network takes them, in float32.
        output: The name of the class, or the number in the unit of the target; a list if the network has several.
        confidence: The probability of that class. None for numbers.
        latency_ms: How long the call took that predicted this sample. None if it failed.
        batch: The samples in that call.
        error: Why there is no output. None if there is one.
        input: The values of the sample in float32. None unless they were asked for.
    """

    timestamp: Annotated[AwareDatetime, Field(alias="@timestamp")]
    event: Literal["prediction"]
    model: str
    model_digest: str | None = None
    workload: str | None = None
    framework: str | None = None
    device: str | None = None
    sample: int | None = None
    input_digest: str | None = None
    output: str | float | tuple[float, ...] | None = None
    confidence: float | None = None
    latency_ms: Annotated[float, Field(ge=0)] | None = None
    batch: int | None = None
    error: str | None = None
    input: tuple[float | None, ...] | None = None
