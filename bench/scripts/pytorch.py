"""Writes a script in PyTorch."""

from typing import Any

from bench.scripts import twin
from bench.scripts.task import CALL_NAMES, CLOCKS, KEEP_FREED, ONEDNN, Task, Word, has_words, layers
from bench.workload.recipe import Clipping
from bench.workload.update_rules import AdamW, RmsProp, Sgd, UpdateRule, decays

HEAD = '''"""{title}"""

import ctypes
import statistics
import time

import torch
from torch import nn

torch.set_num_threads({threads})
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = {tf32}
{onednn}
{keep_freed}device = torch.device("{device}")

{helpers}
model = {model}.to(device{channels_last})
call = {call}
inputs = {inputs}, device=device){inputs_layout}
'''

TRAINING = """
targets = {targets}
optimizer = {optimizer}
loss_of = {loss}
{clip}

def step() -> None:
    optimizer.zero_grad()
    {context}loss = loss_of(call(inputs){cast}, targets)
    loss.backward()
{clipping}    optimizer.step()


model.train()
"""

WHOLE_STEP = """
targets = {targets}
optimizer = {optimizer}
loss_of = {loss}
{clip}

@torch.compile(dynamic=False)
def learn(inputs: torch.Tensor, targets: torch.Tensor) -> None:  # torch compiles only functions that get tensors
    optimizer.zero_grad()
    {context}loss = loss_of(call(inputs){cast}, targets)
    loss.backward()
{clipping}    optimizer.step()


def step() -> None:
    learn(inputs, targets)


model.train()
"""

CLIP = """

def clip() -> None:
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    for group in {groups}:
        scale = ({norm} / nn.utils.get_total_norm(group)).clamp(max=1.0)
        for gradient in group:
            gradient.mul_(scale)
"""

INFERENCE = """

def step() -> None:
    with torch.inference_mode():
        {context}call(inputs)


model.eval()
"""

WAIT = """

def wait() -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


"""

RECURRENT = '''
class Recurrent(nn.Module):
    """A recurrent layer that returns its states for all steps, or only the last one."""

    def __init__(self, layer: nn.Module, *, last: bool) -> None:
        super().__init__()
        self.layer, self.last = layer, last

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        states, _ = self.layer(sequence)
        return states[:, -1] if self.last else states

'''

OVER_TIME = '''
class OverTime(nn.Module):
    """A batch norm over sequences: torch's layer expects (batch, channels, steps)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.layer(states.mT).mT

'''
IMAGES = 4  # axes of a batch of images
BATCH_NORMS = (
    "nn.BatchNorm1d({})",
    "OverTime(nn.BatchNorm1d({}))",
    "nn.BatchNorm2d({})",
)  # by the axes between samples and channels

ACTIVATIONS = {
    "relu": "ReLU()",
    "tanh": "Tanh()",
    "sigmoid": "Sigmoid()",
    "gelu": "GELU()",
    "silu": "SiLU()",
    "elu": "ELU()",
    "leaky_relu": "LeakyReLU(0.01)",
    "softplus": "Softplus(threshold=40)",
}
PACKED: dict[str, Word] = {
    "dense": lambda of: f"nn.Linear({of['inputs']}, {of['outputs']})",
    "dropout": lambda of: f"nn.Dropout({of['rate']})",
    "activation": lambda of: f"nn.{ACTIVATIONS[of['name']]}",
    "layer_norm": lambda of: f"nn.LayerNorm({of['channels']}, eps={of['epsilon']})",
    "batch_norm": lambda of: BATCH_NORMS[of["axes"]].format(
        f"{of['channels']}, eps={of['epsilon']}, momentum={1 - of['momentum']:g}"
    ),
}
WHOLE = "whole step"  # a value of the option `compile`: `torch.compile` gets the step in place of the model
HELPERS = {"Recurrent": RECURRENT, "OverTime": OVER_TIME}
LOSSES = {
    "cross_entropy": "nn.CrossEntropyLoss()",
    "binary_cross_entropy": "nn.BCEWithLogitsLoss()",
    "mean_squared_error": "nn.MSELoss()",
    "sigmoid_mean_squared_error": "lambda outputs, targets: nn.functional.mse_loss(outputs.sigmoid(), targets)",
}


