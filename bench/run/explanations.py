"""Looks into networks whose proof failed, and finds where their implementations first deviate."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.analysis import data_parallel, dropout_masks, equivalence, first_deviation
from bench.analysis.deviations import Trace
from bench.analysis.first_deviation import Found
from bench.records.environment import available_cores
from bench.records.record import Certificate
from bench.records.trace_files import read_trace
from bench.run.worker_pool import WorkerPool
from bench.workload import frameworks, model_families, places
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload

LIMIT_S = 600.0
REFERENCE = "reference"  # the other side of a comparison with `forward` in spec.py


class Explanation(NamedTuple):
    """Where one framework's network deviates from that of another; `found` is None if both agree in a single step.

    `right` and `wrong` are those of the two that agree with the reference of the network, and those that do not.
    `only_with_dropout`: all checks without dropout hold.
    """

    workload: str
    contender: str
    other: str
    found: Found | None
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    only_with_dropout: bool = False


def explain(
    workload: Workload, certificates: Mapping[str, Certificate], *, device: str, logs: Path
) -> list[Explanation]:
    """For each framework whose proof failed: where it first deviates from the one that most others agree with.

    `certificates` are those of one workload by framework; a framework that a proof added to them is looked at too.
    Frameworks that cannot run the work are left out, and those whose look into the network failed. A framework that
    agrees in a single step is left out if another one does not: the proof of each fails if one of them deviates.

    Networks are looked into on one device, so a proof that fails on several devices alone is not explained.
    """
    if places.read(device).devices > 1:
        certificates = {name: data_parallel.on_one_device(item) for name, item in certificates.items()}
        device = places.first(device)
    if all(item.passed for item in certificates.values()):
        return []
    added = equivalence.added_peers(certificates.values())
    wanted = [
        item for item in frameworks.every_contender() if _is_asked(certificates.get(str(item))) or str(item) in added
    ]
    looks = _looks(workload, wanted, device=device, logs=logs)
    shapes = model_families.spec_module(workload.family).parameter_shapes(workload.spec)
    found = {
        (mine, other): first_deviation.first(looks[mine], looks[other], shapes)
        for mine in looks
        for other in looks
        if mine != other
    }
    if not found:
        return []
    base = max(looks, key=lambda name: sum(place is None for (_, other), place in found.items() if other == name))
    failed = [name for name in looks if name != base and not (name in certificates and certificates[name].passed)]
    holds = {name: against_reference(certificates[name]) if name in certificates else None for name in looks}
    lines = [
        Explanation(
            workload.name,
            name,
            base,
            found[name, base],
            right=tuple(item for item in (name, base) if holds[item]),
            wrong=tuple(item for item in (name, base) if holds[item] is False),
            only_with_dropout=_only_with_dropout(certificates[item] for item in (name, base) if item in certificates),
        )
        for name in failed
    ]
    return [line for line in lines if line.found is not None] or [
        line for line in lines if line.contender in certificates and certificates[line.contender].deviations
    ]


def against_reference(certificate: Certificate) -> bool | None:
    """Whether the outputs agree with the reference of the network; None if they were not compared with one."""
    compared = [line.holds for line in certificate.deviations if line.against == REFERENCE]
    return all(compared) if compared else None


def _only_with_dropout(proofs: Iterable[Certificate]) -> bool:
    """Whether only checks of dropout do not hold."""
    failed = {line.check for item in proofs for line in item.deviations if not line.holds}
    return bool(failed) and failed <= dropout_masks.CHECKS


def _is_asked(certificate: Certificate | None) -> bool:
    return certificate is not None and certificate.available and not certificate.alone


def _looks(workload: Workload, contenders: Sequence[Contender], *, device: str, logs: Path) -> dict[str, Trace]:
    """A look into the network of each framework, by its name."""
    fleet = WorkerPool(logs)
    made: dict[str, Trace] = {}
    try:
        fleet.start((item, device) for item in contenders)
        with TemporaryDirectory(prefix="levelfield-") as folder:
            for number, item in enumerate(contenders):
                path = Path(folder, f"{number}.npz")
                fleet.run(item, device, _job(workload, item, device=device, path=path, logs=logs), limit_s=LIMIT_S)
                trace = read_trace(path)
                made |= {str(item): trace} if trace is not None else {}
    finally:
        fleet.close()
    return made


def _job(workload: Workload, contender: Contender, *, device: str, path: Path, logs: Path) -> dict[str, object]:
    return {
        "kind": "look",
        "framework": contender.framework,
        "device": device,
        "threads": available_cores(),
        "workload": workload.content,
        "source": workload.source,
        "log": str(logs / f"look-{workload.name}-{contender}.log".replace("/", "-")),
        "precision": "fp64",
        "seed": workload.recipe.seed,
        "path": str(path),
    }
