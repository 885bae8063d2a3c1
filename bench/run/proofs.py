"""Makes certificates: takes the traces of all frameworks from the cache or from workers, and compares them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Literal, NamedTuple, final

from bench import cache
from bench.analysis import data_parallel, dropout_masks, equivalence, second_network
from bench.analysis.deviations import Trace
from bench.analysis.remaining_time import Work
from bench.plan.proof_peers import second
from bench.records import environment
from bench.records.record import Certificate
from bench.records.trace_files import read_trace
from bench.run.worker_pool import UNTIMED_AT_ONCE, WorkerPool
from bench.workload import frameworks, model_families, places, source_code
from bench.workload.axes import FrameworkOptions
from bench.workload.data_parallel import unequal
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload
from models.layers.spec import without_dropout

PROVEN_IN = ("fp64", "fp32")  # every proof has these precisions, and that of the case
# Kinds of traces for a place with several devices, followed by their number: training on one of them, and on all.
ONE_DEVICE, ALL_DEVICES = "on one device of ", "on all devices of "
NUDGED = " nudged"  # suffix of a precision: weights and inputs differ from the usual ones in the last bit
ASSUMED_TRACE_S = 2.5
# The code that decides what a trace holds, from which weights it starts, and in which batches it trains.
DECISIVE = (
    "worker/proof_trace.py",
    "worker/prepared_workload.py",
    "worker/recipe_facts.py",
    "worker/data_parallel_trace.py",
    "workload/schedules.py",
    "datasets/base.py",
)
HARNESS = Path(__file__).parents[1]

Step = Literal["planned", "begun", "ended"]
Tell = Callable[[Step, Work], None]


class Refusal(NamedTuple):
    """Why there is no trace; `available` is False if the framework cannot run this work at all."""

    reason: str
    available: bool


Traced = Trace | Refusal
_Tracing = tuple[Contender, str, Trace | Future[Traced]]  # framework, precision, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A proof that has begun: its workload, place and precision; `tunings` are options by framework.

    `device` is the first device of the place.
    """

    workload: Workload
    place: str
    device: str
    precision: str
    tunings: Mapping[str, FrameworkOptions]
    traces: tuple[_Tracing, ...] = ()
    parallel: tuple[_Tracing, ...] = ()


