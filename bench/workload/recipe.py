"""Defines how a network learns: loss, optimizer, clipping, validation, early stopping, and the metrics of the result.

Each rule is defined here once, and every framework follows it. The certificate of a run proves that it does.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from_toml = ConfigDict(extra="forbid", allow_inf_nan=False)

Size = Annotated[int, Field(gt=0, strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
NotNegative = Annotated[float, Field(ge=0, strict=True)]
Fraction = Annotated[float, Field(ge=0, lt=1, strict=True)]

Loss = Literal["cross_entropy", "binary_cross_entropy", "mean_squared_error", "sigmoid_mean_squared_error"]
Better = Literal["higher", "lower"]

# The losses that fit a task. The first one is the default.
LOSSES: dict[str, tuple[Loss, ...]] = {
    "classification": ("cross_entropy", "binary_cross_entropy", "sigmoid_mean_squared_error"),
    "regression": ("mean_squared_error",),
}

# The metrics of a task, and whether higher or lower is better. The first one is the primary metric of the task.
METRICS: dict[str, dict[str, Better]] = {
    "classification": {
        "accuracy": "higher",
        "precision": "higher",
        "recall": "higher",
        "f1": "higher",
        "roc_auc": "higher",
        "loss": "lower",
    },
    "regression": {"r2": "higher", "mae": "lower", "rmse": "lower", "loss": "lower"},
}


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Sgd:
    """b ← μ·b + g, p ← p - η·b, with b = 0 before the first step (Polyak 1964, as PyTorch writes it)."""

    name: Literal["sgd"]
    learning_rate: Positive
    momentum: Fraction = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Adam:
    """Kingma and Ba 2015, algorithm 1: p ← p - η·m̂ / (√v̂ + ε), with m̂ = m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ)."""

    name: Literal["adam"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class AdamW:
    """Loshchilov and Hutter 2019, algorithm 2: p ← p - η·λ·p - η·m̂ / (√v̂ + ε), for every trainable weight."""

    name: Literal["adamw"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 1e-2


UpdateRule = Sgd | Adam | AdamW


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Clipping:
    """g ← g·min(1, c/‖g‖) with c = `norm`, and ‖g‖ of each variable by itself or of all together (Pascanu 2013)."""

    norm: Positive
    scope: Literal["variable", "global"]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class EarlyStopping:
    """Stop after `patience` epochs in a row without a new best value of `metric` on the validation data.

    With `restore_best`, training ends with the weights of the best epoch, also if it ends because all epochs are done.
    """

    patience: Size
    metric: str = "loss"
    restore_best: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Recipe:
    """How the network learns.

    Every loss is a mean over the batch, computed from the outputs of a linear head:
    - `cross_entropy`: one logit for each class;
    - `binary_cross_entropy`: one logit;
    - `mean_squared_error`: the outputs themselves;
    - `sigmoid_mean_squared_error`: the sigmoid of the outputs, against 0 and 1 or against one-hot labels.
    """

    optimizer: Annotated[UpdateRule, Field(discriminator="name")]
    batch_size: Size
    epochs: Size
    loss: Loss = "cross_entropy"
    last_batch: Literal["keep", "drop"] = "keep"
    validation_fraction: Fraction = 0.0
    early_stopping: EarlyStopping | None = None
    clipping: Clipping | None = None
    seed: Annotated[int, Field(ge=0, strict=True)] = 0


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Target:
    """The quality to reach on the evaluation data; the time to target ends when it is reached."""

    metric: str
    value: Annotated[float, Field(strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Band:
    """The range in which the mean of a metric over seeds, on the test data, is expected; `source` says who found it."""

    metric: str
    lowest: Annotated[float, Field(strict=True)]
    highest: Annotated[float, Field(strict=True)]
    source: str

    def __post_init__(self) -> None:
        """Refuse a band whose lower end is above its upper end."""
        if self.lowest > self.highest:
            raise ValueError(f"found lowest = {self.lowest} and highest = {self.highest}, expected lowest <= highest")


def primary(task: str) -> str:
    """The primary metric of a task: `accuracy` for classification, `r2` for regression."""
    return next(iter(METRICS[task]))


def is_better(metric: str, found: float, than: float) -> bool:
    """Whether `found` is a better value of the metric than `than`; NaN is worse than every number."""
    directions: dict[str, Any] = {name: better for metrics in METRICS.values() for name, better in metrics.items()}
    if math.isnan(than):
        return not math.isnan(found)
    return found > than if directions[metric] == "higher" else found < than
