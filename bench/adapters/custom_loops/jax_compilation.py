"""Compiles JAX programs for Flax and Keras: with another compiler option, or ahead of time."""

from collections.abc import Callable
from typing import Any

import jax

from bench.adapters.custom_loops.base import AHEAD, ON_CUBLAS

Compiled = Callable[..., Any]

# https://openxla.org/xla/flags_guidance
CUBLAS = {"xla_gpu_enable_triton_gemm": False}


def compiled(function: Callable[..., Any], call: str, *, donate: bool) -> Compiled:
    """The function, compiled as the option `call` says; with `donate` the buffers of its first argument are donated."""
    options = CUBLAS if call.endswith(ON_CUBLAS) else None
    made = jax.jit(function, donate_argnums=0 if donate else (), compiler_options=options)
    return _AheadOfTime(made) if AHEAD in call else made


class _AheadOfTime:
    """A program for each shape of the inputs, lowered and compiled when that shape first occurs.

    https://docs.jax.dev/en/latest/aot.html
    """

    def __init__(self, function: Any) -> None:  # noqa: ANN401 (what `jax.jit` returns)
        self.function = function
        self.programs: dict[Any, Compiled] = {}

    def __call__(self, state: Any, fed: Any) -> Any:  # noqa: ANN401 (pytrees)
        key = tuple((array.shape, array.dtype) for array in jax.tree.leaves(fed))
        if key not in self.programs:
            self.programs[key] = self.function.lower(state, fed).compile()
        return self.programs[key](state, fed)
