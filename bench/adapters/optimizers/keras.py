"""The update rules in Keras: its own optimizers, and subclasses where Keras' rule differs from the written one."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import keras
import numpy as np

from bench.errors import UnavailableError
from bench.workload.recipe import Clipping
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd, UpdateRule, decays

TABLE = "embeddings"  # the variable of an embedding
KERNEL = 2  # axes of a kernel, at least; scales and offsets have one
BIAS = "bias"  # the name of a bias, which has two axes in attention and in a GRU


def optimizer(  # noqa: PLR0913 (what a recipe says of an update)
    rule: UpdateRule,
    clipping: Clipping | None = None,
    *,
    compiled: bool = False,
    rates: np.ndarray | None = None,
    variables: Sequence[keras.Variable] = (),
    accumulation: int = 1,
) -> keras.Optimizer:
    """The optimizer of an update rule; its constants have the precision of the weights.

    `compiled` says that its steps are compiled on a backend that is eager by default (torch). `rates` take the place of
    the rule's own learning rate, step by step. `variables` are those of the model. With `accumulation` k, every k-th
    call updates them with the mean of k gradients.
    """
    options = _clipping(clipping)
    if accumulation > 1:
        options["gradient_accumulation_steps"] = accumulation
    rate = learning_rate(rule.learning_rate) if rates is None else Rates(rates, accumulation)
    if isinstance(rule, RmsProp):
        return with_dense_gradients(rms_prop(rule, rate=rate, **options), variables)
    if isinstance(rule, Sgd):
        made = sgd(rule, rate=rate, variables=variables, is_constant=rates is None, **options)
    else:
        made = adam(rule, rate=rate, variables=variables, compiled=compiled, **options)
    with_dense_gradients(made, variables)
    if isinstance(rule, AdamW) and rule.decay == "kernels":
        made.exclude_from_weight_decay(var_list=[item for item in variables if not _is_kernel(item)])
    return made


def _is_kernel(variable: keras.Variable) -> bool:
    """Whether a variable is a kernel or a table, so that it decays."""
    return len(variable.shape) >= KERNEL and variable.name != BIAS


def with_dense_gradients(made: keras.Optimizer, variables: Sequence[keras.Variable]) -> keras.Optimizer:
    """The same optimizer, which gets a dense gradient for each embedding.

    On TensorFlow such a gradient has a slice for each integer of the batch, and several slices for an integer that
    comes more than once. Keras 3.15 squares each slice by itself: Adam's v gets Σg² in place of (Σg)², and on the other
    backends it does not. `reshape` adds the slices of each row.
    """
    tables = {id(item) for item in variables if item.name == TABLE}
    if tables and keras.backend.backend() == "tensorflow":
        apply = made.apply

        def applied(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
            given = variables if trainable_variables is None else trainable_variables
            pairs = zip(grads, given, strict=True)
            dense = [keras.ops.reshape(grad, item.shape) if id(item) in tables else grad for grad, item in pairs]
            apply(dense, trainable_variables)

        made.apply = applied
    return made


def sgd(
    rule: Sgd,
    *,
    rate: Any,  # noqa: ANN401 (Keras takes a float, a function or a schedule)
    variables: Sequence[keras.Variable] = (),
    is_constant: bool = True,
    **options: Any,  # noqa: ANN401 (those of every optimizer)
) -> keras.Optimizer:
    """Keras' SGD; if the learning rate changes, with a momentum that holds no rate.

    Keras' buffer holds -η·b. That is the written rule only if η stays the same.
    """
    ours: Any = type(keras.optimizers.SGD()) if is_constant or not rule.momentum else MomentumWithoutRate
    return _coupled(ours, rule, variables)(
        learning_rate=rate, momentum=constant(rule.momentum), nesterov=rule.nesterov, **options
    )


class MomentumWithoutRate(keras.optimizers.SGD):  # type: ignore[misc] # Keras has no types
    """SGD by the written rule: b ← μ·b + g, p ← p - η·b, or p ← p - η·(g + μ·b) by Nesterov's momentum."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:  # noqa: ANN401 (tensors)
        """Update one variable and its buffer."""
        rate, gradient, momentum = (
            keras.ops.cast(value, variable.dtype) for value in (learning_rate, gradient, self.momentum)
        )
        buffer = self.momentums[self._get_variable_index(variable)]
        changed = momentum * buffer + gradient
        self.assign(buffer, changed)
        self.assign_sub(variable, rate * (gradient + momentum * changed if self.nesterov else changed))


def rms_prop(rule: RmsProp, *, rate: Any, **options: Any) -> keras.Optimizer:  # noqa: ANN401 (as above)
    """Keras' RMSprop."""
    if rule.epsilon_place == "outside":
        message = 'keras.optimizers.RMSprop adds epsilon inside the root, the recipe has epsilon_place = "outside"'
        raise UnavailableError(message)
    made = keras.optimizers.RMSprop
    return made(learning_rate=rate, rho=constant(rule.alpha), epsilon=constant(rule.epsilon), **options)


