"""JAX."""

from typing import final

import jax

from bench.adapters.engines.base import Engine, Step


def create() -> Engine:
    """The engine of this process."""
    return JaxEngine()


@final
class JaxEngine:
    """See `Engine`."""

    def configure(self, *, device: str, precision: str, threads: int) -> None:  # noqa: ARG002 (threads: by affinity)
        """Set platform and precision; XLA takes its threads from the process's CPU affinity."""
        jax.config.update("jax_platforms", device)
        jax.config.update("jax_enable_x64", precision == "fp64")
        jax.config.update("jax_default_matmul_precision", "highest")

    def wait(self, values: object) -> None:
        """Return when these arrays are there: JAX hands them out before."""
        jax.block_until_ready(values)

    def stateless(self, step: Step) -> Step | None:
        """Under `jax.jit`, which takes over the memory of the state."""
        compiled: Step = jax.jit(step, donate_argnums=0)
        return compiled

    def peak_memory_bytes(self) -> int | None:
        """The allocator's `peak_bytes_in_use`; a CPU has no such figure."""
        statistics = jax.devices()[0].memory_stats()
        return statistics.get("peak_bytes_in_use") if statistics else None

    def devices(self) -> list[str]:
        """The CPU and the GPUs that JAX finds."""
        return ["cpu", *(f"cuda:{gpu.id} {gpu.device_kind}" for gpu in jax.devices() if gpu.platform == "gpu")]

    def versions(self) -> dict[str, str]:
        """JAX."""
        return {"jax": jax.__version__}
