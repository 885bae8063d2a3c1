"""Drives PyTorch: an eager loop with a plain optimizer, `inference_mode` for inference.

Tuned: a fused optimizer, `torch.compile` of the model or of the whole step, channels last, oneDNN on or off.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import final

import numpy as np
import torch
import torch._dynamo  # else the first optimizer imports it, which costs every process one second and 80 MB
from torch import Tensor, nn

from bench.adapters.base import (
    IDIOMATIC,
    NO_FACTS,
    Adapter,
    Batch,
    Facts,
    HostBatch,
    Loss,
    Model,
    check,
    parts,
    step_by_step,
)
from bench.adapters.data_parallel.base import DataParallel
from bench.adapters.data_parallel.pytorch import Leader, Member
from bench.adapters.engines.base import Engine, Peaks
from bench.adapters.engines.execution import EAGER, Execution, Form
from bench.adapters.engines.torch import TorchEngine
from bench.adapters.losses import pytorch as losses
from bench.adapters.optimizers import pytorch as optimizers
from bench.errors import UnavailableError
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Recipe, penalties

STATE = "model.safetensors"


def create() -> Adapter:
    """The adapter of this process."""
    return PyTorchAdapter()


IMAGE = 3  # axes of a sample: height, width, channels
SAFE_CHANNELS = 8  # see _check_memory
WHOLE = "whole step"  # a value of the option `compile`: forward pass, backward pass and optimizer in one function


@final
class PyTorchAdapter:
    """See `Adapter`."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor, Tensor], Tensor]
    device: torch.device
    call: Callable[..., Tensor]
    learn: Callable[..., Tensor]  # the same, or with gradients that are averaged over several devices
    step: Callable[[Tensor, Tensor], Tensor]
    steps_per_call = 1

    def __init__(self) -> None:
        self.engine: Engine = TorchEngine()
        self.execution = Execution(self.engine)
        self.channels_last = False
        self.parallel: DataParallel | None = None
        self.leader: Leader | None = None
        self.member: Member | None = None

    def configure(self, *, device: str, precision: str, threads: int, devices: int = 1) -> None:
        """Set up torch; `prepare` and `put` move models and tensors to the device."""
        if devices > 1:
            beside = partial(_beside, device=device, precision=precision, threads=threads)
            self.parallel = self.leader = Leader(devices, device=device, threads=threads, make=beside)
            self.member = self.leader.member
        self.engine.configure(device=device, precision=precision, threads=threads)
        # A compiled Adam computes its bias correction in the default dtype, an eager one in Python's float.
        torch.set_default_dtype(torch.float64 if precision == "fp64" else torch.float32)
        self.precision, self.device = precision, torch.device(device)
        self.is_mixed = precision == "bf16"

    def build_options(self) -> Mapping[str, str]:
        """No options: `torch.autocast` chooses the dtype of each operation when it runs."""
        return {}

    def choices(
        self,
        scenario: Scenario,
        *,
        input_shape: tuple[int, ...],
        forms: Collection[str],  # noqa: ARG002 (the interface)
    ) -> Mapping[str, tuple[str, ...]]:
        """`torch.compile`, memory format, on a CPU oneDNN, and for training the implementation of the optimizer."""
        graphs = ("reduce-overhead", "max-autotune") if self.device.type == "cuda" else ()
        found: dict[str, tuple[str, ...]] = {"compile": ("off", "default", *graphs)}
        if len(input_shape) == IMAGE:
            found["memory_format"] = ("contiguous", "channels_last")
        found |= self.engine.choices()
        if scenario == "training":
            found["compile"] = (*found["compile"], WHOLE)
            found["optimizer"] = ("default", "fused")
        return found

    def prepare(
        self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC, facts: Facts = NO_FACTS
    ) -> None:
        """Move the model to the device and make its optimizer."""
        check(recipe, facts)
        self.implementation = tuning.get("optimizer", "default")
        if self.leader is not None:
            self.leader.prepare(model, recipe, facts)
        self.model = model.to(self.device)
        self.channels_last = tuning.get("memory_format") == "channels_last"
        if self.channels_last:
            _check_memory(self.model, self.device)
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # its stub forgets this form
        self.engine.choose(tuning)
        self.compiled = tuning.get("compile", "off")
        self.call = self.model
        if self.compiled not in {"off", WHOLE}:
            self.call = torch.compile(self.model, mode=self.compiled, dynamic=False)
        devices = self.leader or self.member
        self.learn = self.call if devices is None else devices.wrap(self.model)
        self.trainable = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.clipping, self.accumulation = recipe.clipping, recipe.accumulation
        kernels = facts.kernels(model) if facts.kernels else {}
        penalised = {name: (factor, kernels[name]) for name, factor in penalties(recipe, kernels).items()}
        self.loss = losses.training_loss(recipe, facts.class_weights, penalised)
        self._optimize(recipe, facts)
        if self.compiled == WHOLE and self.accumulation > 1:
            raise UnavailableError("torch.compile cannot compile a step with several backward passes (accumulation)")
        step = self._step if self.accumulation == 1 else self._accumulated_step
        self.step = torch.compile(step, dynamic=False) if self.compiled == WHOLE else step

    def _optimize(self, recipe: Recipe, facts: Facts) -> None:
        """Make the optimizer, and a scheduler for a recipe with a schedule.

        A rate that changes is a tensor where the step is compiled, since a new number would compile it again.
        """
        fused = self.implementation == "fused" or None
        rate = None if facts.rates is None else torch.tensor(1.0) if self.compiled == WHOLE else 1.0
        self.optimizer = optimizers.optimizer(recipe.optimizer, self.trainable, rate=rate, fused=fused)
        self.scheduler = None if facts.rates is None else optimizers.scheduler(self.optimizer, facts.rates)

    def settle(self) -> None:
        """Do nothing: the model is trained in place."""

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Tensors on the device; images have shape (batch, channels, height, width)."""
        if self.leader is not None and targets is not None:
            inputs, targets = self.leader.split(inputs, targets)
        if inputs.ndim == 4:  # noqa: PLR2004 (batch, height, width, channels)
            inputs = inputs.transpose(0, 3, 1, 2)  # in memory, channels are still last
            # `ascontiguousarray` would not copy images with one channel. By their strides torch would then take them
            # for channels last, and compute all layers in that format.
            inputs = inputs if self.channels_last else inputs.copy()
        placed = torch.as_tensor(inputs, device=self.device)
        if self.leader is not None and targets is not None:
            self.leader.remember(placed)
        return placed if targets is None else (placed, torch.as_tensor(targets, device=self.device))

    def train(self, batches: Iterable[Batch]) -> list[Tensor]:
        """One optimizer step for each batch."""
        self.execution.trained = True
        if not self.model.training:
            self.model.train()
        if self.leader is None:
            return self._steps(batches)
        batches = list(batches)
        with self.leader.training([inputs for inputs, _ in batches]):
            return self._steps(batches)

    def _steps(self, batches: Iterable[Batch]) -> list[Tensor]:
        if self.scheduler is None:
            return [self.step(inputs, targets) for inputs, targets in batches]
        found = []
        for inputs, targets in batches:
            found.append(self.step(inputs, targets))
            self.scheduler.step()
        return found

    def _step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.loss(self._logits(self.learn, inputs), targets)
        loss.backward()
        if self.clipping:
            optimizers.clip(self.trainable, self.clipping)
        self.optimizer.step()
        return loss.detach()

    def _accumulated_step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """A step whose gradients are added up over the parts of the batch; each loss is divided by their number.

        Several devices exchange the gradients once, in the last part.
        """
        self.optimizer.zero_grad()
        *first, last = parts((inputs, targets), self.accumulation)
        with nullcontext() if self.member is None else self.member.adding_up():
            found = [self._part(*part) for part in first]
        found.append(self._part(*last))
        if self.clipping:
            optimizers.clip(self.trainable, self.clipping)
        self.optimizer.step()
        return torch.stack(found).sum()

    def _part(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = self.loss(self._logits(self.learn, inputs), targets)
        loss.backward()
        return loss.detach()

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """One optimizer step for each batch, by the same loop as `train`."""
        return step_by_step(self, batches)

    def predict(self, inputs: Tensor) -> Tensor:
        """The logits of one query; where the whole step is compiled, the model answers eagerly."""
        self.execution.predicted = True
        if self.model.training:
            self.model.eval()
        with torch.inference_mode():
            return self._logits(self.call, inputs)

    def _logits(self, call: Callable[..., Tensor], inputs: Tensor) -> Tensor:
        if not self.is_mixed:
            return call(inputs)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = call(inputs)
        return logits.float()

    def wait(self, result: object) -> None:
        """Return when the device has finished all its work, which includes the parameters."""
        if self.leader is not None and isinstance(result, list):
            self.leader.wait()  # first, since this device could wait in vain for one that has failed
        self.engine.wait(result)

    def save(self, model: Model, folder: Path) -> None:
        """Write the `state_dict` in safetensors."""
        _safetensors().save_file(model.state_dict(), folder / STATE)

    def load(self, model: Model, folder: Path) -> Model:
        """The same model with the `state_dict` of the file."""
        model.load_state_dict(_safetensors().load_file(folder / STATE))
        return model

    def to_numpy(self, array: Tensor) -> np.ndarray:
        """A copy in host memory."""
        return array.detach().cpu().numpy().copy()

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of torch's allocator."""
        return self.engine.peak_memory_bytes()

    def devices(self) -> list[str]:
        """The CPU, and the GPUs that CUDA finds."""
        return self.engine.devices()

    def versions(self) -> dict[str, str]:
        """The versions of PyTorch, and of CUDA if PyTorch was built with it."""
        return self.engine.versions()

    def settings(self) -> dict[str, str]:
        """Eager or compiled, the implementation of the optimizer, precision and threads."""
        return self.execution.settings(*self._forms()) | {
            "optimizer": f"torch.optim.{type(self.optimizer).__name__}, {self.implementation} implementation",
            "precision": "torch.autocast to bfloat16" if self.is_mixed else self.engine.precision,
            "threads": str(torch.get_num_threads()),
        }

    def uncompiled(self) -> str | None:
        """What `torch.compile` got and did not compile."""
        return self.execution.uncompiled(*self._forms())

    def _forms(self) -> tuple[Form, Form]:
        """How steps and queries are called."""
        compiled = Form("torch.compile")
        step = {"off": EAGER, WHOLE: Form("torch.compile of the whole step")}.get(self.compiled, compiled)
        query = EAGER if self.compiled in {"off", WHOLE} else compiled
        return step, query._replace(function=f"{query.function}, inference_mode")


