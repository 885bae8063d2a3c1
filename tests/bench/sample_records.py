"""Realistic records for tests: say what matters, the rest is filled in; times follow from the arguments and a seed."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from zlib import crc32

import numpy as np

from bench.records.machine_use import Load, Use
from bench.records.measurement import Block, Compiling, Epoch, Learning, Measurement, Memory, Outcome
from bench.records.record import SCHEMA_VERSION, Case, Certificate, Deviation, Environment, Record, SearchResult
from bench.workload.axes import Mode, Purpose, Scenario

ENVIRONMENT = Environment(
    machine="i7-2c-1f3a",
    cpu="Example CPU @ 2.60GHz",
    cores=2,
    memory_bytes=8 * 1024**3,
    gpus=(),
    driver=None,
    system="Linux 6.8 x86_64",
    python="3.12.3",
    versions={"torch": "2.13.0", "keras": "3.15.0", "tensorflow": "2.21.0", "jax": "0.11.0", "flax": "0.12.8"},
    commit="0123abcd",
    levelfield="0.1.0",
)
STEP_TIME_S = {"pytorch": 0.9e-3, "keras/tensorflow": 1.1e-3, "keras/jax": 1.4e-3, "flax": 0.6e-3}


def record(  # noqa: PLR0913 (a builder: every part of a record may matter to a test)
    workload: str = "digits-dnn",
    framework: str = "pytorch",
    scenario: Scenario = "training",
    *,
    purpose: Purpose = "timing",
    batch_sizes: tuple[int, ...] = (32,),
    replicate: int = 0,
    seed: int = 0,
    device: str = "cpu",
    outcome: Outcome = "ok",
    error: str | None = None,
    slowdown: float = 1.0,
    certificate: Certificate | str | None = "passed",
    environment: Environment = ENVIRONMENT,
    workload_digest: str | None = None,
    source_digest: str = "source-1",
    run: str = "2026-01-01T00-00-00",
    order: int = 0,
    samples: int = 80,
    measurement: Measurement | None = None,
    loadavg: float | None = 0.4,
) -> Record:
    """A record of one process; `framework` may name a backend (`keras/jax`), `slowdown` multiplies every time.

    `certificate` is `passed`, `failed`, None or one of your own. A case that did not end well has measured nothing.
    """
    name, _, backend = framework.partition("/")
    case = Case(
        workload=workload,
        framework=name,
        backend=backend or None,
        device=device,
        scenario=scenario,
        purpose=purpose,
        batch_sizes=batch_sizes,
        threads=2,
        seed=seed,
        replicate=replicate,
    )
    return Record(
        schema_version=SCHEMA_VERSION,
        run=run,
        case=case,
        outcome=outcome,
        error=error,
        started="2026-01-01T00:00:00Z",
        duration_s=2.5,
        startup_s=0.1,
        order=order,
        start_method="spawn" if purpose == "memory" else "fork",
        settings={"compiled": "no" if name == "pytorch" else "yes", "optimizer": f"{name} Adam"},
        measurement=measurement or _measurement(case, outcome, slowdown, samples),
        certificate=_certificate(certificate, framework) if isinstance(certificate, str) else certificate,
        environment=environment,
        workload_digest=workload_digest or f"digest-of-{workload}",
        source_digest=source_digest,
        loadavg=loadavg,
    )


def quick_run(
    *, slowdown: float = 1.0, workloads: Sequence[str] = ("digits-dnn", "digits-cnn", "digits-lstm"), run: str = "run-1"
) -> list[Record]:
    """A run like the quick suite: three workloads, three frameworks, three processes each, learning and memory."""
    records: list[Record] = []
    for workload in workloads:
        for framework in ("pytorch", "keras/tensorflow", "flax"):
            build = partial(record, workload, framework, slowdown=slowdown, run=run)
            for replicate in range(3):
                records.append(build(replicate=replicate))
                records.append(build("inference", replicate=replicate, batch_sizes=(1, 32, 256)))
            records.append(build(purpose="learning"))
            records.append(build(purpose="memory"))
            records.append(build("inference", purpose="memory", batch_sizes=(1, 32, 256)))
    return [replace(item, order=order) for order, item in enumerate(records)]


def timed(framework: str, call_time_s: float, *, replicates: int = 3, **changes: object) -> list[Record]:
    """A record for each process that timed the same block; `changes` replaces fields of the block."""
    measurement = Measurement(blocks=(replace(block(call_time_s=call_time_s), **changes),))  # type: ignore[arg-type]
    return [record(framework=framework, replicate=number, measurement=measurement) for number in range(replicates)]


def load(*, others: float | None = 0.02, own: float = 1.9, span_s: float = 1.0, **changes: object) -> Load:
    """The load on two cores during one part of a block; `others` and `own` are in cores."""
    span_ns = int(span_s * 1e9)
    made = Load(
        part="pipelined",
        span_ns=span_ns,
        cores=2,
        own_ns=int(own * span_ns),
        others_ns=None if others is None else int(others * span_ns),
        waited_ns=0,
        stolen_ns=0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def use(*loads: Load) -> Use:
    """What the machine did during a block with this load."""
    return Use(readings=(), span_ns=2_000_000_000, stolen_ns=0, preemptions=0, energy_j=None, loads=loads)


def one_by_one(times_s: tuple[float, ...], mode: Mode, options: dict[str, str] | None = None) -> list[Record]:
    """A process for each of the times, in this mode."""
    search = SearchResult(
        batch_size=32, options=options or {}, metric="step_time_pipelined_s", searched="", candidates=()
    )
    return [
        replace(
            item,
            case=replace(item.case, mode=mode, replicate=number),
            tunings=() if options is None else (search,),
        )
        for number, time in enumerate(times_s)
        for item in timed("flax", time, replicates=1)
    ]


def beginning(items: list[Record], *, call_ns: int) -> list[Record]:
    """Records whose first calls took so long, and were compiled in a second."""
    compiling = Compiling(trace_ns=10**9, compile_ns=10**9)
    made = []
    for item in items:
        blocks = tuple(
            replace(one, call_ns=(call_ns,) * 3, first_round_ns=call_ns, compiling=compiling)
            for one in item.measurement.blocks
        )
        made.append(replace(item, measurement=replace(item.measurement, blocks=blocks)))
    return made


def block(batch_size: int = 32, *, call_time_s: float = 1e-3, samples: int = 80, seed: int = 0) -> Block:
    """The timings of one process: calls of about `call_time_s`, one part in fifty noise, a slow first call."""
    generator = np.random.default_rng(seed)
    process = call_time_s * float(np.exp(generator.normal(0, 0.01)))
    calls = process * np.exp(np.abs(generator.normal(0, 0.02, samples)))
    rounds = 0.8 * process * 20 * np.exp(generator.normal(0, 0.005, 10))
    wall_ns = int(rounds.sum() * 1e9)
    return Block(
        batch_size=batch_size,
        call_ns=tuple(int(process * factor * 1e9) for factor in (300, 3, 1.2)),
        warm_up_ns=tuple(int(time * 1e9) for time in calls[:5]),
        steady=True,
        synchronised_ns=tuple(int(time * 1e9) for time in calls),
        pipelined_ns=tuple(int(time * 1e9) for time in rounds),
        iterations_per_round=20,
        cpu_ns=int(1.8 * wall_ns),
        wall_ns=wall_ns,
        checksum=0.5,
    )


def learning(*, seed: int = 0, epochs: int = 12, accuracy: float = 0.97, reached: bool = True) -> Learning:
    """A network that learns towards `accuracy`."""
    curve = tuple(
        Epoch(
            train_loss=2.0 / (number + 1),
            evaluation_loss=2.2 / (number + 1),
            evaluation_quality=accuracy * (1 - 0.6 ** (number + 1)),
            train_ns=120_000_000,
            evaluation_ns=4_000_000,
        )
        for number in range(epochs)
    )
    shift = 0.002 * seed
    return Learning(
        seed=seed,
        epochs=curve,
        evaluated_on="validation",
        quality={"accuracy": accuracy - shift, "f1_macro": accuracy - 0.001 - shift, "loss": 0.12},
        target_metric="accuracy",
        target=0.95,
        time_to_target_ns=900_000_000 if reached else None,
        prepare_ns=250_000_000,
    )


def _measurement(case: Case, outcome: Outcome, slowdown: float, samples: int) -> Measurement:
    if outcome != "ok":
        return Measurement()
    if case.purpose == "learning":
        return Measurement(learning=learning(seed=case.seed))
    if case.purpose == "memory":
        return Measurement(memory=tuple(_memory(batch_size) for batch_size in case.batch_sizes))
    part = 1.0 if case.scenario == "training" else 0.3
    step_time_s = STEP_TIME_S.get(case.contender, 1e-3) * part * slowdown
    return Measurement(
        blocks=tuple(
            block(
                batch_size,
                call_time_s=step_time_s * (0.3 + batch_size / 32),
                samples=samples,
                # Text hashes differ between Python processes; this one does not. A field that says nothing about a
                # timed case is left out, so that the times of all tests stay as they are.
                seed=crc32(repr((case, batch_size)).replace(", serving=None", "").encode()),
            )
            for batch_size in case.batch_sizes
        )
    )


def _memory(batch_size: int) -> Memory:
    return Memory(
        batch_size=batch_size,
        host_peak_bytes=40_000_000 + 100_000 * batch_size,
        host_baseline_bytes=400_000_000,
        device_peak_bytes=None,
        nvml_used_bytes=None,
    )


def _certificate(state: str, contender: str) -> Certificate:
    found = {"passed": 3.1e-16, "failed": 4.2e-3}[state]
    deviations = (
        Deviation(check="float64 forward", against="reference", found=found, allowed=1e-12),
        Deviation(check="weights after 100 steps", against="flax", found=2.4e-14, allowed=1e-9),
        Deviation(check="float32 forward", against="reference", found=2.2e-7, allowed=1e-5),
    )
    return Certificate(contender=contender, deviations=deviations, steps=100)
