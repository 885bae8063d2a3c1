"""Defines the interface to a library that computes: TensorFlow, JAX or torch, below Keras, PyTorch or Flax.

The module of an engine has a function `create() -> Engine`. Importing the module imports the library, but initialises
no device.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, final

from bench.workload.axes import Scenario

Step = Callable[..., Any]

# Variables of the shell by which NVIDIA's libraries and oneDNN compute float32 in another precision.
TF32_OVERRIDE, FPMATH = "NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE"


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


@final
@dataclass(slots=True)
class Calls:
    """How often the Python code of a step or a query was called to be traced, and how often it computed by itself."""

    traced: int = 0
    direct: int = 0

    def uncompiled(self, reason: str) -> str | None:
        """The reason if the code was not compiled, or not every time; None if it was."""
        return None if self.traced and not self.direct else reason or "reason unknown"


def resolved(precision: str, *, device: str, allows_tf32: bool) -> str:
    """The precision in which a library computes, by what it says and by variables that it reads from the shell."""
    if precision not in {"fp32", "tf32"}:
        return precision
    if device != "cpu":
        is_tf32 = {"0": False, "1": True}.get(os.environ.get(TF32_OVERRIDE, ""), allows_tf32)
        return "tf32" if is_tf32 else "fp32"
    mode = os.environ.get(FPMATH, "").upper()
    return precision if mode in {"", "STRICT"} else f"{precision}, in oneDNN {mode} ({FPMATH})"


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

    def compile_once(self, folder: Path) -> None:
        """Compile equal programs of this process once, where the library would do it again; `folder` keeps them."""

    def wait(self, values: object) -> None:
        """Return when these arrays, in lists and tuples of any depth, are computed."""

    def stateless(self, step: Step) -> Step | None:
        """A compiled step of Keras that takes the state and returns it; None if steps change variables in place."""

    def traced(self, function: Step, scenario: Scenario) -> Step:
        """The function of a scenario, wrapped if needed to note its calls and the time of tracing it.

        It should be called only to be traced; `uncompiled` says whether that was so.
        """

    def uncompiled(self, scenario: Scenario) -> str | None:
        """Why the functions of a scenario were not compiled; None if they were.

        The answer comes from what happened, so the functions must have been called before.
        """

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
