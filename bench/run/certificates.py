"""Finds the certificates that the cases of a run need, and the proofs that are missing; `proofs` makes them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.analysis.remaining_time import Work
from bench.records.environment import available_cores
from bench.records.record import Case, Certificate
from bench.run.proofs import Pending, Proofs, Step
from bench.run.settings import ENDING, Event, Listen, RunSettings, contender, untimed
from bench.run.worker_pool import UNTIMED_AT_ONCE, WorkerPool
from bench.workload.axes import FrameworkOptions, Precision
from bench.workload.frameworks import Contender
from bench.workload.grid_variants import proven_by
from bench.workload.workload import Workload

PROOF_LIMIT_S = 1800.0


class ProofKey(NamedTuple):
    """What has to be proven: one fold of a workload stands for all folds, `options` are those of the framework."""

    workload: str
    contender: str
    device: str
    precision: Precision
    options: tuple[tuple[str, str], ...] = ()


Certificates = Mapping[ProofKey, Certificate]


def proof_key(case: Case, options: FrameworkOptions) -> ProofKey:
    """The key of the proof that a case with these options needs."""
    sorted_options = tuple(sorted(options.items()))
    return ProofKey(proven_by(case.workload), case.contender, case.device, case.precision, sorted_options)


def certify(  # noqa: PLR0913 (what is proven, and where it is logged and shown)
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    *,
    device: str,
    precision: Precision = "fp32",
    logs: Path,
    listen: Listen,
) -> dict[tuple[str, str], Certificate]:
    """The certificates of these frameworks, by the name of the workload and the framework, as `keras/jax`."""
    fleet = WorkerPool(logs)
    try:
        with untimed() as pool:
            made_by = prover(fleet, pool, listen)
            begun = [made_by.begin(item, contenders, device=device, precision=precision) for item in workloads]
            made = {pending.workload.name: made_by.collect(pending) for pending in begun}
        return {
            (name, str(item)): certificates[str(item)] for name, certificates in made.items() for item in contenders
        }
    finally:
        listen(ENDING)
        fleet.close()


def prover(fleet: WorkerPool, pool: ThreadPoolExecutor, listen: Listen) -> Proofs:
    """The maker of all certificates; it computes two traces at once, each on its share of the cores."""

    def tell(kind: Step, work: Work) -> None:
        listen(Event(kind=kind, work=work))

    return Proofs(fleet, pool, threads=max(1, available_cores() // UNTIMED_AT_ONCE), limit_s=PROOF_LIMIT_S, tell=tell)


def begin(
    made_by: Proofs, cases: Sequence[Case], options: Callable[[Case], Sequence[FrameworkOptions]], settings: RunSettings
) -> dict[ProofKey, Pending]:
    """Begin the proofs of all cases and their options, each with all frameworks that run the same work."""
    wanted = {proof_key(case, used): contender(case) for case in cases for used in options(case)}
    begun: dict[ProofKey, Pending] = {}
    usual: dict[ProofKey, Pending] = {}
    for item in wanted:
        work = item._replace(contender="", options=())
        peers = sorted({who for other, who in wanted.items() if other._replace(contender="", options=()) == work})
        prove = partial(
            made_by.begin, settings.workloads[item.workload], peers, device=item.device, precision=item.precision
        )
        if item.options:
            begun[item] = prove(tunings={item.contender: dict(item.options)})
        else:
            usual[work] = begun[item] = usual.get(work) or prove()
    return begun


def collect(made_by: Proofs, begun: Mapping[ProofKey, Pending], settings: RunSettings) -> Certificates:
    """Wait for the proofs that have begun; their certificates by key."""
    made: dict[int, dict[str, Certificate]] = {}
    found = {}
    for item, pending in begun.items():
        if id(pending) not in made:
            settings.listen(Event(kind="waiting", news={"for": f"the proofs of {pending.workload.name}"}))
            made[id(pending)] = made_by.collect(pending)
        found[item] = made[id(pending)][item.contender]
        what = {name: getattr(item, name) for name in ("workload", "device", "precision")}
        settings.listen(Event(kind="proven", certificate=found[item], news={**what, "options": dict(item.options)}))
    return found


def tuned(made_by: Proofs, case: Case, options: FrameworkOptions, settings: RunSettings) -> Certificate:
    """The certificate of one case with these options."""
    begun = begin(made_by, [case], lambda _: [options], settings)
    return made_by.collect(begun[proof_key(case, options)])[case.contender]


def of(case: Case, options: Sequence[FrameworkOptions], known: Certificates) -> Certificate | None:
    """The certificate of a case, joined from those of all options that it uses; None if there is none."""
    found = [known[proof_key(case, used)] for used in options if proof_key(case, used) in known]
    if not found:
        return None
    return replace(
        found[0],
        deviations=tuple(dict.fromkeys(line for item in found for line in item.deviations)),
        notes=tuple(dict.fromkeys(note for item in found for note in item.notes)),
        problem=next((item.problem for item in found if item.problem), None),
        available=all(item.available for item in found),
    )