def _beside(member: Member, *, device: str, precision: str, threads: int) -> Adapter:
    """The adapter of another process of a data parallel training."""
    adapter = PyTorchAdapter()
    adapter.member = member
    adapter.configure(device=device, precision=precision, threads=threads)
    return adapter


def _check_memory(model: nn.Module, device: torch.device) -> None:
    """Raise UnavailableError for a convolution whose gradient PyTorch 2.13 writes outside its memory, on a CPU.

    It was seen in float32 with channels last, a kernel of 1×1, strides, and 1 to 7 channels.
    """
    for layer in model.modules() if device.type == "cpu" else ():
        if not isinstance(layer, nn.Conv2d) or layer.kernel_size != (1, 1) or layer.groups > 1:
            continue
        if max(layer.stride) > 1 and layer.in_channels < SAFE_CHANNELS:
            raise UnavailableError(
                "on a CPU, PyTorch damages its memory in a convolution of 1x1 with strides and "
                f"{layer.in_channels} channels, if channels come last; it needs {SAFE_CHANNELS} channels"
            )


def _safetensors() -> ModuleType:
    try:
        import safetensors.torch
    except ImportError as error:
        raise UnavailableError("safetensors is not installed: pip install 'levelfield[pytorch]'") from error
    return safetensors.torch
