"""Writes a script in Keras, for the backend that was measured."""

from typing import Any

from bench.scripts import twin
from bench.scripts.task import CALL_NAMES, CLOCKS, KEEP_FREED, ONEDNN, PIN, Task, Word, has_words, layers
from bench.workload.recipe import Recipe
from bench.workload.update_rules import AdamW, RmsProp, Sgd

HEAD = '''"""{title}"""

import ctypes
import os
import statistics
import time

os.environ["KERAS_BACKEND"] = "{backend}"
{visible}{quiet}{pin}
import keras
import numpy as np
{imports}

{keep_freed}{settings}
policy = "{policy}"
{helpers}model = {model}
inputs = keras.ops.convert_to_tensor(np.random.default_rng(0).{inputs})
'''

COMPILE = """targets = keras.ops.convert_to_tensor({targets})
model.compile(
    optimizer={optimizer},
    loss={loss},
    jit_compile={jit},
)
"""

TRAIN_ON_BATCH = """

def step():
    return model.train_on_batch(inputs, targets)

"""

PREDICT_ON_BATCH = """model.compile(jit_compile={jit})


def step():
    return model.predict_on_batch(inputs)

"""

TENSORFLOW = """model.optimizer.build(model.trainable_variables)


def learn(inputs, targets):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, targets, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply(gradients, model.trainable_variables)
    return loss


compiled = tf.function(lambda batches: [learn(*batch) for batch in batches], jit_compile=model.jit_compile)


def step():
    return compiled([(inputs, targets)] * {steps})

"""

JAX = """model.optimizer.build(model.trainable_variables)


def loss_of(trainable, others, inputs, targets):
    outputs, others = model.stateless_call(trainable, others, inputs, training=True)
    return model.compute_loss(inputs, targets, outputs), others


def learn(state, batch):
    trainable, others, optimizer = state
    (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable, others, *batch)
    trainable, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trainable)
    return (trainable, others, optimizer), loss


def several(state, batches):
    return jax.lax.scan(learn, state, jax.tree.map(lambda *arrays: jnp.stack(arrays), *batches))


groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
state = tuple([variable.value for variable in group] for group in groups)
compiled = jax.jit({learn}, donate_argnums=0{options}){ahead}


def step():
    global state
    state, loss = compiled(state, {batch})
    return loss

"""

TORCH = """call = {call}


def step():
    model.zero_grad()
    loss = model.compute_loss(inputs, targets, call(inputs, training=True))
    loss.backward()
    with torch.no_grad():
        gradients = [variable.value.grad for variable in model.trainable_variables]
        model.optimizer.apply(gradients, model.trainable_variables)
    return loss.detach()

"""

ANSWERS = {
    "tensorflow": """model.compile(jit_compile={jit})
compiled = tf.function(lambda inputs: model(inputs, training=False), jit_compile=model.jit_compile)


def step():
    return compiled(inputs)

""",
    "jax": """groups = (model.trainable_variables, model.non_trainable_variables)
state = tuple([variable.value for variable in group] for group in groups)
compiled = jax.jit(lambda state, inputs: model.stateless_call(*state, inputs, training=False)[0]{options}){ahead}


def step():
    return compiled(state, inputs)

""",
    "torch": """call = {call}


def step():
    with torch.inference_mode():
        return call(inputs, training=False)

""",
}

WAIT = """

def wait(result):
    {wait_for}


"""

LOOPS = {"tensorflow": TENSORFLOW, "jax": JAX, "torch": TORCH}
IMPORTS = {
    "tensorflow": "import tensorflow as tf",
    "jax": "import jax\nimport jax.numpy as jnp",
    "torch": "import torch",
}
SETTINGS = {
    "tensorflow": "tf.config.threading.set_intra_op_parallelism_threads({threads})\n"
    "tf.config.threading.set_inter_op_parallelism_threads({threads})\n"
    "tf.config.experimental.enable_tensor_float_32_execution({tf32})",
    "jax": 'jax.config.update("jax_default_matmul_precision", "{matmul}")',
    "torch": "torch.set_num_threads({threads})\n"
    "{onednn}\n"
    "torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = {tf32}",
}
WAITS = {
    "tensorflow": 'tf.test.experimental.sync_devices() if tf.config.list_physical_devices("GPU") else None',
    "jax": "jax.block_until_ready({kept})",
    "torch": "torch.cuda.synchronize() if torch.cuda.is_available() else None",
}
LOSSES = {
    "cross_entropy": "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
    "binary_cross_entropy": "keras.losses.BinaryCrossentropy(from_logits=True)",
    "mean_squared_error": "keras.losses.MeanSquaredError()",
    "sigmoid_mean_squared_error": "lambda targets, outputs: keras.losses.mean_squared_error("
    "targets, keras.ops.sigmoid(outputs))",
}
CLIPPING = {"variable": "clipnorm", "global": "global_clipnorm"}
# How a script writes each kind of layer.
PACKED: dict[str, Word] = {
    "dense": lambda of: f"keras.layers.Dense({of['outputs']}, dtype=policy)",
    "dropout": lambda of: f"keras.layers.Dropout({of['rate']}, dtype=policy)",
    "activation": lambda of: (
        "keras.layers.LeakyReLU(0.01, dtype=policy)"  # the function of this name has another slope
        if of["name"] == "leaky_relu"
        else f'keras.layers.Activation("{of["name"]}", dtype=policy)'
    ),
    "layer_norm": lambda of: f"keras.layers.LayerNormalization(epsilon={of['epsilon']}, dtype=policy)",
    "batch_norm": lambda of: (
        f"keras.layers.BatchNormalization(momentum={of['momentum']}, epsilon={of['epsilon']}, dtype=policy)"
    ),
}


