"""What is stored: one Record for each Case, written once and never changed; numbers are derived when it is read.

Times are raw samples in nanoseconds (names end in `_ns`), memory is in bytes. The JSON of a record is one line.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.records.evaluation import stored
from bench.records.measurement import Measurement, Outcome, Size
from bench.workload.axes import Feed, Mode, Precision, Purpose, Scenario

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Case:
    """One point of the matrix, run in a process of its own.

    `purpose` says what the process is for: `timing` and `learning` are apart so that several processes time and one
    learns; `memory` is a spawned process, because host memory cannot be read after a fork; `capacity` is a search for
    the largest batch that fits, in many processes, and `batch_sizes` is the largest that is tried. `feed` says where
    batches are when the clock starts.
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

    @property
    def contender(self) -> str:
        """Framework and backend as people write it: `pytorch`, `keras/jax`."""
        return f"{self.framework}/{self.backend}" if self.backend else self.framework

    @property
    def turn(self) -> str:
        """Which of the processes of its kind it is, as people count: `timing 2`, `learning seed 0`, `memory`."""
        words = {"timing": f"timing {self.replicate + 1}", "learning": f"learning seed {self.seed}"}
        return words.get(self.purpose, self.purpose)

    @property
    def learner(self) -> str:
        """Who learnt where from which seed, as the name of a file: `keras-jax-cpu-seed0`, `flax-cpu-bf16-seed0`."""
        words = (self.contender, self.device, *self.unusual, f"seed{self.seed}")
        return "-".join(words).replace("/", "-").replace(":", "-")

    @property
    def unusual(self) -> tuple[str, ...]:
        """Mode and precision, where they are not the usual ones."""
        usual = ("idiomatic", "fp32")
        return tuple(word for word, other in zip((self.mode, self.precision), usual, strict=True) if word != other)

    @property
    def subject(self) -> "Case":
        """The case without its replicate: what several processes repeat."""
        return replace(self, replicate=0)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Deviation:
    """One line of a certificate: what was compared, the largest relative deviation found, and what is allowed."""

    check: str
    against: str
    found: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the deviation is within what is allowed; a deviation that is not a number never is."""
        return self.found <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Certificate:
    """The proof that one framework did the same work as the reference and as the others, or why there is none.

    Where the framework cannot do the work at all there is nothing to prove: it is not `available`.
    """

    contender: str
    deviations: tuple[Deviation, ...]
    steps: int
    notes: tuple[str, ...] = ()
    problem: str | None = None
    available: bool = True

    @property
    def passed(self) -> bool:
        """Whether there is a proof and all of it holds."""
        return self.problem is None and bool(self.deviations) and all(item.holds for item in self.deviations)


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Candidate:
    """One combination of a framework's public options: how it ended, and what each process took.

    Options that are as the framework's guide has them are left out. `unproven` ones are fast and do something else.
    """

    options: dict[str, str]
    outcome: Outcome | Literal["unproven"] = "ok"
    error: str | None = None
    times_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class SearchResult:
    """The search for the fastest options at one batch size: what was chosen, by which metric, and all candidates.

    The fastest of those that came to the end are first. `in_turns` says whether they took turns with what the guide
    says, wherever that ran, `busy_cores` how many cores other work kept busy when the search began; None in records
    from before they were noted.
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
    """The best rate that was reached: by which contender, with what size (rows of a matrix, or bytes)."""

    per_second: float
    size: Size
    by: str


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Roof:
    """What the device can do in a precision, by the best of the run's frameworks.

    `flops` is the best over products of square matrices; `bytes` one rate for each size that was streamed, read and
    written, from those that a cache holds to those that none does. None and nothing where it was not measured.
    """

    flops: Rate | None
    bytes: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Environment:
    """The machine and its software: hardware, driver, versions; no host, user or path."""

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


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Record:
    """One stored line.

    `attempt` counts from 1: a case that was throttled is measured again. Each attempt is stored, the last one counts.
    `tunings` are the options of each batch size in mode `tuned`, `roof` is what the device can do in this precision.
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


class ForeignLineError(ValueError):
    """A line that is not a record of this schema."""


def last_attempts(records: Sequence[Record]) -> list[Record]:
    """The records without those of a case that was measured again later in its run."""
    last: dict[tuple[str, Case], int] = {}
    for record in records:
        key = record.run, record.case
        last[key] = max(record.attempt, last.get(key, 0))
    return [record for record in records if record.attempt == last[record.run, record.case]]


@cache
def _records() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def to_line(record: Record) -> str:
    """The record as one line of JSON, without the line end."""
    return json.dumps(to_json(record), separators=(",", ":"), allow_nan=True)


def to_json(value: object) -> Any:  # noqa: ANN401 (JSON)
    """A dataclass of this module as plain dictionaries, lists and numbers."""
    return asdict(value)  # type: ignore[call-overload]


def from_line(line: str) -> Record:
    """The record in one line of JSON.

    Raises ForeignLineError for a torn line, for another schema version, and for anything that is not a record.
    """
    try:
        content = json.loads(line)
    except ValueError as error:
        raise ForeignLineError(f"not a whole line of JSON ({error})") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise ForeignLineError(f"schema version {version!r}, expected {SCHEMA_VERSION}")
    try:
        return _records().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ForeignLineError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
