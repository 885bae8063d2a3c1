"""JAX."""

from collections.abc import Callable, Mapping
from typing import final

import jax
import jax.numpy as jnp

from bench.adapters.engines.base import Compiled, Engine, Peaks, Step


def create() -> Engine:
    """The engine of this process."""
    return JaxEngine()


# Products of bfloat16 need nothing more than the default; "highest" keeps those of float32 from TF32 on a GPU.
MATMUL = {"fp64": "highest", "fp32": "highest", "tf32": "tensorfloat32", "bf16": "default"}

# What JAX tells to whoever listens: a program is traced, lowered, and compiled.
TRACING = ("/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration")
COMPILING = "/jax/core/compile/backend_compile_duration"


@final
class JaxEngine:
    """See `Engine`."""

    device, precision = "cpu", ""
    loops_in_python = False

    def __init__(self) -> None:
        self.tracing, self.compiling = _Spans(), _Spans()
        jax.monitoring.register_event_time_span_listener(self._heard)

    def configure(self, *, device: str, precision: str, threads: int) -> None:  # noqa: ARG002 (threads: by affinity)
        """Set platform and precision; XLA takes its threads from the process's CPU affinity."""
        jax.config.update("jax_platforms", device)
        jax.config.update("jax_enable_x64", precision == "fp64")
        matmul = MATMUL[precision]
        jax.config.update("jax_default_matmul_precision", matmul)
        self.device, self.precision = device, f"{precision}, matmul precision {matmul}"

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """None: what there is has to be chosen for each program."""
        return {}

    def choose(self, tuning: Mapping[str, str]) -> None:
        """Nothing to do."""

    def wait(self, values: object) -> None:
        """Return when these arrays are there: JAX hands them out before."""
        jax.block_until_ready(values)

    def stateless(self, step: Step) -> Step | None:
        """Under `jax.jit`, which takes over the memory of the state."""
        compiled: Step = jax.jit(step, donate_argnums=0)
        return compiled

    def traced(self, function: Step) -> Step:
        """As it is: JAX counts by itself."""
        return function

    def compiled(self) -> Compiled:
        """By the events of `jax.monitoring`; tracing includes lowering."""
        return Compiled(self.tracing.total_ns(), self.compiling.total_ns())

    def _heard(self, event: str, start_time: float, end_time: float, **kwargs: str | int) -> None:  # noqa: ARG002 (JAX')
        if event in TRACING:
            self.tracing.add(start_time, end_time)
        elif event == COMPILING:
            self.compiling.add(start_time, end_time)

    def product(self, size: int, precision: str) -> Callable[[], jax.Array]:
        """`jnp.matmul`."""
        dtype = jnp.bfloat16 if precision == "bf16" else jnp.float32
        left, right = (jax.random.normal(jax.random.key(number), (size, size), dtype) for number in (0, 1))
        multiply = jax.jit(jnp.matmul)
        return lambda: multiply(left, right)

    def stream(self, elements: int) -> Callable[[], jax.Array]:
        """A sum with a number."""
        values, add = jnp.zeros(elements, jnp.float32), jax.jit(lambda values: values + 1)
        return lambda: add(values)

    def reading(self, elements: int) -> Callable[[], jax.Array]:
        """`jnp.sum`."""
        values, add_up = jnp.zeros(elements, jnp.float32), jax.jit(jnp.sum)
        return lambda: add_up(values)

    def peak_memory_bytes(self) -> Peaks:
        """The allocator's `peak_bytes_in_use` and `peak_pool_bytes`; a CPU has no such figures."""
        found = jax.devices()[0].memory_stats() or {}
        return Peaks(allocated=found.get("peak_bytes_in_use"), reserved=found.get("peak_pool_bytes"))

    def account(self, call: Callable[[], object]) -> dict[str, int]:  # noqa: ARG002 (XLA planned it beforehand)
        """By the plan of the program that needs most of all, the arrays that there are, and what else is in use.

        What a program returns is beside its arguments where it may not take over their memory. The rest is what the
        allocator rounds up, and whatever nobody holds as an array.
        """
        (device,) = jax.local_devices()
        found = device.memory_stats()
        if not found:
            return {}
        plans = [program.get_compiled_memory_stats() for program in device.client.live_executables()]
        results, temporaries = max(
            ((plan.output_size_in_bytes - plan.alias_size_in_bytes, plan.temp_size_in_bytes) for plan in plans),
            key=sum,
            default=(0, 0),
        )
        arrays = sum(array.nbytes for array in jax.live_arrays())
        rest = max(0, found["bytes_in_use"] - arrays)
        return {"arrays": arrays, "results": results, "temporaries": temporaries, "rounding and the rest": rest}

    def devices(self) -> list[str]:
        """The CPU and the GPUs that JAX finds."""
        return ["cpu", *(f"cuda:{gpu.id} {gpu.device_kind}" for gpu in jax.devices() if gpu.platform == "gpu")]

    def versions(self) -> dict[str, str]:
        """JAX."""
        return {"jax": jax.__version__}


class _Spans:
    """Stretches of time, told when they end: what lies within a later one is part of it and counts once."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, float]] = []

    def add(self, start_s: float, end_s: float) -> None:
        while self.kept and self.kept[-1][0] >= start_s:
            self.kept.pop()
        self.kept.append((start_s, end_s))

    def total_ns(self) -> int:
        return round(sum(end_s - start_s for start_s, end_s in self.kept) * 1e9)
