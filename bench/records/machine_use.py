"""Defines what the machine did while a block was timed: its clocks, its use by this process and by others."""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.evaluation import stored

Moment = Literal["before", "during", "after"]
Part = Literal["synchronised", "pipelined", "serving"]
POWER_CAP = "power cap"  # usual for a GPU under full load: it is recorded, but the case is not measured again
QUOTA = "quota of the control group"


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Load:
    """What used the cores during one part of a block. None where it cannot be read, never 0.

    The values are differences of counters that were read before the first and after the last timing of this part.

    Attributes:
        part: The timings of this part: `synchronised` (single calls), `pipelined` (rounds) or `serving` (a run of
            the load generator).
        span_ns: Wall time of this part.
        cores: The cores that the process may use. Only these are watched.
        own_ns: CPU time of this process.
        others_ns: CPU time of other programs on these cores. The harness itself does not count.
        waited_ns: Time that threads of this process waited for a core (run delay), summed over threads.
        pressure_ns: Time during which any thread on the machine waited for a core (pressure stall information).
        group_pressure_ns: The same for the control group of this process.
        stolen_ns: Time that the hypervisor took from these cores, summed over cores.
        preemptions: How often a thread of this process lost its core to another thread.
        gpu_others: Other processes that compute on the GPU at the end of this part.
    """

    part: Part
    span_ns: int
    cores: int
    own_ns: int
    others_ns: int | None = None
    waited_ns: int | None = None
    pressure_ns: int | None = None
    group_pressure_ns: int | None = None
    stolen_ns: int | None = None
    preemptions: int | None = None
    gpu_others: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class GpuReading:
    """The GPU at one moment, as its driver reports it. None where the driver reports nothing.

    Attributes:
        busy_percent: The share of the driver's last sample period in which a kernel ran.
        clock_mhz: The clock of the multiprocessors.
        memory_clock_mhz: The clock of the memory.
        power_w: The power draw.
        celsius: The temperature.
        used_bytes: The memory that all processes together hold.
    """

    busy_percent: float | None
    clock_mhz: float | None
    memory_clock_mhz: float | None
    power_w: float | None
    celsius: float | None
    used_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Reading:
    """The machine at one moment.

    Attributes:
        when: Whether it was read before, during or after the block.
        cpu_mhz: The clock of the CPU.
        cpu_celsius: The temperature of the CPU.
        host_used_bytes: The host memory that is in use.
        throttled: The reasons for which the machine runs below its full speed. A reason of a CPU, and the quota of the
            control group, are listed if they came up since the block began.
        gpu: The GPU. None on a CPU.
    """

    when: Moment
    cpu_mhz: float | None
    cpu_celsius: float | None
    host_used_bytes: int
    throttled: tuple[str, ...] = ()
    gpu: GpuReading | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Use:
    """What the machine did while a block was timed.

    Attributes:
        readings: The machine before the block, between two pipelined rounds, and after the last round.
        span_ns: Wall time from the first to the last reading.
        stolen_ns: Time that the hypervisor took from the processors of this virtual machine, summed over processors.
        preemptions: How often a thread of the process lost its core to another thread.
        energy_j: The energy of the GPU, or of the CPU packages, in the pipelined rounds or in the run under load.
        loads: What used the cores in each timed part of the block. Empty in older records.
    """

    readings: tuple[Reading, ...]
    span_ns: int
    stolen_ns: int | None
    preemptions: int
    energy_j: float | None
    loads: tuple[Load, ...] = ()

    @property
    def throttled(self) -> tuple[str, ...]:
        """The reasons for throttling during the block or at its end."""
        found = (reason for item in self.readings if item.when != "before" for reason in item.throttled)
        return tuple(dict.fromkeys(found))

    @property
    def hindered(self) -> bool:
        """Whether the machine was throttled for a reason other than the power cap, so that times are too long."""
        return any(reason != POWER_CAP for reason in self.throttled)

    @property
    def overheated(self) -> bool:
        """Whether the reason passes while the machine rests. A quota is the same in the next attempt."""
        return any(reason not in {POWER_CAP, QUOTA} for reason in self.throttled)
