"""A script in Flax."""

from collections.abc import Callable
from typing import Any

from bench.scripts.task import CALL_NAMES, CLOCKS, KEEP_FREED, PIN, Task, network
from bench.workload.recipe import AdamW, Recipe, Sgd, UpdateRule

HEAD = '''"""{title}"""

import ctypes
import os
import statistics
import time
{reduce}
{visible}{pin}
import jax
import jax.numpy as jnp
import optax
from flax import nnx

{keep_freed}jax.config.update("jax_platforms", "{platform}")
jax.config.update("jax_default_matmul_precision", "{matmul}")
{helpers}
rngs = nnx.Rngs(0)
model = nnx.Sequential(
{layers}
)
inputs = jax.random.normal(jax.random.key(1), ({shape},))
'''

CONVOLVE = '''

def convolve(images: jax.Array, kernel: jax.Array, strides: object, padding: str, **options) -> jax.Array:
    """A convolution as one product with the patches that the kernel sees: on a CPU XLA takes less time for that."""
    size = len(kernel)
    spare = size - 1 if padding == "SAME" else 0
    ends = (spare // 2, spare - spare // 2)
    images = jnp.pad(images, ((0, 0), ends, ends, (0, 0)))
    height, width = (length - size + 1 for length in images.shape[1:3])
    seen = [images[:, y : y + height, x : x + width] for y in range(size) for x in range(size)]
    return jnp.matmul(
        jnp.concatenate(seen, axis=-1), kernel.reshape(-1, kernel.shape[-1]), precision=options["precision"]
    )
'''

POOL = '''

def pool(images: jax.Array, size: int) -> jax.Array:
    """Max-pooling as a choice between the pixels of a block: on a CPU XLA differentiates it faster than a window."""
    batch, height, width, channels = images.shape
    rows, columns = height // size, width // size
    blocks = images[:, : rows * size, : columns * size].reshape(batch, rows, size, columns, size, channels)
    pixels = [blocks[:, :, y, :, x] for y in range(size) for x in range(size)]
    return reduce(lambda first, other: jnp.where(first >= other, first, other), pixels)
'''

LEARN = """targets = {targets}
optimizer = nnx.Optimizer(model, {optimizer}, wrt=nnx.Param)
model.train()


def learn(model: nnx.Module, optimizer: nnx.Optimizer, inputs: jax.Array, targets: jax.Array) -> jax.Array:
    def loss_of(model: nnx.Module) -> jax.Array:
        outputs = model(inputs).astype(jnp.float32)
        return {loss}

    loss, gradients = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, gradients)
    return loss

"""

STATEFUL = """
compiled = nnx.jit(learn)


def step() -> jax.Array:
    return compiled(model, optimizer, inputs, targets)

"""

PURE = """
structure, state = nnx.split((model, optimizer))


def pure(state, batch):
    model, optimizer = nnx.merge(structure, state)
    loss = learn(model, optimizer, *batch)
    return nnx.state((model, optimizer)), loss

"""

FUNCTIONAL = """
compiled = jax.jit(pure, donate_argnums=0{options}){ahead}


def step() -> jax.Array:
    global state
    state, loss = compiled(state, (inputs, targets))
    return loss

"""

SCAN = """
def several(state, batches):
    return jax.lax.scan(pure, state, jax.tree.map(lambda *arrays: jnp.stack(arrays), *batches))


compiled = jax.jit(several, donate_argnums=0{options})


def step() -> jax.Array:
    global state
    state, losses = compiled(state, ((inputs, targets),) * {steps})
    return losses

"""

ANSWER = """model.eval()
compiled = nnx.jit(lambda model, inputs: model(inputs).astype(jnp.float32))


def step() -> jax.Array:
    return compiled(model, inputs)

"""

PURE_ANSWER = """model.eval()
structure, state = nnx.split(model)
compiled = jax.jit(lambda state, inputs: nnx.merge(structure, state)(inputs).astype(jnp.float32){options}){ahead}


def step() -> jax.Array:
    return compiled(state, inputs)

"""

LOSSES = {
    "cross_entropy": "optax.softmax_cross_entropy_with_integer_labels(outputs, targets).mean()",
    "binary_cross_entropy": "optax.sigmoid_binary_cross_entropy(outputs, targets).mean()",
    "mean_squared_error": "optax.squared_error(outputs, targets).mean()",
    "sigmoid_mean_squared_error": "optax.squared_error(jax.nn.sigmoid(outputs), targets).mean()",
}