def write(task: Task) -> str:
    """The text of the script for a task."""
    made, helpers = _network(task)
    compiled, mixed = task.options.get("compile", "off"), task.precision == "bf16"
    last = task.options.get("memory_format") == "channels_last"
    shape = task.input_shape
    if len(shape) == IMAGES:
        shape = (shape[0], shape[3], *shape[1:3])
    values: dict[str, Any] = {
        "title": task.title,
        "threads": task.threads,
        "tf32": task.precision == "tf32",
        "onednn": ONEDNN[task.options.get("onednn", "on")],
        "keep_freed": KEEP_FREED.format(call=CALL_NAMES[task.scenario]),
        "device": task.device,
        "helpers": helpers,
        "model": made,
        "channels_last": ", memory_format=torch.channels_last" if last else "",
        "call": "model" if compiled in {"off", WHOLE} else f'torch.compile(model, mode="{compiled}", dynamic=False)',
        "inputs": _inputs(task, task.input_shape if last else shape),
        # `.to(memory_format=...)` would not change the strides of images with one channel.
        "inputs_layout": ".permute(0, 3, 1, 2)" if last else "",
        "targets": _targets(task),
        "optimizer": _optimizer(task.recipe.optimizer, fused=task.options.get("optimizer") == "fused"),
        "loss": LOSSES[task.recipe.loss],
        "clip": _clip(task.recipe.clipping),
        "clipping": "    clip()\n" if task.recipe.clipping else "",
        "context": f'with torch.autocast("{task.device.partition(":")[0]}", torch.bfloat16):\n        '
        if mixed
        else "",
        "cast": ".float()" if mixed else "",
        **task.clock,
        "call_once": "step()",
        "wait": "wait()",
    }
    if mixed and task.scenario == "inference":
        values["context"] = values["context"].replace("\n        ", "\n            ")
    training = WHOLE_STEP if compiled == WHOLE else TRAINING
    body = training if task.scenario == "training" else INFERENCE
    return (HEAD + body + WAIT + CLOCKS[task.scenario]).format(**values)


def _network(task: Task) -> tuple[str, str]:
    """The expression that makes the network, and the code that has to come before it."""
    if not has_words(task):
        return twin.built(task), twin.modules(task)
    packed = "\n".join(f"    {layer}," for layer in layers(task, PACKED))
    return f"nn.Sequential(\n{packed}\n)", "\n".join(text for name, text in HELPERS.items() if f"{name}(" in packed)


def _inputs(task: Task, shape: tuple[int, ...]) -> str:
    """The call that makes the inputs, without its device."""
    if task.vocabulary:
        return f"torch.randint({task.vocabulary}, {shape}, dtype=torch.int32"
    return f"torch.randn({', '.join(map(str, shape))}"


def _targets(task: Task) -> str:
    if task.has_labels:
        return f"torch.randint({task.outputs}, ({task.batch_size},), device=device)"
    return f"torch.rand({task.batch_size}, {task.outputs}, device=device)"


def _clip(clipping: Clipping | None) -> str:
    if clipping is None:
        return ""
    groups = "[gradients]" if clipping.scope == "global" else "([gradient] for gradient in gradients)"
    return CLIP.format(norm=clipping.norm, groups=groups)


def _optimizer(rule: UpdateRule, *, fused: bool) -> str:
    ending = ", fused=True)" if fused else ")"
    if isinstance(rule, RmsProp):
        constants = f"lr={rule.learning_rate}, alpha={rule.alpha}, eps={rule.epsilon}"
        return f"torch.optim.RMSprop(model.parameters(), {constants}{ending}"
    decay = f", weight_decay={rule.weight_decay}" if decays(rule) or isinstance(rule, AdamW) else ""
    if isinstance(rule, Sgd):
        momentum = f"momentum={rule.momentum}{', nesterov=True' if rule.nesterov else ''}"
        return f"torch.optim.SGD(model.parameters(), lr={rule.learning_rate}, {momentum}{decay}{ending}"
    kind, betas = ("AdamW" if isinstance(rule, AdamW) else "Adam"), f"betas=({rule.beta_1}, {rule.beta_2})"
    constants = f"lr={rule.learning_rate}, {betas}, eps={rule.epsilon}{decay}"
    return f"torch.optim.{kind}(model.parameters(), {constants}{ending}"