@final
class Proofs:
    """Makes the traces that are not in the cache yet, and makes the certificates from all traces.

    `tell` hears of each trace that is not in the cache: when it is planned, begun and ended. A proof in a reduced
    precision includes the proofs in float64 and float32.

    Two traces are made at once, each on its own cores: if the threads of two processes wait for each other on the same
    cores, they take ten times as long.
    """

    def __init__(
        self, fleet: WorkerPool, pool: ThreadPoolExecutor, *, threads: int, limit_s: float, tell: Tell
    ) -> None:
        self.fleet, self.pool = fleet, pool
        self.threads, self.limit_s, self.tell = threads, limit_s, tell
        self._free: SimpleQueue[int] = SimpleQueue()  # the first core of each free group of cores
        for place in range(UNTIMED_AT_ONCE):
            self._free.put(place * threads)
        self._jobs: dict[Path, Future[Traced]] = {}  # proofs in different precisions share traces

    def begin(
        self,
        workload: Workload,
        contenders: Sequence[Contender],
        *,
        device: str,
        precision: str = "fp32",
        tunings: Mapping[str, FrameworkOptions] = MappingProxyType({}),
    ) -> Pending:
        """Begin the proofs of one workload; where only one framework was chosen, a second one is added to compare."""
        first = places.first(device)
        pending = Pending(workload=workload, place=device, device=first, precision=precision, tunings=tunings)
        others = second(contenders, gpu=first != "cpu", able=_able(workload))
        begun = self._begin(pending, (*contenders, *others))
        return replace(pending, traces=begun, parallel=self._parallel(pending, contenders))

    def collect(self, pending: Pending) -> dict[str, Certificate]:
        """Wait for the traces of one workload; the certificates by framework, as `keras/jax`."""
        precision = pending.precision
        traces: dict[str, dict[str, Trace]] = {kind: {} for kind in (*PROVEN_IN, precision)}
        refusals: dict[str, Refusal] = {}
        contenders: dict[Contender, None] = {}
        under_way = pending.traces
        while under_way:
            for contender, kind, trace in under_way:
                contenders[contender] = None
                found = trace.result() if isinstance(trace, Future) else trace
                if isinstance(found, Refusal):
                    refusals[str(contender)] = found
                else:
                    traces[kind][str(contender)] = found
            # If the second framework cannot run the work, the next one takes its place.
            able, gpu = _able(pending.workload), pending.device != "cpu"
            others = second(tuple(contenders), refused=refusals, gpu=gpu, able=able)
            under_way = self._begin(pending, others)
        dropout = without_dropout(pending.workload.spec) != pending.workload.spec
        alone = _alone(pending.workload)
        make = partial(equivalence.certify, double=traces["fp64"], single=traces["fp32"], dropout=dropout, alone=alone)
        made = {name: make(name) for name in map(str, contenders)}
        suspects = {
            kind: [name for name, item in made.items() if kind in equivalence.suspected(item)] for kind in PROVEN_IN
        }
        nudged = {kind: self._nudged(pending, names, kind) for kind, names in suspects.items() if names}
        for name in dict.fromkeys(name for names in suspects.values() for name in names):
            # A precision in which the deviation is small enough keeps its usual limit.
            made[name] = make(name, nudged={kind: nudged[kind] for kind, names in suspects.items() if name in names})
        made = {name: equivalence.in_precision(item, precision, traces[precision]) for name, item in made.items()}
        made |= _on_several_devices(pending, made)
        made |= {name: _noted(made[name], options) for name, options in pending.tunings.items() if options}
        return made | {
            name: replace(made[name], problem=refusal.reason, available=refusal.available)
            for name, refusal in refusals.items()
        }

    def _begin(self, pending: Pending, contenders: Sequence[Contender]) -> tuple[_Tracing, ...]:
        """The traces of these frameworks, from the cache or as futures."""
        return self._traces(pending, contenders, tuple(dict.fromkeys((*PROVEN_IN, pending.precision))))

    def _parallel(self, pending: Pending, contenders: Sequence[Contender]) -> tuple[_Tracing, ...]:
        """The traces of training on one device and on all devices of the place, if it has several."""
        devices = places.read(pending.place).devices
        if devices == 1:
            return ()
        equal = [item for item in contenders if unequal(pending.workload, str(item)) is None]
        return self._traces(pending, equal, (f"{ONE_DEVICE}{devices}", f"{ALL_DEVICES}{devices}"))

    def _nudged(self, pending: Pending, names: Sequence[str], precision: str) -> dict[str, Trace]:
        """The traces of these frameworks from weights and inputs that differ in the last bit, where they exist."""
        contenders = [item for item in frameworks.every_contender() if str(item) in names]
        begun = self._traces(pending, contenders, (precision + NUDGED,))
        found = {str(item): trace.result() if isinstance(trace, Future) else trace for item, _, trace in begun}
        return {name: trace for name, trace in found.items() if not isinstance(trace, Refusal)}

    def _traces(self, pending: Pending, contenders: Sequence[Contender], kinds: Sequence[str]) -> tuple[_Tracing, ...]:
        paths = {(item, kind): _path(pending, item, kind) for kind in kinds for item in contenders}
        known = {key: read_trace(path) for key, path in paths.items()}
        self.fleet.start((item, _where(pending, kind)) for (item, kind), trace in known.items() if trace is None)
        return tuple(
            (contender, kind, trace or self._submitted(pending, contender, kind))
            for (contender, kind), trace in known.items()
        )

    def _submitted(self, pending: Pending, contender: Contender, kind: str) -> Future[Traced]:
        path = _path(pending, contender, kind)
        if path not in self._jobs:
            self.tell("planned", _work(pending, contender, kind))
            self._jobs[path] = self.pool.submit(self._trace, pending, contender, kind)
        return self._jobs[path]

    def _trace(self, pending: Pending, contender: Contender, kind: str) -> Traced:
        path, workload = _path(pending, contender, kind), pending.workload
        device = _where(pending, kind)
        job = {
            "kind": "data parallel" if kind.startswith((ONE_DEVICE, ALL_DEVICES)) else "trace",
            "devices": places.read(pending.place).devices,
            "framework": contender.framework,
            "device": device,
            "threads": self.threads,
            "workload": workload.content,
            "source": workload.source,
            "log": str(self.fleet.logs / f"proof-{workload.name}-{contender}.log".replace("/", "-")),
            "precision": kind.removesuffix(NUDGED),
            "nudged": kind.endswith(NUDGED),
            "seed": workload.recipe.seed,
            "path": str(path),
            "tuning": dict(pending.tunings.get(str(contender), {})),
        }
        # The parent makes the folder of compiled programs, and removes it also where it has killed the process.
        empty = TemporaryDirectory(prefix="levelfield-", ignore_cleanup_errors=True)
        with self._place(_work(pending, contender, kind)) as first_core, empty as compiled:
            job |= {"first_core": first_core, "compiled": compiled}
            result = self.fleet.run(contender, device, job, limit_s=self.limit_s).result
        made = read_trace(path)
        return made if made is not None else Refusal(str(result["error"]), result["outcome"] != "unavailable")

    @contextmanager
    def _place(self, work: Work) -> Iterator[int]:
        """A free group of cores, by its first core, which is reserved until the trace is made."""
        first_core = self._free.get()
        self.tell("begun", work)
        try:
            yield first_core
        finally:
            self._free.put(first_core)
            self.tell("ended", work)