def write(task: Task) -> str:
    """The script."""
    helpers = [*([CONVOLVE] if _has_patches(task) else []), *([POOL] if _is_reshaped(task) else [])]
    helpers = [*helpers, "\n"] if helpers else []
    training = task.scenario == "training"
    steps = task.steps_per_call
    values: dict[str, Any] = {
        "title": task.title,
        "reduce": "from functools import reduce\n" if _is_reshaped(task) else "",
        "visible": task.visible,
        "pin": PIN.format(threads=task.threads),
        "keep_freed": KEEP_FREED.format(call=CALL_NAMES[task.scenario]),
        "platform": task.device.partition(":")[0],
        "matmul": {"tf32": "tensorfloat32", "bf16": "default"}.get(task.precision, "highest"),
        "helpers": "".join(helpers),
        "layers": "\n".join(_layer(task, layer.kind, layer.sizes) for layer in network(task)),
        "shape": ", ".join(map(str, task.input_shape)),
        "targets": _targets(task),
        "optimizer": _update(task.recipe),
        "loss": LOSSES[task.recipe.loss],
        "steps": steps,
        "options": task.compiler_options,
        "ahead": task.ahead.format(fed="(inputs, targets)" if training else "inputs"),
        **task.clock,
        "call_once": "result = step()",
        "wait": "jax.block_until_ready((result, nnx.state(model)))" if training else "jax.block_until_ready(result)",
    }
    if training and task.call:
        values["wait"] = "jax.block_until_ready((result, state))"
    functional = PURE + (SCAN if steps > 1 else FUNCTIONAL)
    learning = LEARN + (functional if task.call else STATEFUL)
    answering = PURE_ANSWER if task.call else ANSWER
    return (HEAD + (learning if training else answering) + "\n" + CLOCKS[task.scenario]).format(**values)


def _layer(task: Task, kind: str, sizes: dict[str, Any]) -> str:
    dtype = ", dtype=jnp.bfloat16" if task.precision == "bf16" else ""
    values = {
        **sizes,
        "ending": f"{dtype}, rngs=rngs)",
        "form": ", conv_general_dilated=convolve" if _has_patches(task) else "",
        "unroll": task.options.get("unroll", "1"),
        "pooled": "pool(images, {size})"
        if _is_reshaped(task)
        else "nnx.max_pool(images, ({size}, {size}), strides=({size}, {size}))",
        "carry": ", carry_init=lambda _, shape, __: jnp.zeros(shape, jnp.bfloat16)" if dtype else "",
    }
    return f"    {PACKED[kind](values)},"


def _has_patches(task: Task) -> bool:
    return task.family == "cnn" and task.options.get("convolution") == "patches"


def _is_reshaped(task: Task) -> bool:
    return task.family == "cnn" and task.options.get("pooling") == "reshape"


PACKED: dict[str, Callable[[dict[str, Any]], str]] = {
    "dense": lambda of: f"nnx.Linear({of['inputs']}, {of['outputs']}{of['ending']}",
    "convolution": lambda of: (
        f"nnx.Conv({of['inputs']}, {of['outputs']}, ({of['kernel']}, {of['kernel']}), "
        f'padding="{of["padding"].upper()}"{of["form"]}{of["ending"]}'
    ),
    "pool": lambda of: "lambda images: " + of["pooled"].format(size=of["size"]),
    "flatten": lambda _: "lambda images: images.reshape(len(images), -1)",
    "dropout": lambda of: f"nnx.Dropout({of['rate']}, rngs=rngs)",
    "activation": lambda of: {"relu": "nnx.relu", "tanh": "nnx.tanh", "sigmoid": "nnx.sigmoid"}[of["name"]],
    "batch_norm": lambda of: (
        f"nnx.BatchNorm({of['channels']}, momentum={of['momentum']}, epsilon={of['epsilon']}, "
        f"use_fast_variance=False{of['ending']}"
    ),
    "lstm": lambda of: _recurrent("OptimizedLSTMCell", of),
    "rnn": lambda of: _recurrent("SimpleCell", of),
}


def _recurrent(cell: str, of: dict[str, Any]) -> str:
    activation = f"activation_fn=nnx.{of['activation']}"
    made = f"nnx.{cell}({of['inputs']}, {of['units']}, {activation}{of['carry']}{of['ending']}"
    last = ",\n    lambda states: states[:, -1]" if of["last"] else ""
    return f"nnx.RNN({made}, unroll={of['unroll']}){last}"


def _targets(task: Task) -> str:
    if task.has_labels:
        return f"jax.random.randint(jax.random.key(2), ({task.batch_size},), 0, {task.outputs})"
    return f"jax.random.uniform(jax.random.key(2), ({task.batch_size}, {task.outputs}))"


def _update(recipe: Recipe) -> str:
    """The optimizer, after gradients are clipped where the recipe clips them."""
    rule, clipping = _optimizer(recipe.optimizer), recipe.clipping
    if clipping is None:
        return rule
    if clipping.scope == "global":
        return f"optax.chain(optax.clip_by_global_norm({clipping.norm}), {rule})"
    scale = f"jnp.minimum(1, {clipping.norm} / jnp.linalg.norm(gradient.ravel()))"
    return f"optax.chain(optax.stateless_with_tree_map(lambda gradient, _: gradient * {scale}), {rule})"


def _optimizer(rule: UpdateRule) -> str:
    if isinstance(rule, Sgd):
        return f"optax.sgd({rule.learning_rate}, momentum={rule.momentum or None})"
    constants = f"{rule.learning_rate}, b1={rule.beta_1}, b2={rule.beta_2}, eps={rule.epsilon}"
    if isinstance(rule, AdamW):
        return f"optax.adamw({constants}, weight_decay={rule.weight_decay})"
    return f"optax.adam({constants})"
