"""What a library that computes is asked for: TensorFlow, JAX or torch, below Keras or below a framework of its own.

An engine's module offers `create() -> Engine`. Importing the module imports the library and initialises nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

Step = Callable[..., Any]


class Peaks(NamedTuple):
    """The peaks of an allocator in bytes: what was in use, and what it had taken from the device to give it out.

    None where the library does not say.
    """

    allocated: int | None = None
    reserved: int | None = None


class Compiled(NamedTuple):
    """Nanoseconds that were spent on tracing programs, and on compiling them: None where the library does not say."""

    trace_ns: int = 0
    compile_ns: int | None = 0


class Engine(Protocol):
    """One library on one `device`, cpu or cuda; `precision` says how it computes what is not in bfloat16.

    Where `loops_in_python` its recurrences are loops of Python's anyway: there is nothing to unroll.
    """

    device: str
    precision: str
    loops_in_python: bool

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set device, precision and threads of this process, as in `Adapter.configure`."""

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The library's own public options on this device, as in `Adapter.choices`."""

    def choose(self, tuning: Mapping[str, str]) -> None:
        """Set those of them that are among these options, and the others as they usually are."""

    def wait(self, values: object) -> None:
        """Return when these arrays, in whatever lists and tuples, are computed."""

    def stateless(self, step: Step) -> Step | None:
        """A step of Keras that takes the state and returns it, compiled; None where steps keep their state."""

    def traced(self, function: Step) -> Step:
        """The function, which is called for nothing but to be traced, so that tracing can be counted."""

    def compiled(self) -> Compiled:
        """What this process has spent on compiling so far."""

    def product(self, size: int, precision: str) -> Callable[[], Any]:
        """The product of two square matrices with so many rows, in this precision; not waited for."""

    def stream(self, elements: int) -> Callable[[], Any]:
        """So many float32 numbers, read and written somewhere else; not waited for."""

    def reading(self, elements: int) -> Callable[[], Any]:
        """So many float32 numbers, read and added up; not waited for."""

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of the allocator on the device since the process began."""

    def account(self, call: Callable[[], object]) -> dict[str, int]:
        """What the device's memory is for when a call that was made before needs most, by the library's own account.

        In bytes by what it is for; empty on a CPU, and where the library does not say. `call` is made once more where
        that is how to find out.
        """

    def devices(self) -> list[str]:
        """What the library sees: `cpu`, `cuda:0 NVIDIA H200`."""

    def versions(self) -> dict[str, str]:
        """The library and what it was built with, where that decides how fast it is."""
