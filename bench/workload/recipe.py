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
Switch = Annotated[bool, Field(strict=True)]

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


# The lowest and the highest value that a metric can have; None is no limit.
RANGES: dict[str, tuple[float | None, float | None]] = {
    **dict.fromkeys(("accuracy", "precision", "recall", "f1", "roc_auc"), (0.0, 1.0)),
    "r2": (None, 1.0),
    **dict.fromkeys(("loss", "mae", "rmse"), (0.0, None)),
}


def impossible(metric: str, value: float) -> str | None:
    """What is wrong with a value that a metric cannot have: found, expected and a remedy; None if it can have it."""
    lowest, highest = RANGES.get(metric, (None, None))
    if (lowest is None or value >= lowest) and (highest is None or value <= highest):
        return None
    if highest is None:
        return f"found {value:g}, expected at least {lowest:g}: {metric} is never negative"
    limits = f"at most {highest:g}" if lowest is None else f"{lowest:g} to {highest:g}"
    is_percentage = 1 < value <= 100  # noqa: PLR2004 (percent)
    return f"found {value:g}, expected {limits}" + (f": write {value / 100:g} for {value:g} %" if is_percentage else "")


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Sgd:
    """Stochastic gradient descent: b ← μ·b + g, p ← p - η·b, with b = 0 before the first step (Polyak 1964).

    p is a parameter, g its gradient, η the learning rate and μ the momentum. PyTorch writes the rule in the same way.

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        momentum: The momentum μ.
    """

    name: Literal["sgd"]
    learning_rate: Positive
    momentum: Fraction = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Adam:
    """Adam: p ← p - η·m̂ / (√v̂ + ε), with m̂ = m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ) (Kingma and Ba 2015, algorithm 1).

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        beta_1: The decay β₁ of the mean of gradients m.
        beta_2: The decay β₂ of the mean of squared gradients v.
        epsilon: The ε below the fraction. It is added after the bias correction of v.
    """

    name: Literal["adam"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class AdamW:
    """AdamW: p ← p - η·λ·p - η·m̂ / (√v̂ + ε) (Loshchilov and Hutter 2019, algorithm 2).

    Weight decay applies to every trainable weight, biases and batch norms included.

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        beta_1: The decay β₁ of the mean of gradients m.
        beta_2: The decay β₂ of the mean of squared gradients v.
        epsilon: The ε below the fraction. It is added after the bias correction of v.
        weight_decay: The weight decay λ.
    """

    name: Literal["adamw"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 1e-2


UpdateRule = Sgd | Adam | AdamW


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Clipping:
    """Gradient clipping by norm: g ← g·min(1, c/‖g‖) (Pascanu 2013).

    Attributes:
        norm: The largest norm c that a gradient keeps.
        scope: `"variable"` clips the gradient of each variable by its own norm. `"global"` clips all gradients by the
            norm of all of them together.
    """

    norm: Positive
    scope: Literal["variable", "global"]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class EarlyStopping:
    """When training stops before its last epoch. The metric is measured on the validation data.

    Attributes:
        patience: Training stops after this many epochs without a new best value of the metric.
        metric: A quality metric of the task, for example `"accuracy"` or `"r2"`.
        restore_best: Whether the weights of the best epoch are restored at the end, even if training was not stopped
            early.
    """

    patience: Size
    metric: str = "loss"
    restore_best: Switch = True


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Recipe:
    """How the network is trained.

    Every loss is a mean over the batch, computed from the outputs of a linear head:
    - `cross_entropy`: one logit for each class;
    - `binary_cross_entropy`: one logit;
    - `mean_squared_error`: the outputs themselves;
    - `sigmoid_mean_squared_error`: the sigmoid of the outputs, against 0 and 1 or against one-hot labels.

    Attributes:
        optimizer: The update rule and its settings. `name` chooses the rule.
        batch_size: Samples per training step. At most as many as there are training samples.
        epochs: The number of passes over the training data.
        loss: The loss. Without this key it is `cross_entropy` for classification and `mean_squared_error` for
            regression.
        last_batch: What happens to the last batch of an epoch if it is smaller: `"keep"` trains on it, `"drop"` skips
            it.
        validation_fraction: The share of the training data that is held out for validation. The last rows are held out.
        early_stopping: When training stops early. It needs validation data.
        clipping: How gradients are clipped. Without this table they are not clipped.
        seed: The first seed. It decides the initial weights, the order of the batches and the dropout masks. `--seeds
            3` trains with this seed and the next two.
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
    """The quality to reach, for the time to target. It is measured on the evaluation data after each epoch.

    Attributes:
        metric: A quality metric of the task, for example `"accuracy"` or `"r2"`.
        value: The value to reach.
    """

    metric: str
    value: Annotated[float, Field(strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Band:
    """The range in which a metric on the test data is expected, as a mean over seeds.

    Attributes:
        metric: A quality metric of the task, for example `"accuracy"` or `"r2"`.
        lowest: The lower end of the range.
        highest: The upper end of the range.
        source: Where the range comes from, for example a paper or an earlier experiment.
    """

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
