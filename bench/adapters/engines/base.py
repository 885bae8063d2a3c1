"""What a library that computes is asked for: TensorFlow, JAX or torch, below Keras or below a framework of its own.

An engine's module offers `create() -> Engine`. Importing the module imports the library and initialises nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

Step = Callable[..., Any]


class Peaks(NamedTuple):
    """The peaks of an allocator in bytes: what was in use, and what it had taken from the device to give it out.

    None where the library does not say.
    """

    allocated: int | None = None
    reserved: int | None = None


class Engine(Protocol):
    """One library on one device; `precision` says how it computes what is not in bfloat16."""

    precision: str

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set device, precision and threads of this process, as in `Adapter.configure`."""

    def wait(self, values: object) -> None:
        """Return when these arrays, in whatever lists and tuples, are computed."""

    def stateless(self, step: Step) -> Step | None:
        """A step of Keras that takes the state and returns it, compiled; None where steps keep their state."""

    def product(self, size: int, precision: str) -> Callable[[], Any]:
        """The product of two square matrices with so many rows, in this precision; not waited for."""

    def stream(self, elements: int) -> Callable[[], Any]:
        """So many float32 numbers, read and written somewhere else; not waited for."""

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of the allocator on the device since the process began."""

    def devices(self) -> list[str]:
        """What the library sees: `cpu`, `cuda:0 NVIDIA H200`."""

    def versions(self) -> dict[str, str]:
        """The library and what it was built with, where that decides how fast it is."""
