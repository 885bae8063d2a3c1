"""Writes a script in Flax."""

from typing import Any

from bench.scripts import twin
from bench.scripts.task import CALL_NAMES, CLOCKS, KEEP_FREED, PIN, Task, Word, has_words, helpers, layers
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd, UpdateRule, decays

HEAD = '''"""{title}"""

import ctypes
import os
import statistics
import time

{visible}{pin}
import jax
import jax.numpy as jnp
import optax
from flax import nnx

{keep_freed}jax.config.update("jax_platforms", "{platform}")
jax.config.update("jax_default_matmul_precision", "{matmul}")
{helpers}
{model}
inputs = {inputs}
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

BOUND = """
compiled = {bound}


def step() -> jax.Array:
    return compiled(inputs, targets)

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

BOUND_ANSWER = """model.eval()


def answer(model: nnx.Module, inputs: jax.Array) -> jax.Array:
    return model(inputs).astype(jnp.float32)


compiled = {bound}


def step() -> jax.Array:
    return compiled(inputs)

"""

# The module and for a step the optimizer are bound once, so that a call does not traverse them.
BINDINGS = {
    "nnx.cached_partial": "nnx.cached_partial(nnx.jit({function}), {arguments})",
    "nnx.jit_partial": "nnx.jit_partial({function}, {arguments}, graph=False)",
}

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
    """The text of the script for a task."""
    made, before = _network(task)
    training = task.scenario == "training"
    steps = task.steps_per_call
    values: dict[str, Any] = {
        "title": task.title,
        "visible": task.visible,
        "pin": PIN.format(threads=task.threads),
        "keep_freed": KEEP_FREED.format(call=CALL_NAMES[task.scenario]),
        "platform": task.device.partition(":")[0],
        "matmul": {"tf32": "tensorfloat32", "bf16": "default"}.get(task.precision, "highest"),
        "helpers": before,
        "model": made,
        "inputs": _inputs(task),
        "targets": _targets(task),
        "optimizer": _update(task.recipe),
        "loss": LOSSES[task.recipe.loss],
        "steps": steps,
        "options": task.compiler_options,
        "ahead": task.ahead.format(fed="(inputs, targets)" if training else "inputs"),
        "bound": BINDINGS.get(task.call, "").format(
            function="learn" if training else "answer", arguments="model, optimizer" if training else "model"
        ),
        **task.clock,
        "call_once": "result = step()",
        "wait": "jax.block_until_ready((result, nnx.state(model)))" if training else "jax.block_until_ready(result)",
    }
    is_functional = task.call and task.call not in BINDINGS
    if training and is_functional:
        values["wait"] = "jax.block_until_ready((result, state))"
    functional = PURE + (SCAN if steps > 1 else FUNCTIONAL)
    learning = LEARN + (functional if is_functional else BOUND if task.call else STATEFUL)
    answering = PURE_ANSWER if is_functional else BOUND_ANSWER if task.call else ANSWER
    return (HEAD + (learning if training else answering) + "\n" + CLOCKS[task.scenario]).format(**values)


def _network(task: Task) -> tuple[str, str]:
    """The lines that make the network, and the code that has to come before them."""
    is_mixed = task.precision == "bf16"
    if not has_words(task):
        types = {"compute_dtype": "bfloat16"} if is_mixed else {}
        return f"model = {twin.built(task, **types)}", twin.modules(task)
    ending = f"{', dtype=jnp.bfloat16' if is_mixed else ''}, rngs=rngs)"
    packed = "\n".join(f"    {layer}," for layer in layers(task, PACKED, ending=ending))
    own = [*helpers(task), "\n"] if helpers(task) else []
    return f"rngs = nnx.Rngs(0)\nmodel = nnx.Sequential(\n{packed}\n)", "".join(own)


ACTIVATIONS = {"gelu": "lambda values: nnx.gelu(values, approximate=False)"}  # by default Flax has the tanh form
PACKED: dict[str, Word] = {
    "dense": lambda of: f"nnx.Linear({of['inputs']}, {of['outputs']}{of['ending']}",
    "dropout": lambda of: f"nnx.Dropout({of['rate']}, rngs=rngs)",
    "activation": lambda of: ACTIVATIONS.get(of["name"], f"nnx.{of['name']}"),
    "layer_norm": lambda of: (
        f"nnx.LayerNorm({of['channels']}, epsilon={of['epsilon']}, use_fast_variance=False{of['ending']}"
    ),
    "batch_norm": lambda of: (
        f"nnx.BatchNorm({of['channels']}, momentum={of['momentum']}, epsilon={of['epsilon']}, "
        f"use_fast_variance=False{of['ending']}"
    ),
}


def _inputs(task: Task) -> str:
    """The call that makes the inputs."""
    shape = f"({', '.join(map(str, task.input_shape))},)"
    if task.vocabulary:
        return f"jax.random.randint(jax.random.key(1), {shape}, 0, {task.vocabulary})"
    return f"jax.random.normal(jax.random.key(1), {shape})"


def _targets(task: Task) -> str:
    if task.has_labels:
        return f"jax.random.randint(jax.random.key(2), ({task.batch_size},), 0, {task.outputs})"
    return f"jax.random.uniform(jax.random.key(2), ({task.batch_size}, {task.outputs}))"


def _update(recipe: Recipe) -> str:
    """The optimizer, with gradient clipping before it if the recipe clips."""
    rule, clipping = _optimizer(recipe.optimizer), recipe.clipping
    if clipping is None:
        return rule
    if clipping.scope == "global":
        return f"optax.chain(optax.clip_by_global_norm({clipping.norm}), {rule})"
    scale = f"jnp.minimum(1, {clipping.norm} / jnp.linalg.norm(gradient.ravel()))"
    return f"optax.chain(optax.stateless_with_tree_map(lambda gradient, _: gradient * {scale}), {rule})"


def _optimizer(rule: UpdateRule) -> str:
    if isinstance(rule, RmsProp):
        place = f"eps_in_sqrt={rule.epsilon_place == 'inside'}"
        return f"optax.rmsprop({rule.learning_rate}, decay={rule.alpha}, eps={rule.epsilon}, {place})"
    if isinstance(rule, Sgd):
        nesterov = ", nesterov=True" if rule.nesterov else ""
        return _decayed(rule, f"optax.sgd({rule.learning_rate}, momentum={rule.momentum or None}{nesterov})")
    constants = f"{rule.learning_rate}, b1={rule.beta_1}, b2={rule.beta_2}, eps={rule.epsilon}"
    if isinstance(rule, AdamW):
        return f"optax.adamw({constants}, weight_decay={rule.weight_decay})"
    return _decayed(rule, f"optax.adam({constants})")


def _decayed(rule: Sgd | Adam, update: str) -> str:
    """The update, after the coupled weight decay if there is one."""
    return f"optax.chain(optax.add_decayed_weights({rule.weight_decay}), {update})" if decays(rule) else update
