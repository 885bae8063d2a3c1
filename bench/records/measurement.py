"""What one process measured: raw timings, learning curves, memory, and the search for the largest batch.

Times are raw samples in nanoseconds (names end in `_ns`), memory is in bytes.
"""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.records.evaluation import Evaluation, stored
from bench.workload.network_layers import Layer
from bench.workload.recipe import Band

Outcome = Literal["ok", "failed", "oom", "timeout", "diverged", "unavailable"]
Ended = Literal["interval", "time"]
Moment = Literal["before", "during", "after"]
POWER_CAP = "power cap"  # a GPU at full work usually runs into it: it is told, and nothing is measured again for it
Size = Annotated[int, Field(gt=0)]
SIDES = ("base", "head")  # of two runs that have turns with each other


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Boundary:
    """Where the time of a call goes: its four parts, each waited for before the next begins.

    `to_device_ns` is the way of one batch from NumPy to the device, `dispatch_ns` the time until the call returns to
    the host, `compute_ns` from then until the result is there, `to_host_ns` the way of the result back to NumPy.
    """

    to_device_ns: tuple[int, ...]
    dispatch_ns: tuple[int, ...]
    compute_ns: tuple[int, ...]
    to_host_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Compiling:
    """What the calls before the timed ones spent on it, as the library counts: tracing a program, and compiling it.

    `compile_ns` is None where the library does not say; it is in what is left of those calls then.
    """

    trace_ns: int
    compile_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class GpuReading:
    """The GPU at one moment, by its driver; None where it does not say.

    `busy_percent` is the share of the driver's last sample period in which some kernel ran; `used_bytes` is what all
    processes hold together.
    """

    busy_percent: float | None
    clock_mhz: float | None
    memory_clock_mhz: float | None
    power_w: float | None
    celsius: float | None
    used_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Reading:
    """The machine at one moment; `throttled` are the reasons for which it runs slower than it could, if there are any.

    On a CPU a reason is told when it came up since the block began.
    """

    when: Moment
    cpu_mhz: float | None
    cpu_celsius: float | None
    host_used_bytes: int
    throttled: tuple[str, ...] = ()
    gpu: GpuReading | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Use:
    """The machine while a block was timed: before it, between two pipelined rounds, and after the last of them.

    `span_ns` is the wall time of all that. `stolen_ns` is what a machine below this virtual one took from its
    processors meanwhile, all of them together, and `preemptions` how often a thread of the process had to make room for
    another process. `energy_j` is what the GPU, or on a CPU its packages, took in the pipelined rounds.
    """

    readings: tuple[Reading, ...]
    span_ns: int
    stolen_ns: int | None
    preemptions: int
    energy_j: float | None

    @property
    def throttled(self) -> tuple[str, ...]:
        """The reasons that were there while the block was timed or when it ended."""
        found = (reason for item in self.readings if item.when != "before" for reason in item.throttled)
        return tuple(dict.fromkeys(found))

    @property
    def hindered(self) -> bool:
        """Whether it ran slower than it usually would, so that it should be measured again."""
        return any(reason != POWER_CAP for reason in self.throttled)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Turns:
    """Two runs had turns in one `session`: so many synchronised calls in each, and so many pipelined rounds.

    Turn by turn, from the first, the times of one block belong to those of the other run's. Turns beyond those that the
    other had, it had alone.
    """

    session: str
    synchronised_calls: Size
    pipelined_rounds: Size


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Block:
    """The raw timings of one batch size in one process.

    `call_ns` are the first three calls, each waited for: the first compiles. `warm_up_ns` are the calls after them
    until steady state, stored apart and never averaged in. `synchronised_ns` are single calls, each waited for
    (latency). `pipelined_ns` are rounds of `iterations_per_round` calls with one wait at the end (throughput). The CPU
    time and the wall time are those of the pipelined rounds together. `checksum` is the sum of the last outputs (for
    training, the last loss), so that no output goes unused.

    `synchronised_ended` and `pipelined_ended` say whether the interval of the median was narrow enough in the end, or
    time was up before (in turns: or both sides were sure enough). `boundary` are calls apart from all these. `use` is
    what the machine did meanwhile.
    `turns` is there where both blocks were timed in turns with those of another run. `flops` are the operations that
    one call needs, `least_bytes` what it has to read and write if nothing stays in a cache, `held_bytes` what it has to
    hold at once. `first_round_ns` is a round
    before the pipelined ones, in which several calls may be compiled into one; `compiling` is what it and the first
    three calls spent on that.
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


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Epoch:
    """One epoch: the mean training loss while the weights changed, then the evaluation on validation (or test) data.

    `train_ns` and `evaluation_ns` are wall times; the losses are means over samples.
    """

    train_loss: float
    evaluation_loss: float
    evaluation_quality: float
    train_ns: int
    evaluation_ns: int


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Learning:
    """How one network learnt: its curve, and every quality metric on the test set after the last epoch.

    `evaluated_on` names the split behind the curve. `target_metric` and `target` are the workload's; the time to target
    counts training and evaluation up to the first evaluation that reaches it, and is None where none did.
    `restored_epoch` is the epoch (from 1) whose weights were judged, where early stopping took them back. `band` is
    where the metric in it was expected. `unit` is what a predicted number is counted in, `labels` are the names of the
    classes, where they have some.
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
    """Peak memory at one batch size, each by its own definition; None where it cannot be read, never 0.

    `host_peak_bytes` is the peak resident size of a spawned process less what it was when the framework, the data and
    the harness were loaded (`host_baseline_bytes`). `device_peak_bytes` is the peak of what the framework's allocator
    had given out, `device_reserved_bytes` of what it had taken from the device for that, and `nvml_used_bytes` what the
    driver says this process holds. `demanded_bytes` is what the spec demands to be held at once, by what it is for, and
    `accounted_bytes` what the framework itself says that it is for, where it does.
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
    """One batch size in a fresh process: how it ended, and the allocator's peak on the device where it fits."""

    batch_size: Size
    outcome: Outcome
    error: str | None = None
    device_peak_bytes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the calls ended well, whatever their numbers."""
        return self.outcome in {"ok", "diverged"}


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Capacity:
    """The search for the largest batch that fits, in the order in which sizes were tried.

    `memory_limit_bytes` is what a process might hold beyond what it held before its first batch; None on a GPU, whose
    own memory is the limit.
    """

    trials: tuple[Trial, ...]
    memory_limit_bytes: int | None

    @property
    def largest(self) -> Trial | None:
        """The largest that fits; None where not even one sample does."""
        return max((item for item in self.trials if item.fits), key=lambda item: item.batch_size, default=None)

    @property
    def refused(self) -> Trial | None:
        """The smallest that does not fit; None where the search ended at its limit."""
        return min((item for item in self.trials if not item.fits), key=lambda item: item.batch_size, default=None)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Measurement:
    """What a case measured; the parts that it was not for are empty.

    `forward_deviation` is how far the last answers are from those of the float64 reference, relative to its largest.
    """

    blocks: tuple[Block, ...] = ()
    learning: Learning | None = None
    memory: tuple[Memory, ...] = ()
    capacity: Capacity | None = None
    forward_deviation: float | None = None
