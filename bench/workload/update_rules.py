"""Defines the update rules: how a step changes the parameters. Each rule is written here once.

In all rules p is a parameter, g its gradient after clipping, η the learning rate of the step, and λ the weight decay.
"""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.workload.toml_types import Fraction, NotNegative, Positive, Switch, from_toml

Decay = Literal["all", "kernels"]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Sgd:
    """Stochastic gradient descent: b ← μ·b + g, p ← p - η·b, with b = 0 before the first step (Polyak 1964).

    With Nesterov's momentum: b ← μ·b + g, p ← p - η·(g + μ·b). PyTorch writes the rules in the same way.

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        momentum: The momentum μ.
        nesterov: Whether the step looks ahead by Nesterov's momentum. It needs a momentum above 0.
        weight_decay: The coupled weight decay λ: g ← g + λ·p, before the rule. The table `[recipe.l2]` with the same
            number decays twice as fast, since the gradient of λ·p² is 2·λ·p.
        decay: Which parameters decay. `"kernels"` leaves out biases, and scale and offset of normalisations.
    """

    name: Literal["sgd"]
    learning_rate: Positive
    momentum: Fraction = 0.0
    nesterov: Switch = False
    weight_decay: NotNegative = 0.0
    decay: Decay = "all"

    def __post_init__(self) -> None:
        """Refuse Nesterov's momentum without a momentum."""
        if self.nesterov and not self.momentum:
            raise ValueError("found nesterov = true and momentum = 0, expected a momentum above 0, such as 0.9")


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Adam:
    """Adam: p ← p - η·m̂ / (√v̂ + ε), with m̂ = m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ) (Kingma and Ba 2015, algorithm 1).

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        beta_1: The decay β₁ of the mean of gradients m.
        beta_2: The decay β₂ of the mean of squared gradients v.
        epsilon: The ε below the fraction. It is added after the bias correction of v.
        weight_decay: The coupled weight decay λ: g ← g + λ·p, before the rule. The rule `"adamw"` decouples it.
        decay: Which parameters decay. `"kernels"` leaves out biases, and scale and offset of normalisations.
    """

    name: Literal["adam"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decay: Decay = "all"


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class AdamW:
    """AdamW: p ← p - η·λ·p - η·m̂ / (√v̂ + ε) (Loshchilov and Hutter 2019, algorithm 2).

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        beta_1: The decay β₁ of the mean of gradients m.
        beta_2: The decay β₂ of the mean of squared gradients v.
        epsilon: The ε below the fraction. It is added after the bias correction of v.
        weight_decay: The weight decay λ.
        decay: Which parameters decay. `"all"` means every trainable weight, biases and batch norms included.
            `"kernels"` leaves out biases, and scale and offset of normalisations.
    """

    name: Literal["adamw"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 1e-2
    decay: Decay = "all"


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class RmsProp:
    """RMSprop: v ← α·v + (1-α)·g², p ← p - η·g / (√v + ε), with v = 0 before the first step (Tieleman, Hinton 2012).

    There is no momentum, and the mean of the gradients is not subtracted.

    Attributes:
        name: The update rule.
        learning_rate: The learning rate η.
        alpha: The decay α of the mean of squared gradients v.
        epsilon: The ε below the fraction.
        epsilon_place: Where ε is added. `"outside"` divides by √v + ε, as PyTorch does. `"inside"` divides by √(v + ε),
            as Keras does. Flax with Optax has both. The others have one, and are unavailable for the other one.
    """

    name: Literal["rmsprop"]
    learning_rate: Positive = 1e-2
    alpha: Fraction = 0.99
    epsilon: Positive = 1e-8
    epsilon_place: Literal["outside", "inside"] = "outside"


UpdateRule = Sgd | Adam | AdamW | RmsProp


def decays(rule: UpdateRule) -> bool:
    """Whether the rule has a weight decay above 0."""
    return not isinstance(rule, RmsProp) and rule.weight_decay > 0
