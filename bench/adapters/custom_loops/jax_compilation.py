"""What JAX can do with a program, below Flax and below Keras: another compiler option, or compiled ahead of time."""

from collections.abc import Callable
from typing import Any

import jax

from bench.adapters.custom_loops.base import AHEAD, ON_CUBLAS

Compiled = Callable[..., Any]

# https://openxla.org/xla/flags_guidance
CUBLAS = {"xla_gpu_enable_triton_gemm": False}


def compiled(function: Callable[..., Any], call: str, *, donate: bool) -> Compiled:
    """The function compiled in the way that `call` names; with `donate` its first argument's memory is taken over."""
    options = CUBLAS if call.endswith(ON_CUBLAS) else None
    made = jax.jit(function, donate_argnums=0 if donate else (), compiler_options=options)
    return _AheadOfTime(made) if AHEAD in call else made


class _AheadOfTime:
    """A program for each shape of what is fed, lowered and compiled when it is first seen.

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
