"""The update rules in Optax."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from bench.workload.recipe import Clipping
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd, UpdateRule, decays

KERNEL = 2  # axes of a kernel, at least; scales and offsets have one
BIAS = "bias"  # the last name in the path of a bias, which has two axes in attention


def optimizer(rule: UpdateRule, *, rates: np.ndarray | None = None) -> optax.GradientTransformation:
    """The optimizer of an update rule; `rates` take the place of the rule's own learning rate, step by step."""
    rate = rule.learning_rate if rates is None else _schedule(rates)
    if isinstance(rule, RmsProp):
        inside = rule.epsilon_place == "inside"
        return optax.rmsprop(rate, decay=rule.alpha, eps=rule.epsilon, eps_in_sqrt=inside)
    if isinstance(rule, Sgd):
        return _coupled(rule, optax.sgd(rate, momentum=rule.momentum or None, nesterov=rule.nesterov))
    constants = {"b1": rule.beta_1, "b2": rule.beta_2, "eps": rule.epsilon}
    if isinstance(rule, AdamW):
        return optax.adamw(rate, **constants, weight_decay=rule.weight_decay, mask=_mask(rule))
    return _coupled(rule, optax.adam(rate, **constants))


def clip(clipping: Clipping) -> optax.GradientTransformation:
    """Scales gradients whose norm is too large."""
    if clipping.scope == "global":
        return optax.clip_by_global_norm(clipping.norm)
    return optax.stateless_with_tree_map(
        lambda gradient, _: gradient * jnp.minimum(1, clipping.norm / jnp.linalg.norm(gradient.ravel()))
    )


def _coupled(rule: Sgd | Adam, update: optax.GradientTransformation) -> optax.GradientTransformation:
    """The update after λ·p is added to the gradient."""
    if not decays(rule):
        return update
    return optax.chain(optax.add_decayed_weights(rule.weight_decay, mask=_mask(rule)), update)


def _mask(rule: Sgd | Adam | AdamW) -> Any:  # noqa: ANN401 (a function of a tree, or None)
    return None if rule.decay == "all" else _kernels


def _kernels(parameters: Any) -> Any:  # noqa: ANN401 (a tree of parameters)
    """The same tree with whether each parameter is a kernel or a table, so that it decays."""
    return jax.tree_util.tree_map_with_path(
        lambda path, value: value.ndim >= KERNEL and _name(path) != BIAS, parameters
    )


def _name(path: tuple[Any, ...]) -> str:
    """The last name in a path; a variable of Flax has its value below it."""
    names = jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value")
    return names.rpartition("/")[2]


def _schedule(rates: np.ndarray) -> optax.Schedule:
    table = jnp.asarray(rates)

    def rate(count: Any) -> Array:  # noqa: ANN401 (a number or an array)
        return jnp.take(table, count, mode="clip")

    return rate
