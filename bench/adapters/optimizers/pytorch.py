"""The update rules in PyTorch: all are PyTorch's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from bench.errors import UnavailableError
from bench.workload.recipe import Clipping
from bench.workload.update_rules import AdamW, RmsProp, Sgd, UpdateRule, decays

KERNEL = 2  # axes of a kernel, at least; biases, scales and offsets have one


def optimizer(
    rule: UpdateRule, parameters: list[nn.Parameter], *, rate: Tensor | float | None = None, fused: bool | None = None
) -> torch.optim.Optimizer:
    """The optimizer of an update rule; a `rate` takes the place of the rule's own learning rate."""
    lr = rule.learning_rate if rate is None else rate
    if isinstance(rule, RmsProp):
        return _rms_prop(rule, parameters, lr=lr, fused=fused)
    options: dict[str, Any] = {"lr": lr, "weight_decay": rule.weight_decay, "fused": fused}
    groups = _groups(rule, parameters)
    if isinstance(rule, Sgd):
        return torch.optim.SGD(groups, momentum=rule.momentum, nesterov=rule.nesterov, **options)
    kind = torch.optim.AdamW if isinstance(rule, AdamW) else torch.optim.Adam
    return kind(groups, betas=(rule.beta_1, rule.beta_2), eps=rule.epsilon, **options)


def _rms_prop(
    rule: RmsProp, parameters: list[nn.Parameter], *, lr: Tensor | float, fused: bool | None
) -> torch.optim.Optimizer:
    if rule.epsilon_place == "inside":
        raise UnavailableError(
            'torch.optim.RMSprop adds epsilon outside the root, the recipe has epsilon_place = "inside"'
        )
    if fused:
        raise UnavailableError("torch.optim.RMSprop has no fused implementation")
    return torch.optim.RMSprop(parameters, lr=lr, alpha=rule.alpha, eps=rule.epsilon)


def _groups(rule: UpdateRule, parameters: list[nn.Parameter]) -> Any:  # noqa: ANN401 (parameters, or groups of them)
    """The parameters, in two groups if only kernels decay."""
    if isinstance(rule, RmsProp) or rule.decay == "all" or not decays(rule):
        return parameters
    kernels = [parameter for parameter in parameters if parameter.ndim >= KERNEL]
    others = [parameter for parameter in parameters if parameter.ndim < KERNEL]
    return [group for group in ({"params": kernels}, {"params": others, "weight_decay": 0.0}) if group["params"]]


def scheduler(made: torch.optim.Optimizer, rates: np.ndarray) -> LambdaLR:
    """Sets the rate of each step, and keeps the last one; the optimizer was made with a rate of 1."""
    each: Sequence[float] = rates.tolist()
    last = len(each) - 1
    return LambdaLR(made, lambda step: each[min(step, last)])


def clip(parameters: list[nn.Parameter], clipping: Clipping) -> None:
    """Scale gradients whose norm is too large; `clip_grad_norm_` would add 1e-6 to the norm first."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for group in [gradients] if clipping.scope == "global" else [[gradient] for gradient in gradients]:
        scale = (clipping.norm / nn.utils.get_total_norm(group)).clamp(max=1.0)
        for gradient in group:
            gradient.mul_(scale)
