"""Defines records, one for each case, and their form as a line of JSON.

A record is written once and never changed. It holds raw samples; metrics are computed when it is read. Times are in
nanoseconds (names end in `_ns`), memory is in bytes.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from bench.records.evaluation import stored
from bench.records.load import Serving
from bench.records.measurement import Measurement, Outcome, Size
from bench.workload.axes import Feed, Mode, Precision, Purpose, Scenario

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Case:
    """One point of the matrix, measured in its own process.

    Attributes:
        workload: The name of the workload.
        framework: The framework.
        backend: The backend of Keras. None for other frameworks.
        mode: `idiomatic` (the default of the framework's guide) or `tuned` (the fastest public options that a search
            found).
        precision: The precision of the computation.
        device: The device: `cpu`, `cuda` or `cuda:N`; several that train as one are `2xcpu`, `2xcuda` or `cuda:N+M`.
        scenario: What is measured: training or inference.
        purpose: What the process measures. `timing`: times, repeated in several processes. `learning`: a complete
            training, once for each seed. `memory`: peak memory, in a process that counts all pages of its libraries.
            `capacity`: the largest batch that fits, searched for in many processes. `serving`: queries that a load
            generator sends.
        batch_sizes: The batch sizes. For `capacity`, the largest one that is tried.
        threads: The CPU threads of the framework.
        feed: Where a batch is when the clock starts: on the device or on the host.
        seed: The seed of the initial weights, the order of the batches and dropout.
        replicate: The number of this process among those that repeat the same case, from 0.
        serving: How queries arrive, and what is asked of their latency, for the purpose `serving`. None for others.
    """

    workload: str
    framework: str
    backend: str | None = None
    mode: Mode = "idiomatic"
    precision: Precision = "fp32"
    device: str = "cpu"
    scenario: Scenario
    purpose: Purpose = "timing"
    batch_sizes: tuple[Size, ...]
    threads: Size
    feed: Feed = "device"
    seed: int = 0
    replicate: int = 0
    serving: Serving | None = None

    @property
    def contender(self) -> str:
        """Framework and backend as users write them: `pytorch`, `keras/jax`."""
        return f"{self.framework}/{self.backend}" if self.backend else self.framework

    @property
    def turn(self) -> str:
        """The purpose with the number of the process, counted from 1, or the seed: `timing 2`, `learning seed 0`.

        Under load, the load takes the place of the purpose: `server 1`.
        """
        words = {"timing": f"timing {self.replicate + 1}", "learning": f"learning seed {self.seed}"}
        if self.serving is not None:
            words["serving"] = f"{self.serving.load} {self.replicate + 1}"
        return words.get(self.purpose, self.purpose)

    @property
    def learner(self) -> str:
        """Framework, device and seed as a file name: `keras-jax-cpu-seed0`, `flax-cpu-bf16-seed0`."""
        words = (self.contender, self.device, *self.unusual, f"seed{self.seed}")
        return "-".join(words).replace("/", "-").replace(":", "-")

    @property
    def unusual(self) -> tuple[str, ...]:
        """The mode unless it is `idiomatic`, and the precision unless it is `fp32`."""
        usual = ("idiomatic", "fp32")
        return tuple(word for word, other in zip((self.mode, self.precision), usual, strict=True) if word != other)

    @property
    def subject(self) -> "Case":
        """The case with replicate 0: the same for all processes that repeat it."""
        return replace(self, replicate=0)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Deviation:
    """One line of a certificate: one comparison, and what it found.

    Attributes:
        check: What was compared.
        against: The other side: `reference`, `given weights` or the name of a framework.
        found: The largest relative deviation. Losses with dropout differ by so many standard errors.
        allowed: The largest relative deviation that is allowed.
        tensor: The weights that deviate most, such as `hidden0.bias`. None if the check holds or compares no weights.
    """

    check: str
    against: str
    found: float
    allowed: float
    tensor: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the deviation is at most the allowed one; False for NaN."""
        return self.found <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Certificate:
    """The proof that one framework did the same work as the reference and as the other frameworks.

    Attributes:
        contender: The framework, with its backend: `pytorch`, `keras/jax`.
        deviations: The comparisons.
        steps: The training steps of the proof.
        notes: Remarks, for example on a limit that was raised for a network that amplifies rounding errors.
        problem: Why there is no proof. None if there is one.
        available: Whether the framework can do the work at all. If not, there is nothing to prove.
        alone: Whether no proof is expected: the network has no second implementation, or several devices do other work
            than one.
    """

    contender: str
    deviations: tuple[Deviation, ...]
    steps: int
    notes: tuple[str, ...] = ()
    problem: str | None = None
    available: bool = True
    alone: bool = False

    @property
    def passed(self) -> bool:
        """Whether there is a proof and every check in it holds."""
        return self.problem is None and bool(self.deviations) and all(item.holds for item in self.deviations)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Candidate:
    """One combination of a framework's public options.

    Attributes:
        options: The options that differ from the default, by name.
        outcome: How the candidate ended. An `unproven` candidate ran, but was not proven to compute the same.
        error: The error message, if there is one.
        times_s: The time of one call, one value for each round of the search in which the candidate was timed.
    """

    options: dict[str, str]
    outcome: Outcome | Literal["unproven"] = "ok"
    error: str | None = None
    times_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class SearchResult:
    """The search for the fastest options at one batch size.

    Attributes:
        batch_size: Samples in one call.
        options: The options that were chosen and that differ from the default, by name.
        metric: The metric that decided.
        searched: When the search ended (ISO 8601, UTC).
        candidates: All candidates. Those that reached the last round come first, the fastest of them at the top.
        in_turns: Whether candidates and the default were timed in alternating slices. None in older records.
        busy_cores: How many cores other work kept busy when the search began. None in older records.
    """

    batch_size: Size
    options: dict[str, str]
    metric: str
    searched: str
    candidates: tuple[Candidate, ...]
    in_turns: bool | None = None
    busy_cores: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Rate:
    """The best rate that was reached.

    Attributes:
        per_second: Operations or bytes per second.
        size: The size that reached it: rows of a square matrix, or bytes of a stream.
        by: The framework that reached it.
    """

    per_second: float
    size: Size
    by: str


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Roof:
    """The measured peak of the device in this precision, the best over all frameworks of the run.

    Attributes:
        flops: The peak of square matrix multiplications. None if it was not measured.
        bytes: The memory bandwidth, one rate for each size, from sizes that fit into a cache to sizes that do not.
            Empty if it was not measured.
    """

    flops: Rate | None
    bytes: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Environment:
    """The machine and its software. No host name, user name or path is stored.

    Attributes:
        machine: The name of the machine: its hardware and a random id, or the name given by `--machine`.
        cpu: The model of the CPU.
        cores: The cores that the process may use: the fewest of its CPU affinity, and of the cpuset and the quota of
            its control group.
        memory_bytes: The memory that the process may use: that of the host, or the limit of its control group.
        gpus: The names of the GPUs.
        driver: The version of the GPU driver. None without a GPU.
        system: The operating system, its release and the processor architecture.
        python: The implementation and version of Python.
        versions: The versions of the libraries, by name.
        commit: The commit of Levelfield, with `-dirty` if tracked files were changed. None outside a checkout.
        levelfield: The version of Levelfield.
        host_cores: The cores of the host, which the load average counts. None in older records.
        limits: What kept the process from using the whole machine, such as `2 of 16 processors (quota of the control
            group)`.
        variables: The environment variables of the shell that may change how a framework computes or how a process
            runs, by name. Paths, addresses and secrets are not stored. None in older records.
    """

    machine: str
    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    driver: str | None
    system: str
    python: str
    versions: dict[str, str]
    commit: str | None
    levelfield: str
    host_cores: Size | None = None
    limits: tuple[str, ...] = ()
    variables: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Record:
    """One stored line: one case and its result.

    Attributes:
        schema_version: The version of this schema.
        run: The id of the run.
        case: What was measured.
        outcome: How the case ended: `ok`, `failed`, `oom` (out of memory), `timeout`, `diverged` (a loss or output is
            not finite) or `unavailable` (the framework cannot do it).
        error: The error message. None if the case ended well.
        started: When the case started (ISO 8601, UTC).
        duration_s: Wall time of the case.
        startup_s: Wall time until the framework was ready. None if it never was.
        order: The place of the record in the run, from 0.
        start_method: How the process was started.
        settings: The settings of the framework as they were resolved at run time, by name.
        measurement: The raw results.
        certificate: The proof that the framework did the same work. None if there is none for this case.
        environment: The machine and its software.
        workload_digest: The hash of what was done: workload, model description and data.
        source_digest: The hash of how it was done: the framework's model and adapter.
        loadavg: The load average of the last minute, read before the case.
        attempt: The attempt, from 1. A case that was throttled is measured again, each attempt is stored, and the last
            one counts.
        tunings: In mode `tuned`, the search behind the options of each batch size.
        roof: The measured peak of the device in this precision.
    """

    schema_version: int
    run: str
    case: Case
    outcome: Outcome
    error: str | None
    started: str
    duration_s: float
    startup_s: float | None
    order: int
    start_method: Literal["fork", "spawn"]
    settings: dict[str, str]
    measurement: Measurement
    certificate: Certificate | None
    environment: Environment
    workload_digest: str
    source_digest: str
    loadavg: float | None = None
    attempt: Size = 1
    tunings: tuple[SearchResult, ...] = ()
    roof: Roof | None = None


def last_attempts(records: Sequence[Record]) -> list[Record]:
    """The records without attempts that were repeated: only the last attempt of each case in each run."""
    last: dict[tuple[str, Case], int] = {}
    for record in records:
        key = record.run, record.case
        last[key] = max(record.attempt, last.get(key, 0))
    return [record for record in records if record.attempt == last[record.run, record.case]]


def to_json(value: object) -> Any:  # noqa: ANN401 (JSON)
    """A dataclass of this module as plain dictionaries, lists and numbers."""
    return asdict(value)  # type: ignore[call-overload]
