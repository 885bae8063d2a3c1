"""Drives JAX, for Flax and for Keras."""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, final

import jax
import jax.numpy as jnp

from bench.adapters.engines.base import Calls, Compiled, Engine, Peaks, Step, resolved
from bench.workload.axes import Scenario


def create() -> Engine:
    """The engine of this process."""
    return JaxEngine()


# For bfloat16 the default is right. "highest" keeps float32 matrix multiplications on a GPU from TF32.
MATMUL = {"fp64": "highest", "fp32": "highest", "tf32": "tensorfloat32", "bf16": "default"}

# Events of `jax.monitoring`: a program is traced, lowered, and compiled.
TRACING = ("/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration")
COMPILING = "/jax/core/compile/backend_compile_duration"
THREADS = "NPROC"  # XLA reads the number of its threads from this variable; without it, from the CPU affinity


@final
class JaxEngine:
    """See `Engine`."""

    device, precision = "cpu", ""
    loops_in_python = False

    def __init__(self) -> None:
        self.tracing, self.compiling = _Spans(), _Spans()
        self.calls: dict[Scenario, Calls] = {"training": Calls(), "inference": Calls()}
        jax.monitoring.register_event_time_span_listener(self._heard)

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set platform, precision and the threads of XLA."""
        os.environ[THREADS] = str(threads)
        jax.config.update("jax_platforms", device)
        jax.config.update("jax_enable_x64", precision == "fp64")
        jax.config.update("jax_default_matmul_precision", MATMUL[precision])
        kept = resolved(precision, device=device, allows_tf32=precision == "tf32") if device != "cpu" else precision
        matmul = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined] # made at run time
        self.device, self.precision = device, f"{kept}, matmul precision {matmul}"

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """No options: those of JAX are set for each program."""
        return {}

    def choose(self, tuning: Mapping[str, str]) -> None:
        """Do nothing: there are no options."""

    def compile_once(self, folder: Path) -> None:
        """Keep compiled programs in this folder: two networks with equal steps are two programs for `jax.jit`."""
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        jax.config.update("jax_enable_compilation_cache", True)  # noqa: FBT003 (JAX's own)

    def wait(self, values: object) -> None:
        """Return when these arrays are computed: JAX returns them before."""
        jax.block_until_ready(values)

    def stateless(self, step: Step) -> Step | None:
        """The step under `jax.jit`, with the buffers of the state donated."""
        compiled: Step = jax.jit(step, donate_argnums=0)
        return compiled

    def traced(self, function: Step, scenario: Scenario) -> Step:
        """The function, with its calls counted; JAX reports the time of tracing.

        A call traces if its last argument, which has the batch, is a tracer. A compiled function is not called again.
        """
        calls = self.calls[scenario]

        @wraps(function)
        def counted(*arguments: Any) -> Any:  # noqa: ANN401 (a step's own)
            if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments[-1])):
                calls.traced += 1
            else:
                calls.direct += 1
            return function(*arguments)

        return counted

    def uncompiled(self, scenario: Scenario) -> str | None:
        """Not compiled if the Python code was called with values; with JAX_DISABLE_JIT this happens in every call."""
        is_disabled = jax.config.jax_disable_jit  # type: ignore[attr-defined] # made at run time
        return self.calls[scenario].uncompiled("JAX_DISABLE_JIT" if is_disabled else "")

    def compiled(self) -> Compiled:
        """The time in the events of `jax.monitoring`; tracing includes lowering."""
        return Compiled(self.tracing.total_ns(), self.compiling.total_ns())

    def _heard(self, event: str, start_time: float, end_time: float, **kwargs: str | int) -> None:  # noqa: ARG002 (JAX')
        if event in TRACING:
            self.tracing.add(start_time, end_time)
        elif event == COMPILING:
            self.compiling.add(start_time, end_time)

    def product(self, size: int, precision: str) -> Callable[[], jax.Array]:
        """A matrix multiplication by `jnp.matmul`."""
        dtype = jnp.bfloat16 if precision == "bf16" else jnp.float32
        left, right = (jax.random.normal(jax.random.key(number), (size, size), dtype) for number in (0, 1))
        multiply = jax.jit(jnp.matmul)
        return lambda: multiply(left, right)

    def stream(self, elements: int) -> Callable[[], jax.Array]:
        """An addition of a constant, into a new array."""
        values, add = jnp.zeros(elements, jnp.float32), jax.jit(lambda values: values + 1)
        return lambda: add(values)

    def reading(self, elements: int) -> Callable[[], jax.Array]:
        """A sum by `jnp.sum`."""
        values, add_up = jnp.zeros(elements, jnp.float32), jax.jit(jnp.sum)
        return lambda: add_up(values)

    def peak_memory_bytes(self) -> Peaks:
        """The allocator's `peak_bytes_in_use` and `peak_pool_bytes`; None on a CPU."""
        found = jax.devices()[0].memory_stats() or {}
        return Peaks(allocated=found.get("peak_bytes_in_use"), reserved=found.get("peak_pool_bytes"))

    def account(self, call: Callable[[], object]) -> dict[str, int]:  # noqa: ARG002 (XLA plans memory when it compiles)
        """Memory by all live arrays, by results and temporaries of the largest program, and the rest in use.

        The plan of each compiled program says how large results and temporaries are. Results count only if they do not
        reuse the memory of arguments. The rest is rounding by the allocator, and memory that no array holds.
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
        """The CPU, and the GPUs that JAX finds."""
        return ["cpu", *(f"cuda:{gpu.id} {gpu.device_kind}" for gpu in jax.devices() if gpu.platform == "gpu")]

    def versions(self) -> dict[str, str]:
        """The version of JAX."""
        return {"jax": jax.__version__}


class _Spans:
    """Time spans, added when they end; a span that lies within a later one is counted only once."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, float]] = []

    def add(self, start_s: float, end_s: float) -> None:
        while self.kept and self.kept[-1][0] >= start_s:
            self.kept.pop()
        self.kept.append((start_s, end_s))

    def total_ns(self) -> int:
        return round(sum(end_s - start_s for start_s, end_s in self.kept) * 1e9)
