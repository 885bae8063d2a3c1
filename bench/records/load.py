"""Defines the load on the machine while a block was timed: by this process, by others, and by waiting for a core."""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.evaluation import stored

Part = Literal["synchronised", "pipelined"]


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Load:
    """What used the cores during one part of a block. None where it cannot be read, never 0.

    The values are differences of counters that were read before the first and after the last timing of this part.

    Attributes:
        part: The timings of this part: `synchronised` (single calls) or `pipelined` (rounds).
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
