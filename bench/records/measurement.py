"""Defines what one process measured: raw timings, learning curves, memory, and the search for the largest batch.

Times are raw samples in nanoseconds (names end in `_ns`), memory is in bytes.
"""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.records.evaluation import Evaluation, stored
from bench.records.load import Loaded
from bench.records.machine_use import Use
from bench.workload.network_layers import Layer
from bench.workload.recipe import Band

Outcome = Literal["ok", "failed", "oom", "timeout", "diverged", "unavailable"]
Ended = Literal["interval", "time"]
Size = Annotated[int, Field(gt=0)]
SIDES = ("base", "head")  # the two runs of an interleaved comparison


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Boundary:
    """The parts of a call. Each part is waited for before the next one begins.

    Attributes:
        to_device_ns: Times in which one batch is copied from NumPy to the device.
        dispatch_ns: Times until the call returns to the host.
        compute_ns: Times from the return of the call until its result is ready.
        to_host_ns: Times in which the result is copied to NumPy.
    """

    to_device_ns: tuple[int, ...]
    dispatch_ns: tuple[int, ...]
    compute_ns: tuple[int, ...]
    to_host_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Compiling:
    """What the first three calls and the first round spent on compilation, as the library itself counts.

    Attributes:
        trace_ns: Time for tracing the code into programs, lowering included.
        compile_ns: Time for compiling the programs. None where the library does not count it: then it is part of the
            remaining time of those calls.
    """

    trace_ns: int
    compile_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Turns:
    """Two runs were timed in alternating slices. Slice by slice, the times of one belong to those of the other.

    Slices at the end that the other run does not have were timed alone.

    Attributes:
        session: The id that both runs share.
        synchronised_calls: Calls in each slice of single calls.
        pipelined_rounds: Rounds in each slice of pipelined rounds.
    """

    session: str
    synchronised_calls: Size
    pipelined_rounds: Size


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Parallel:
    """How several devices trained as one.

    Attributes:
        method: The framework's own way.
        together_ns: Times of rounds of steps in which the devices exchange their gradients. Each round has
            `iterations_per_round` steps, and one wait for the slowest device.
        apart_ns: Times of such rounds without the exchange, in turns with those above. Empty where the framework has no
            public way to leave it out.
        allocated_bytes: For each device, the peak of the bytes that the framework's allocator had allocated. None on
            CPUs.
        reserved_bytes: The same for the bytes that it had reserved.
    """

    method: str
    together_ns: tuple[int, ...] = ()
    apart_ns: tuple[int, ...] = ()
    allocated_bytes: tuple[int | None, ...] = ()
    reserved_bytes: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Block:
    """The raw timings of one batch size in one process.

    Attributes:
        batch_size: Samples in one call.
        call_ns: Times of the first three calls, with a wait after each. The first one compiles.
        warm_up_ns: Times of the calls after them, until times no longer fall. They are never averaged in.
        steady: Whether the times of the warm-up had settled when it ended.
        synchronised_ns: Times of single calls with a wait after each (latency).
        pipelined_ns: Times of rounds of `iterations_per_round` calls with one wait at the end (throughput).
        iterations_per_round: Calls in one round.
        cpu_ns: CPU time of all pipelined rounds. 0 where each device has a process of its own.
        wall_ns: Wall time of all pipelined rounds.
        checksum: The sum of the last outputs, or the last training loss, so that the work cannot be optimised away.
        synchronised_ended: Why single calls ended: `interval` (the interval of their median was narrow enough, or both
            of two interleaved runs knew enough) or `time` (the time was up).
        pipelined_ended: Why pipelined rounds ended, with the same words.
        boundary: The parts of a call, measured apart from all other timings.
        use: What the machine did meanwhile.
        turns: How the block was interleaved with a block of another run. None if it was timed alone.
        flops: Floating-point operations of one call.
        least_bytes: Bytes that one call has to read and write if nothing stays in a cache.
        held_bytes: Bytes that one call has to hold at once.
        first_round_ns: Time of the round before the pipelined ones, which may compile several calls into one program.
        compiling: What the first three calls and the first round spent on compilation.
        parallel: How several devices trained as one. None on one device.
    """

    batch_size: Size
    call_ns: tuple[int, ...]
    warm_up_ns: tuple[int, ...]
    steady: bool
    synchronised_ns: tuple[int, ...]
    pipelined_ns: tuple[int, ...]
    iterations_per_round: Size
    cpu_ns: int
    wall_ns: int
    checksum: float
    synchronised_ended: Ended = "time"
    pipelined_ended: Ended = "time"
    boundary: Boundary | None = None
    use: Use | None = None
    turns: Turns | None = None
    flops: int | None = None
    least_bytes: int | None = None
    held_bytes: int | None = None
    first_round_ns: int | None = None
    compiling: Compiling | None = None
    parallel: Parallel | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Epoch:
    """One epoch of training, and the evaluation after it. Losses are means over samples.

    Attributes:
        train_loss: The training loss during the epoch, while the weights changed.
        evaluation_loss: The loss on the evaluation data after the epoch.
        evaluation_quality: The target metric on the evaluation data after the epoch.
        train_ns: Wall time of the training steps.
        evaluation_ns: Wall time of the evaluation.
    """

    train_loss: float
    evaluation_loss: float
    evaluation_quality: float
    train_ns: int
    evaluation_ns: int


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Learning:
    """How one network was trained, and its quality on the test data after the last epoch.

    Attributes:
        seed: The seed of the initial weights, the order of the batches and dropout.
        epochs: The epochs in their order: the learning curve.
        evaluated_on: The data behind the learning curve.
        quality: Every quality metric on the test data, by its name.
        target_metric: The metric of the target, or the first metric of the task.
        target: The value to reach.
        time_to_target_ns: Wall time of training and evaluation up to the first evaluation that reaches the target. None
            if none did.
        prepare_ns: Wall time from the start of the case until training could begin.
        restored_epoch: The epoch (from 1) whose weights were restored by early stopping.
        stopped_early: Whether early stopping ended the training.
        judgement: Details of the quality on the test data.
        band: The range in which a metric was expected.
        network: The layers of the network.
        unit: The unit of a predicted number.
        labels: The names of the classes, if they have names.
    """

    seed: int
    epochs: tuple[Epoch, ...]
    evaluated_on: Literal["validation", "test"]
    quality: dict[str, float]
    target_metric: str
    target: float | None
    time_to_target_ns: int | None
    prepare_ns: int
    restored_epoch: int | None = None
    stopped_early: bool = False
    judgement: Evaluation | None = None
    band: Band | None = None
    network: tuple[Layer, ...] = ()
    unit: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Memory:
    """Peak memory at one batch size. None where it cannot be read, never 0.

    Attributes:
        batch_size: Samples in one call.
        host_peak_bytes: Peak resident memory of the process, less `host_baseline_bytes`.
        host_baseline_bytes: Resident memory of that process when the framework, the data and the harness were loaded.
        device_peak_bytes: Peak of the bytes that the framework's allocator had allocated on the device.
        nvml_used_bytes: Memory of this process on the device, as the driver reports it (NVML).
        device_reserved_bytes: Peak of the bytes that the framework's allocator had reserved on the device.
        demanded_bytes: What the model and the recipe need to hold at once, by its purpose.
        accounted_bytes: What the framework's own memory account lists at the peak, by its purpose.
    """

    batch_size: Size
    host_peak_bytes: int | None
    host_baseline_bytes: int | None
    device_peak_bytes: int | None
    nvml_used_bytes: int | None
    device_reserved_bytes: int | None = None
    demanded_bytes: dict[str, int] = field(default_factory=dict)
    accounted_bytes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Trial:
    """One batch size in a fresh process.

    Attributes:
        batch_size: Samples in one call.
        outcome: How the process ended.
        error: The error message, if there is one.
        device_peak_bytes: Peak of the bytes that the framework's allocator had allocated on the device, if the batch
            fits.
    """

    batch_size: Size
    outcome: Outcome
    error: str | None = None
    device_peak_bytes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether all calls could be made; their results may be NaN."""
        return self.outcome in {"ok", "diverged"}


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Capacity:
    """The search for the largest batch that fits.

    Attributes:
        trials: The batch sizes in the order in which they were tried.
        memory_limit_bytes: The memory that a process could use beyond what it held before its first batch. None on a
            GPU, where the memory of the GPU is the limit.
    """

    trials: tuple[Trial, ...]
    memory_limit_bytes: int | None

    @property
    def largest(self) -> Trial | None:
        """The largest batch that fits; None if not even one sample fits."""
        return max((item for item in self.trials if item.fits), key=lambda item: item.batch_size, default=None)

    @property
    def refused(self) -> Trial | None:
        """The smallest batch that does not fit; None if the search reached its upper limit."""
        return min((item for item in self.trials if not item.fits), key=lambda item: item.batch_size, default=None)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Measurement:
    """What a case measured. The parts that belong to other purposes are empty.

    Attributes:
        blocks: The timings, one block for each batch size.
        learning: The training and its quality.
        memory: Peak memory, one item for each batch size.
        capacity: The search for the largest batch that fits.
        forward_deviation: Relative deviation of the last outputs from the float64 reference.
        loaded: What a server did under load.
    """

    blocks: tuple[Block, ...] = ()
    learning: Learning | None = None
    memory: tuple[Memory, ...] = ()
    capacity: Capacity | None = None
    forward_deviation: float | None = None
    loaded: Loaded | None = None
