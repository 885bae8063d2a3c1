"""Certificates: the traces of all frameworks, from the cache or from a worker, held against each other."""

import hashlib
import json
from collections.abc import Callable, Container, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, final

from bench import cache, equivalence, families, frameworks
from bench.equivalence import Trace
from bench.fleet import Fleet
from bench.frameworks import Contender
from bench.record import Certificate
from bench.workload import Workload
from models.layers.spec import without_dropout

PROVEN_IN = ("fp64", "fp32")  # whatever precision is used beside them
NUDGED = "fp64 nudged"
PAIR = 2
DECISIVE = ("trace.py", "subject.py", "datasets/base.py")  # what a trace holds, how it is begun, in which batches

Tell = Callable[[str, str, str], None]


class Refusal(NamedTuple):
    """Why there is no trace; a framework that cannot do the work is not available."""

    reason: str
    available: bool


Traced = Trace | Refusal
_Tracing = tuple[Contender, str, Trace | Future[Traced]]  # of whom, in which precision


@final
class Proofs:
    """Makes the traces that are not in the cache yet, and from all of them the certificates.

    `tell` hears of each trace that is made: workload, contender, precision. What is proven in a reduced precision is
    proven in float64 and float32 as well.
    """

    def __init__(self, fleet: Fleet, pool: ThreadPoolExecutor, *, threads: int, limit_s: float, tell: Tell) -> None:
        self.fleet, self.pool = fleet, pool
        self.threads, self.limit_s, self.tell = threads, limit_s, tell
        self._traces: dict[tuple[str, str, str], list[_Tracing]] = {}
        self._jobs: dict[Path, Future[Traced]] = {}  # what is proven in two precisions shares traces

    def begin(
        self, workload: Workload, contenders: Sequence[Contender], *, device: str, precision: str = "fp32"
    ) -> None:
        """Begin the proofs of one workload, with a second framework to compare with where only one was chosen."""
        everyone = (*contenders, *second(contenders))
        self._traces[workload.name, device, precision] = self._begin(workload, everyone, device, precision)

    def _begin(
        self, workload: Workload, contenders: Sequence[Contender], device: str, precision: str
    ) -> list[_Tracing]:
        """The traces of these contenders, from the cache or under way."""
        needed = dict.fromkeys((*PROVEN_IN, precision))
        known = {
            (contender, kind): equivalence.read_trace(_path(workload, contender, device, kind))
            for kind in needed
            for contender in contenders
        }
        self.fleet.start((contender, device) for (contender, _), trace in known.items() if trace is None)
        return [
            (contender, kind, trace or self._submitted(workload, contender, device, kind))
            for (contender, kind), trace in known.items()
        ]

    def _submitted(self, workload: Workload, contender: Contender, device: str, kind: str) -> Future[Traced]:
        path = _path(workload, contender, device, kind)
        if path not in self._jobs:
            self._jobs[path] = self.pool.submit(self._trace, workload, contender, device, kind)
        return self._jobs[path]

    def collect(self, workload: Workload, *, device: str, precision: str = "fp32") -> dict[str, Certificate]:
        """Wait for the traces of one workload; the certificates by contender."""
        traces: dict[str, dict[str, Trace]] = {kind: {} for kind in (*PROVEN_IN, precision)}
        refusals: dict[str, Refusal] = {}
        contenders: dict[Contender, None] = {}
        under_way = self._traces.pop((workload.name, device, precision))
        while under_way:
            for contender, kind, trace in under_way:
                contenders[contender] = None
                found = trace.result() if isinstance(trace, Future) else trace
                if isinstance(found, Refusal):
                    refusals[str(contender)] = found
                else:
                    traces[kind][str(contender)] = found
            # Where a framework that was to be compared with cannot do the work, the next one takes its place.
            under_way = self._begin(workload, second(tuple(contenders), refused=refusals), device, precision)
        dropout = without_dropout(workload.spec) != workload.spec
        make = partial(equivalence.certify, double=traces["fp64"], single=traces["fp32"], dropout=dropout)
        made = {name: make(name) for name in map(str, contenders)}
        suspects = [name for name, certificate in made.items() if equivalence.is_amplified(certificate)]
        if suspects:
            nudged = self._nudged(workload, suspects, device)
            made |= {name: make(name, nudged=nudged) for name in suspects}
        made = {name: equivalence.in_precision(item, precision, traces[precision]) for name, item in made.items()}
        return made | {
            name: replace(made[name], problem=refusal.reason, available=refusal.available)
            for name, refusal in refusals.items()
        }

    def _nudged(self, workload: Workload, names: Sequence[str], device: str) -> dict[str, Trace]:
        """How far each of these frameworks is from itself, where that could be found out."""
        contenders = [item for item in frameworks.every_contender() if str(item) in names]
        known = {item: equivalence.read_trace(_path(workload, item, device, NUDGED)) for item in contenders}
        missing = [item for item, trace in known.items() if trace is None]
        self.fleet.start((item, device) for item in missing)
        jobs = {item: self.pool.submit(self._trace, workload, item, device, NUDGED) for item in missing}
        found: dict[Contender, Traced | None] = {**known, **{item: job.result() for item, job in jobs.items()}}
        return {str(item): trace for item, trace in found.items() if not isinstance(trace, Refusal | None)}

    def _trace(self, workload: Workload, contender: Contender, device: str, precision: str) -> Traced:
        path = _path(workload, contender, device, precision)
        self.tell(workload.name, str(contender), precision)
        job = {
            "kind": "trace",
            "framework": contender.framework,
            "device": device,
            "threads": self.threads,
            "workload": workload.content,
            "source": workload.source,
            "log": str(self.fleet.logs / f"proof-{workload.name}-{contender}.log".replace("/", "-")),
            "precision": precision.partition(" ")[0],
            "nudged": precision == NUDGED,
            "seed": workload.recipe.seed,
            "path": str(path),
        }
        result = self.fleet.run(contender, device, job, limit_s=self.limit_s).result
        made = equivalence.read_trace(path)
        return made if made is not None else Refusal(str(result["error"]), result["outcome"] != "unavailable")


def source_digest(workload: Workload, framework: str) -> str:
    """How a workload is done: the framework's files of the family, and its adapter."""
    text = families.framework_source(workload.family, framework) + frameworks.adapter_source(framework)
    return hashlib.sha256(text).hexdigest()[:16]


def second(contenders: Sequence[Contender], *, refused: Container[str] = ()) -> tuple[Contender, ...]:
    """What must be proven beside the chosen ones, so that there are two to compare; `refused` ones cannot be."""
    known = {str(item): item for item in frameworks.every_contender()}
    peers = [known[name] for name in equivalence.PEERS]  # the quickest to start comes first
    others = [item for item in peers if item not in contenders and frameworks.is_installed(item)]
    missing = PAIR - sum(item in contenders and str(item) not in refused for item in peers)
    return tuple(others[: max(0, missing)])


def _path(workload: Workload, contender: Contender, device: str, precision: str) -> Path:
    """Where a trace is kept, by everything that decides what it holds."""
    what = [
        workload.proof_digest,
        source_digest(workload, contender.framework),
        str(contender),
        frameworks.versions(contender),
        device.partition(":")[0],
        precision,
        equivalence.STEPS,
        equivalence.LOSS_STEPS,
        *((Path(__file__).parent / name).read_text() for name in DECISIVE),
    ]
    return cache.folder() / "traces" / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}.npz"
