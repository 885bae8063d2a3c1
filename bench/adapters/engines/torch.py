"""torch, below PyTorch's own models and below Keras."""

from collections.abc import Callable
from typing import final

import torch
from torch._dynamo.utils import compile_times  # its documentation names it there

from bench.adapters.engines.base import Compiled, Engine, Peaks, Step

# The phases of a compilation, as torch names them: the backward pass is compiled when it is first needed.
WHOLE, INDUCTOR = ("_compile.compile_inner", "backward._backward_impl"), "compile_fx_inner"


def create() -> Engine:
    """The engine of this process."""
    return TorchEngine()


@final
class TorchEngine:
    """See `Engine`."""

    device, precision = "cpu", ""

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set threads, and TF32 on or off. Whoever builds the model puts it on the device."""
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        self.device, self.precision = device, precision

    def wait(self, values: object) -> None:  # noqa: ARG002 (a stream has one order, so everything before now is done)
        """Return when the device has nothing left to do; a CPU never has."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def stateless(self, step: Step) -> Step | None:  # noqa: ARG002 (the protocol)
        """None: variables are changed in place."""
        return None

    def traced(self, function: Step) -> Step:
        """As it is: torch counts by itself."""
        return function

    def compiled(self) -> Compiled:
        """By `torch._dynamo.utils.compile_times`: the whole compilation, and Inductor's part in it."""
        phases, seconds = compile_times(repr="csv", aggregate=True)
        spent = {str(phase): float(str(second)) for phase, second in zip(phases, seconds, strict=True)}
        whole, inductor = sum(spent.get(phase, 0.0) for phase in WHOLE), spent.get(INDUCTOR, 0.0)
        return Compiled(round(max(0.0, whole - inductor) * 1e9), round(inductor * 1e9))

    def product(self, size: int, precision: str) -> Callable[[], torch.Tensor]:
        """`torch.mm` into a matrix that is there."""
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        left, right = (torch.randn(size, size, device=self.device).to(dtype) for _ in range(2))
        result = torch.empty_like(left)
        return lambda: torch.mm(left, right, out=result)

    def stream(self, elements: int) -> Callable[[], torch.Tensor]:
        """`torch.add` into an array that is there."""
        values = torch.zeros(elements, device=self.device)
        result = torch.empty_like(values)
        return lambda: torch.add(values, 1, out=result)

    def peak_memory_bytes(self) -> Peaks:
        """`torch.cuda.max_memory_allocated` and `max_memory_reserved`; a CPU has no such figures."""
        if self.device == "cpu":
            return Peaks()
        return Peaks(allocated=torch.cuda.max_memory_allocated(), reserved=torch.cuda.max_memory_reserved())

    def devices(self) -> list[str]:
        """The CPU and the GPUs that CUDA shows."""
        gpus = range(torch.cuda.device_count())
        return ["cpu", *(f"cuda:{number} {torch.cuda.get_device_name(number)}" for number in gpus)]

    def versions(self) -> dict[str, str]:
        """PyTorch, and CUDA where it was built with it."""
        return {"torch": torch.__version__} | ({"cuda": torch.version.cuda} if torch.version.cuda else {})
