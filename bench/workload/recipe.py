"""Defines how a network learns: loss, optimizer, clipping, validation, early stopping, and the metrics of the result.

Each rule is defined here once, and every framework follows it. The certificate of a run proves that it does.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from bench.errors import in_toml
from bench.workload.schedules import Schedule
from bench.workload.toml_types import Fraction, NotNegative, Number, Positive, Size, Switch, from_toml
from bench.workload.update_rules import UpdateRule

Loss = Literal["cross_entropy", "binary_cross_entropy", "mean_squared_error", "sigmoid_mean_squared_error"]
Better = Literal["higher", "lower"]
ALL = "all"  # layers with an L2 penalty


def _of_classes(given: object) -> object:
    """The value as it is. Raises ValueError if it is no weight of classes, with one text for both forms."""
    is_list = isinstance(given, list | tuple) and all(
        isinstance(item, float | int) and not isinstance(item, bool) and 0 < item < math.inf for item in given
    )
    if given is not None and given != "balanced" and not is_list:
        raise ValueError(f'found {in_toml(given)}, expected "balanced" or a list with a positive number for each class')
    return given


ClassWeights = Annotated[Literal["balanced"] | tuple[Positive, ...], BeforeValidator(_of_classes)]

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
        min_delta: A value is a new best value only if it is better than the last one by more than this.
        restore_best: Whether the weights of the best epoch are restored at the end, even if training was not stopped
            early.
    """

    patience: Size
    metric: str = "loss"
    min_delta: NotNegative = 0.0
    restore_best: Switch = True


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Recipe:
    """How the network is trained.

    Every loss is a mean over the batch, computed from the outputs of a linear head:
    - `cross_entropy`: one logit for each class;
    - `binary_cross_entropy`: one logit;
    - `mean_squared_error`: the outputs themselves;
    - `sigmoid_mean_squared_error`: the sigmoid of the outputs, against 0 and 1 or against one-hot labels.

    The keys `l2`, `class_weights` and `label_smoothing` change the loss that is trained, and so the training losses in
    a report. The losses on validation and test data stay as they are.

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
        schedule: How the learning rate changes. Without this table it stays the same.
        l2: Layers, each with the factor λ of its penalty. The training loss is larger by λ·Σw² over the layer's kernel.
            The gradient is 2·λ·w, so plain SGD decays a kernel twice as fast as with a `weight_decay` of the same
            number. `all` stands for all layers that are not named.
        class_weights: The weight w of each class. The training loss is Σ w·L / number of samples, over the losses L of
            the samples. PyTorch's own `weight` divides by the sum of the weights instead. `"balanced"` gives a class
            the weight samples / (classes · samples of the class), counted in the training data.
        label_smoothing: The share α of a label that is spread over all classes, for cross-entropy. With C classes each
            class gets α/C, and the right one 1 - α more. Binary cross-entropy has the target y·(1-α) + α/2.
        accumulation: The number k of equal parts that each batch is split into, in order. The mean gradients of the
            parts are averaged, and one update follows. A step is still one update with `batch_size` samples. Batch norm
            takes its statistics from a part, so it does not see the whole batch.
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
    schedule: Schedule | None = None
    l2: dict[str, NotNegative] = Field(default_factory=dict)
    class_weights: ClassWeights | None = None
    label_smoothing: Fraction = 0.0
    accumulation: Size = 1
    seed: Number = 0


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


def plain(recipe: Recipe, optimizer: UpdateRule) -> Recipe:
    """The recipe with this update rule, and without what goes beyond the rule and the loss, except clipping."""
    return replace(
        recipe, optimizer=optimizer, schedule=None, l2={}, class_weights=None, label_smoothing=0.0, accumulation=1
    )


def penalties(recipe: Recipe, layers: Iterable[str]) -> dict[str, float]:
    """The factor of the L2 penalty of each of these layers that has one."""
    found = {name: recipe.l2.get(name, recipe.l2.get(ALL, 0.0)) for name in layers}
    return {name: factor for name, factor in found.items() if factor}


def is_better(metric: str, found: float, than: float, *, by: float = 0.0) -> bool:
    """Whether `found` is better than `than` by more than `by`; NaN is worse than every number."""
    directions: dict[str, Any] = {name: better for metrics in METRICS.values() for name, better in metrics.items()}
    if math.isnan(than):
        return not math.isnan(found)
    return found - than > by if directions[metric] == "higher" else than - found > by