def write(task: Task) -> str:
    """The text of the script for a task."""
    backend, training = str(task.backend), task.scenario == "training"
    steps = task.steps_per_call
    compiled = task.options.get("jit_compile") == "on"
    # A call on JAX has to wait for the result of the step, and for the state that a custom loop returns.
    kept = "(result, state)" if task.call else "result"
    made, helpers = _network(task)
    batch = "(inputs, targets)" if steps == 1 else f"((inputs, targets),) * {steps}"
    values: dict[str, Any] = {
        "title": task.title,
        "backend": backend,
        "visible": task.visible,
        "quiet": 'os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")\n' if backend == "tensorflow" else "",
        "pin": PIN.format(threads=task.threads),
        "keep_freed": KEEP_FREED.format(call=CALL_NAMES[task.scenario]),
        "imports": IMPORTS[backend],
        "settings": SETTINGS[backend].format(
            threads=task.threads,
            tf32=task.precision == "tf32",
            onednn=ONEDNN[task.options.get("onednn", "on")],
            matmul={"tf32": "tensorfloat32", "bf16": "default"}.get(task.precision, "highest"),
        ),
        "policy": "mixed_bfloat16" if task.precision == "bf16" else "float32",
        "model": made,
        "helpers": helpers,
        "inputs": _inputs(task),
        "targets": _targets(task),
        "optimizer": _optimizer(task.recipe),
        "loss": LOSSES[task.recipe.loss],
        "jit": {"on": "True", "off": "False"}.get(task.options.get("jit_compile", ""), '"auto"'),
        "call": "torch.compile(model, dynamic=False)" if compiled else "model",
        "steps": steps,
        "learn": "learn" if steps == 1 else "several",
        "batch": batch,
        "options": task.compiler_options,
        "ahead": task.ahead.format(fed=batch if training else "inputs"),
        "wait_for": WAITS[backend].format(kept=kept),
        "call_once": "result = step()",
        "wait": "wait(result)",
        **task.clock,
    }
    if training:
        body = COMPILE + (LOOPS[backend] if task.call else TRAIN_ON_BATCH)
    else:
        body = ANSWERS[backend] if task.call else PREDICT_ON_BATCH
    return (HEAD + body + WAIT + CLOCKS[task.scenario]).format(**values)


def _network(task: Task) -> tuple[str, str]:
    """The expression that makes the network, and the code that has to come before it."""
    if not has_words(task):
        types = {"compute_dtype": "bfloat16"} if task.precision == "bf16" else {}
        return twin.built(task, **types), twin.modules(task)
    packed = "\n".join(f"    {layer}," for layer in layers(task, PACKED))
    return f"keras.Sequential([\n    keras.Input({task.input_shape[1:]}),\n{packed}\n])", ""


def _inputs(task: Task) -> str:
    """The method of a generator that makes the inputs."""
    shape = f"size=({', '.join(map(str, task.input_shape))},)"
    if task.vocabulary:
        return f'integers({task.vocabulary}, {shape}, dtype="int32")'
    return f'normal({shape}).astype("float32")'


def _targets(task: Task) -> str:
    if task.has_labels:
        return f"np.random.default_rng(1).integers({task.outputs}, size={task.batch_size})"
    return f'np.random.default_rng(1).random(({task.batch_size}, {task.outputs})).astype("float32")'


def _optimizer(recipe: Recipe) -> str:
    rule, clipping = recipe.optimizer, recipe.clipping
    ending = ")" if clipping is None else f", {CLIPPING[clipping.scope]}={clipping.norm})"
    if isinstance(rule, RmsProp):
        return f"keras.optimizers.RMSprop({rule.learning_rate}, rho={rule.alpha}, epsilon={rule.epsilon}{ending}"
    if isinstance(rule, Sgd):
        nesterov = ", nesterov=True" if rule.nesterov else ""
        return f"keras.optimizers.SGD({rule.learning_rate}, momentum={rule.momentum}{nesterov}{ending}"
    constants = f"{rule.learning_rate}, beta_1={rule.beta_1}, beta_2={rule.beta_2}, epsilon={rule.epsilon}"
    if isinstance(rule, AdamW):
        return f"keras.optimizers.AdamW({constants}, weight_decay={rule.weight_decay}{ending}"
    return f"keras.optimizers.Adam({constants}{ending}"