def adam(
    rule: Adam | AdamW,
    *,
    compiled: bool = False,
    rate: Any = None,  # noqa: ANN401 (as above)
    variables: Sequence[keras.Variable] = (),
    **options: Any,  # noqa: ANN401 (as above)
) -> keras.Optimizer:
    """Keras' Adam with epsilon after bias correction, as in the paper (Kingma and Ba 2015), PyTorch and Optax.

    Keras computes η·√(1-β₂ᵗ)/(1-β₁ᵗ)·m / (√v + ε). With ε·√(1-β₂ᵗ) in place of ε this is η·m̂ / (√v̂ + ε). So each step
    needs one more scalar, and the backend's own way of updating all variables stays in use.

    On torch an eager step counts in Python, since a scalar tensor would take 50 µs. If the step is `compiled` on torch,
    a Python number would recompile every step. An attribute that is set in the step gave different weights from the
    third step on (torch 2.13). So there epsilon is computed from the optimizer's own count whenever it is read.
    """
    steps, on_torch = count(1), keras.backend.backend() == "torch"
    decay = {"weight_decay": constant(rule.weight_decay)} if isinstance(rule, AdamW) else {}
    kind = keras.optimizers.AdamW if decay else keras.optimizers.Adam
    ours: Any = type(kind())  # on torch Keras returns a subclass that updates all variables at once
    if isinstance(rule, Adam):
        ours = _coupled(ours, rule, variables)

    class AdamAfterCorrection(ours):  # type: ignore[misc] # the base class is known only at run time
        def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:  # noqa: ANN401
            dtype = trainable_variables[0].dtype
            step = next(steps) if on_torch else keras.ops.cast(self.iterations + 1, dtype)
            self.epsilon = _corrected(rule, step)
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    class CountedByItself(ours):  # type: ignore[misc] # the same
        @property
        def epsilon(self) -> Any:  # noqa: ANN401 (a tensor of the backend)
            return _corrected(rule, keras.ops.cast(self.iterations + 1, keras.config.floatx()))

        @epsilon.setter
        def epsilon(self, value: float) -> None:
            """Ignore the constant that Keras sets: epsilon depends on the step."""

    made: Any = CountedByItself if on_torch and compiled else AdamAfterCorrection
    made.__name__ = f"{kind.__name__} (epsilon after bias correction)"
    return made(
        learning_rate=learning_rate(rule.learning_rate) if rate is None else rate,
        beta_1=constant(rule.beta_1),
        beta_2=constant(rule.beta_2),
        **decay,
        **options,
    )


def _coupled(kind: Any, rule: Sgd | Adam, variables: Sequence[keras.Variable]) -> Any:  # noqa: ANN401 (a class)
    """The optimizer with λ·p added to each clipped gradient; the `weight_decay` of Keras would be decoupled."""
    if not decays(rule):
        return kind
    spared = {id(item) for item in variables if rule.decay == "kernels" and not _is_kernel(item)}
    factor = constant(rule.weight_decay)

    class Coupled(kind):  # type: ignore[misc] # the base class is known only at run time
        def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:  # noqa: ANN401
            decayed = [
                gradient if id(item) in spared else keras.ops.add(gradient, keras.ops.multiply(item, factor))
                for gradient, item in zip(grads, trainable_variables, strict=True)
            ]
            super()._backend_update_step(decayed, trainable_variables, learning_rate)

    Coupled.__name__ = f"{kind.__name__} (coupled weight decay)"
    return Coupled


def _corrected(rule: Adam | AdamW, step: Any) -> Any:  # noqa: ANN401 (a number, or a tensor of the backend)
    """The epsilon before bias correction in this step, counted from 1, that equals the rule's epsilon after it."""
    return rule.epsilon * (1 - rule.beta_2**step) ** 0.5


def _clipping(clipping: Clipping | None) -> dict[str, Any]:
    """Keras' argument for this kind of clipping, with the norm."""
    if clipping is None:
        return {}
    return {"clipnorm" if clipping.scope == "variable" else "global_clipnorm": constant(clipping.norm)}


class Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc] # Keras has no types
    """Looks up the rate of each step in a table, and keeps the last one.

    Keras counts calls. With gradient accumulation a step consists of several calls.
    """

    def __init__(self, rates: np.ndarray, calls: int) -> None:
        self.table = keras.ops.convert_to_tensor(rates, dtype=keras.config.floatx())
        self.last, self.calls = len(rates) - 1, calls

    def __call__(self, step: Any) -> Any:  # noqa: ANN401 (a tensor of the backend)
        """The rate of the step that this call belongs to."""
        return keras.ops.take(self.table, keras.ops.minimum(keras.ops.floor_divide(step, self.calls), self.last))


def constant(value: float) -> float:
    """The constant in a type that keeps float64: a NumPy scalar, but a Python float on torch.

    Except on torch, Keras converts a Python float to a float32 tensor even if everything else is float64, but not a
    NumPy scalar. `torch.compile` turns NumPy scalars into arrays, which torch's operations refuse.
    """
    is_double, on_torch = keras.config.floatx() == "float64", keras.backend.backend() == "torch"
    return np.float64(value) if is_double and not on_torch else value


def learning_rate(value: float) -> Any:  # noqa: ANN401 (Keras takes a float or a function)
    """The learning rate; in float64 a function that returns it, since Keras stores the number itself in float32."""
    if keras.config.floatx() == "float64":
        return lambda: keras.ops.convert_to_tensor(np.float64(value), dtype="float64")
    return value