def _where(pending: Pending, kind: str) -> str:
    """The place where a trace is made: all devices, or the first one."""
    return pending.place if kind.startswith(ALL_DEVICES) else pending.device


def _able(workload: Workload) -> Callable[[Contender], bool]:
    """Whether the workload's family has a file for a framework."""
    return lambda item: model_families.has_file(workload.family, item.framework)


def _alone(workload: Workload) -> str:
    """Why nothing can be compared, if the workload's family has a file for one framework alone; else empty."""
    known = [name for name in frameworks.framework_names() if model_families.has_file(workload.family, name)]
    return f"the family has a file for {known[0]} alone, so nothing can be compared" if len(known) == 1 else ""


def _work(pending: Pending, contender: Contender, kind: str) -> Work:
    where = "" if pending.place == "cpu" else f" on {pending.place}"
    tuning = ", ".join(f"{name} {value}" for name, value in pending.tunings.get(str(contender), {}).items())
    nudged = ", from weights and inputs that differ in the last bit" if kind.endswith(NUDGED) else ""
    how = f"{kind.removesuffix(NUDGED)}{f' with {tuning}' if tuning else ''}{nudged}"
    return Work(
        name=f"proving {pending.workload.name} {contender}{where} in {how}",
        purpose="certificate",
        framework=str(contender),
        estimate_s=ASSUMED_TRACE_S,
        at_once=UNTIMED_AT_ONCE,
    )


def _on_several_devices(pending: Pending, made: Mapping[str, Certificate]) -> dict[str, Certificate]:
    """The certificates with the proof that all devices of the place do the work of one of them."""
    devices = places.read(pending.place).devices
    if devices == 1:
        return {}
    reasons = {name: reason for name in made if (reason := unequal(pending.workload, name))}
    found: dict[str, list[Traced]] = {}
    for contender, _, trace in pending.parallel:
        found.setdefault(str(contender), []).append(trace.result() if isinstance(trace, Future) else trace)
    extended = {name: data_parallel.not_expected(made[name], reason) for name, reason in reasons.items()}
    for name, (one, several) in found.items():
        refused = [item for item in (one, several) if isinstance(item, Refusal)]
        traces = (item.reason if isinstance(item, Refusal) else item for item in (one, several))
        extended[name] = replace(
            data_parallel.proven(made[name], *traces, devices=devices),
            available=made[name].available and all(item.available for item in refused),
        )
    return extended


def _noted(certificate: Certificate, options: FrameworkOptions) -> Certificate:
    words = ", ".join(f"{name} {value}" for name, value in options.items())
    return replace(certificate, notes=(*certificate.notes, f"proven with {words}"))


def source_digest(workload: Workload, framework: str) -> str:
    """The digest of how a framework runs a workload: its files of the model family, and its adapter."""
    text = model_families.framework_source(workload.family, framework) + frameworks.adapter_source(framework)
    return hashlib.sha256(text).hexdigest()[:16]


def _path(pending: Pending, contender: Contender, kind: str) -> Path:
    """The cache file of a trace; its name is a hash of everything that decides what the trace holds."""
    what = [
        pending.workload.proof_digest,
        source_digest(pending.workload, contender.framework),
        str(contender),
        frameworks.versions(contender),
        places.read(pending.device).kind,
        kind,
        dict(sorted(pending.tunings.get(str(contender), {}).items())),
        equivalence.STEPS,
        equivalence.LOSS_STEPS,
        second_network.STEPS,
        dropout_masks.STEPS,
        dropout_masks.SAMPLES,
        source_code.code_of(HARNESS / name for name in DECISIVE).decode(),
        repr(model_families.spec_module(pending.workload.family).PROBES),
        *filter(None, [environment.inherited_variables()]),
    ]
    return cache.folder() / "traces" / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}.npz"
