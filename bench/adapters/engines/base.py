"""Defines the interface to a library that computes: TensorFlow, JAX or torch, below Keras, PyTorch or Flax.

The module of an engine has a function `create() -> Engine`. Importing the module imports the library, but initialises
no device.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

Step = Callable[..., Any]


class Peaks(NamedTuple):
    """The peaks of an allocator in bytes: memory in use, and memory that the allocator reserved on the device.

    None where the library does not report it.
    """

    allocated: int | None = None
    reserved: int | None = None


class Compiled(NamedTuple):
    """Nanoseconds spent on tracing programs and on compiling them; None where the library does not report it."""

    trace_ns: int = 0
    compile_ns: int | None = 0


class Engine(Protocol):
    """One library on one `device`, "cpu" or "cuda"; `precision` describes the arithmetic that is not in bfloat16.

    If `loops_in_python`, recurrences are Python loops, so that there is nothing to unroll.
    """

    device: str
    precision: str
    loops_in_python: bool

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set device, precision and threads of this process, as in `Adapter.configure`."""

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The library's own public options on this device, as in `Adapter.choices`."""

    def choose(self, tuning: Mapping[str, str]) -> None:
        """Set those of the `choices` that are in `tuning`, and the others to their defaults."""

    def wait(self, values: object) -> None:
        """Return when these arrays, in lists and tuples of any depth, are computed."""

    def stateless(self, step: Step) -> Step | None:
        """A compiled step of Keras that takes the state and returns it; None if steps change variables in place."""

    def traced(self, function: Step) -> Step:
        """The function, wrapped if needed so that the time of tracing it is counted; it is called only to be traced."""

    def compiled(self) -> Compiled:
        """The time that this process has spent on tracing and compiling so far."""

    def product(self, size: int, precision: str) -> Callable[[], Any]:
        """A function that multiplies two square matrices with `size` rows in this precision, without waiting."""

    def stream(self, elements: int) -> Callable[[], Any]:
        """A function that reads `elements` float32 numbers and writes them to another array, without waiting."""

    def reading(self, elements: int) -> Callable[[], Any]:
        """A function that reads `elements` float32 numbers and adds them up, without waiting."""

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of the allocator on the device since the process began."""

    def account(self, call: Callable[[], object]) -> dict[str, int]:
        """The bytes of device memory at the peak of a call, by what they are for, as the library accounts for them.

        Empty on a CPU, and where the library does not report it. The call has been made before; it may be made once
        more here to find out.
        """

    def devices(self) -> list[str]:
        """The devices that the library sees, such as `cpu` or `cuda:0 NVIDIA H200`."""

    def versions(self) -> dict[str, str]:
        """The version of the library, and of what it was built with if that decides how fast it is."""
