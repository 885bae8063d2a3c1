"""Drives torch, for PyTorch's own models and for Keras."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import torch
import torch._dynamo.config
from torch._dynamo.utils import compile_times, counters  # its documentation names them there

from bench import cache
from bench.adapters.engines.base import Compiled, Engine, Peaks, Step, resolved
from bench.workload.axes import Scenario

# The phases of a compilation by torch's names; the backward pass is compiled when it is first needed.
WHOLE, INDUCTOR = ("_compile.compile_inner", "backward._backward_impl"), "compile_fx_inner"

PROGRAMS = 64  # the most compiled programs of one function; a process times fewer shapes
MOST_EVENTS = 100_000  # of an allocator, in one call
# What memory is for at the peak of a call.
PASSES = HELD, WORKSPACE, FORWARD, BACKWARD, OPTIMIZER = (
    "held before",
    "workspace of cuBLAS",
    "forward pass",
    "backward pass",
    "optimizer",
)
DISABLING = ("TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE")
CACHE, APART = "TORCHINDUCTOR_CACHE_DIR", "without-onednn"
OPTIMIZERS = ("torch/optim/", "keras/src/optimizers/")


def create() -> Engine:
    """The engine of this process."""
    return TorchEngine()


@final
class TorchEngine:
    """See `Engine`."""

    device, precision = "cpu", ""
    loops_in_python = True

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set threads, and TF32 on or off; the adapter moves models and tensors to the device."""
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        # Each input shape is compiled. By default Dynamo silently falls back to eager after eight recompilations.
        torch._dynamo.config.recompile_limit = PROGRAMS  # noqa: SLF001 (documented under this name)
        torch._dynamo.config.fail_on_recompile_limit_hit = True  # noqa: SLF001 (the same)
        torch._dynamo.config.suppress_errors = False  # noqa: SLF001 (documented; else what fails to compile is eager)
        is_tf32 = torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32
        self.device, self.precision = device, resolved(precision, device=device, allows_tf32=is_tf32)

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """On a CPU, whether oneDNN is used; else torch's own operations compute."""
        return {"onednn": ("on", "off")} if self.device == "cpu" else {}

    def choose(self, tuning: Mapping[str, str]) -> None:
        """Set `torch.backends.mkldnn`; code compiled without oneDNN has a compilation cache of its own.

        The shared cache does not distinguish code that was compiled with and without oneDNN, although the two expect
        different strides.
        """
        enabled = tuning.get("onednn") != "off"
        torch.backends.mkldnn.enabled = enabled  # type: ignore[assignment] # a property
        shared = Path(os.environ.get(CACHE) or cache.folder() / "inductor")
        if enabled == (shared.name == APART):
            os.environ[CACHE] = str(shared.parent if enabled else shared / APART)

    def compile_once(self, folder: Path) -> None:
        """Do nothing: a variable names the folder of its compiled programs."""

    def wait(self, values: object) -> None:  # noqa: ARG002 (a CUDA stream computes in order)
        """Return when the device has finished all its work; on a CPU each call has already finished."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def stateless(self, step: Step) -> Step | None:  # noqa: ARG002 (the protocol)
        """None: variables are changed in place."""
        return None

    def traced(self, function: Step, scenario: Scenario) -> Step:  # noqa: ARG002 (the protocol)
        """The function itself: torch reports the time of tracing, and how many programs it made."""
        return function

    def uncompiled(self, scenario: Scenario) -> str | None:  # noqa: ARG002 (programs are counted for the process)
        """Not compiled if Dynamo has made no program in this process, as when a variable of the shell disables it."""
        if counters["stats"]["unique_graphs"]:
            return None
        return ", ".join(name for name in DISABLING if os.environ.get(name) == "1") or "reason unknown"

    def compiled(self) -> Compiled:
        """The times in `torch._dynamo.utils.compile_times`: Inductor compiles, the rest is tracing."""
        phases, seconds = compile_times(repr="csv", aggregate=True)
        spent = {str(phase): float(str(second)) for phase, second in zip(phases, seconds, strict=True)}
        whole, inductor = sum(spent.get(phase, 0.0) for phase in WHOLE), spent.get(INDUCTOR, 0.0)
        return Compiled(round(max(0.0, whole - inductor) * 1e9), round(inductor * 1e9))

    def product(self, size: int, precision: str) -> Callable[[], torch.Tensor]:
        """A matrix multiplication by `torch.mm`, into an existing matrix."""
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        left, right = (torch.randn(size, size, device=self.device).to(dtype) for _ in range(2))
        result = torch.empty_like(left)
        return lambda: torch.mm(left, right, out=result)

    def stream(self, elements: int) -> Callable[[], torch.Tensor]:
        """An addition of a constant by `torch.add`, into an existing array."""
        values = torch.zeros(elements, device=self.device)
        result = torch.empty_like(values)
        return lambda: torch.add(values, 1, out=result)

    def reading(self, elements: int) -> Callable[[], torch.Tensor]:
        """A sum by `torch.sum`."""
        values = torch.zeros(elements, device=self.device)
        return lambda: torch.sum(values)

    def peak_memory_bytes(self) -> Peaks:
        """`torch.cuda.max_memory_allocated` and `max_memory_reserved`; None on a CPU."""
        if self.device == "cpu":
            return Peaks()
        return Peaks(allocated=torch.cuda.max_memory_allocated(), reserved=torch.cuda.max_memory_reserved())

    def account(self, call: Callable[[], object]) -> dict[str, int]:
        """Memory by the allocator's history of one call, and the workspace of cuBLAS.

        https://docs.pytorch.org/docs/stable/torch_cuda_memory.html,
        https://docs.pytorch.org/docs/stable/notes/cuda.html#cublas-workspaces
        """
        if self.device == "cpu":
            return {}
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.memory._record_memory_history(stacks="python", max_entries=MOST_EVENTS)  # noqa: SLF001 (documented)
        try:
            call()
            torch.cuda.synchronize()
            events = torch.cuda.memory._snapshot()["device_traces"][torch.cuda.current_device()]  # noqa: SLF001 (the same)
        finally:
            torch.cuda.memory._record_memory_history(enabled=None)  # noqa: SLF001 (the same)
        if len(events) >= MOST_EVENTS:  # the first events are lost
            return {}
        after = torch.cuda.memory_allocated()
        torch._C._cuda_clearCublasWorkspaces()  # noqa: SLF001 (the same)
        return accounted(events, held=before, workspace=after - torch.cuda.memory_allocated())

    def devices(self) -> list[str]:
        """The CPU, and the GPUs that CUDA finds."""
        gpus = range(torch.cuda.device_count())
        return ["cpu", *(f"cuda:{number} {torch.cuda.get_device_name(number)}" for number in gpus)]

    def versions(self) -> dict[str, str]:
        """The versions of PyTorch, and of CUDA if PyTorch was built with it."""
        return {"torch": torch.__version__} | ({"cuda": torch.version.cuda} if torch.version.cuda else {})


def accounted(events: Iterable[Mapping[str, Any]], *, held: int, workspace: int) -> dict[str, int]:
    """The bytes allocated at the peak of a call, by the pass that allocated them.

    `events` are the allocator's events in order: `action`, `addr`, `size`, and the Python `frames` of the caller,
    innermost first. `held` bytes were allocated before the call, `workspace` of them for cuBLAS. Memory that the call
    frees but did not allocate was held before, such as the gradients of the previous step. The backward pass runs in a
    C++ thread, so its events have no frames.
    """
    live: dict[int, tuple[str, int]] = {}
    now: Counter[str] = Counter({HELD: held - workspace, WORKSPACE: workspace})
    most = now.copy()
    for event in events:
        if event["action"] == "alloc":
            part, size = _pass(event.get("frames", ())), event["size"]
            live[event["addr"]] = part, size
            now[part] += size
            if now.total() > most.total():
                most = now.copy()
        elif event["action"] == "free_completed":
            part, size = live.pop(event["addr"], (HELD, event["size"]))
            now[part] -= size
    return {part: most[part] for part in PASSES if most[part]}


def _pass(frames: Sequence[Mapping[str, Any]]) -> str:
    """The pass of a step that allocated memory, by the functions on the stack."""
    if not frames or any("backward" in frame["name"] for frame in frames):
        return BACKWARD
    is_update = any(place in frame["filename"] for frame in frames for place in OPTIMIZERS)
    return OPTIMIZER if is_update else FORWARD
