"""Certificates as `levelfield verify` shows them: as a table, and as JSON for other programs."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.analysis.deviations import FORWARD_LIMIT
from bench.analysis.equivalence import (
    MANTISSA_BITS,
    NO_SECOND,
    PEERS,
    STEPS,
    WEIGHTS_LIMIT,
    added_peers,
)
from bench.analysis.second_network import LOADED_CHECK
from bench.records.record import Certificate, Deviation, to_json
from bench.report import formatting
from bench.report.layout import Entry, Table, left
from bench.report.results import STATUS_WORDS, Status

Certificates = Mapping[tuple[str, str], Certificate]

PROVEN = f"Proven equal: in float64, outputs agree with {{what}} within {FORWARD_LIMIT:.0e}."
REFERENCE, EACH_OTHER = "a NumPy reference", "those of the other frameworks"
WEIGHTS = (
    f"Weights after {STEPS} optimizer steps agree with those of {{others}} within {WEIGHTS_LIMIT:.0e}, unless the "
    "certificate notes a wider limit."
)
ALONE = (
    f"There was no other framework to compare with, so nothing is known of the weights after {STEPS} optimizer steps."
)
FAILED = "Proof failed: `levelfield verify` looks into the networks, and says where they first deviate."
PLACE = re.compile(r"^\S+\.py, line \d+: ")  # where the code of a user's network failed
SHARED = "All of them say the same, so look at spec.py first"
RANDOM = "A network with random weights agrees with {what} too, and exports these weights unchanged."


def hold(found: Certificates) -> bool:
    """Whether every framework that can do the work is proven equal.

    A framework that is proven equal on one device, and from which no proof is expected on several, counts as well.
    """
    return all(item.passed or _on_one_device(item) for item in found.values() if item.available)


def _on_one_device(certificate: Certificate) -> bool:
    """Whether all that is missing is a proof on several devices, which is not expected."""
    return certificate.alone and any(line.against != "probe" for line in certificate.deviations)


def meaning(found: Iterable[Certificate]) -> str:
    """What `proven equal` means for these certificates; older ones had no network with random weights."""
    proofs = tuple(found)
    checks = [{line.check for line in item.deviations} for item in proofs if item.deviations]
    against = {line.against for item in proofs for line in item.deviations}
    has_reference = not against or "reference" in against
    outputs, network = (REFERENCE, "the reference") if has_reference else (EACH_OTHER, "theirs")
    random = [RANDOM.format(what=network)] if checks and all(LOADED_CHECK in known for known in checks) else []
    return " ".join([PROVEN.format(what=outputs), _weights(proofs), *random])


def legend(found: Iterable[Certificate]) -> str:
    """What the words `proven equal` and `proof failed` mean below a table of figures; empty without certificates."""
    proofs = tuple(found)
    failed = [item for item in proofs if item.available and item.deviations and not (item.passed or item.alone)]
    passed = [meaning(proofs)] if len(failed) < len(proofs) else []
    return " ".join([*passed, *([FAILED] if failed else [])])


def _weights(proofs: Sequence[Certificate]) -> str:
    """By which comparison the weights are proven; a single framework names those that it was compared with."""
    against = {line.against for item in proofs for line in item.deviations}
    peers = [name for name in PEERS if name in against]
    alone = against or any(NO_SECOND in (item.problem or "") for item in proofs)
    if len({item.contender for item in proofs}) > 1 or not (peers or alone):
        return WEIGHTS.format(others="the other frameworks")
    return WEIGHTS.format(others=" and ".join(peers)) if peers else ALONE


def status_of(certificate: Certificate) -> Status:
    """Whether there is a proof, and whether it holds."""
    if certificate.alone:
        return "missing"
    return "passed" if certificate.passed else "failed" if certificate.available else "unavailable"


def table(found: Certificates) -> Table:
    """One row for each workload and framework, with its largest deviation in each check."""
    checks = tuple(dict.fromkeys(item.check for certificate in found.values() for item in certificate.deviations))
    rows = tuple(
        (
            Entry(workload),
            Entry(contender),
            Entry(STATUS_WORDS[status_of(certificate)]),
            *(_largest(certificate, check) for check in checks),
        )
        for (workload, contender), certificate in found.items()
    )
    columns = left("workload", "framework", "certificate", *checks)
    legend = [meaning(found.values())] if any(item.passed for item in found.values()) else []
    notes = (*legend, *_added(found), *_notes(found), *_problems(found))
    return Table(title="Largest relative deviations", columns=columns, rows=rows, notes=notes)


def _problems(found: Certificates) -> Iterator[str]:
    """Each problem with its workload and framework; one that several files of a user's network have is told once."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for (workload, contender), item in found.items():
        if item.problem:
            by_reason.setdefault((workload, PLACE.sub("", item.problem)), []).append(contender)
    for (workload, reason), contenders in by_reason.items():
        problems = [found[workload, contender].problem for contender in contenders]
        if len(contenders) > 1 and reason not in problems:
            yield f"{workload} {', '.join(contenders)}: {reason}. {SHARED}"
        else:
            yield from (f"{workload} {name}: {said}" for name, said in zip(contenders, problems, strict=True))


def mantissa_bits(line: Deviation) -> Entry:
    """The mantissa bits that survived, of those that the precision has: `23 of 23`, `13 bits off`."""
    bits = MANTISSA_BITS[line.check.split()[0]]
    return Entry(f"{line.found:.0f} bits off" if line.found else f"{bits} of {bits}", line.found)


def place(line: Deviation) -> str:
    """The weights that deviate most, where the check names them: `, most in hidden0.bias`."""
    return f", most in {line.tensor}" if line.tensor else ""


def as_json(found: Certificates) -> dict[str, Any]:
    """All contents of the certificates, and whether all passed; a deviation that is not finite is null."""
    return {
        "passed": hold(found),
        "certificates": [
            {"workload": workload, "passed": item.passed, **_named(item), "deviations": _deviations(item)}
            for (workload, _), item in found.items()
        ],
    }


def _named(certificate: Certificate) -> dict[str, Any]:
    """The certificate with the key `framework` for what records call `contender`."""
    content = to_json(certificate)
    return {"framework": content.pop("contender"), **content}


def _added(found: Certificates) -> list[str]:
    """The frameworks that were not asked for and deviate from those that were, by workload."""
    added: dict[tuple[str, ...], dict[str, None]] = {}
    for workload in dict.fromkeys(name for name, _ in found):
        proofs = [item for (name, _), item in found.items() if name == workload]
        deviating = {line.against for item in proofs for line in item.deviations if not line.holds}
        peers = tuple(name for name in added_peers(proofs) if name in deviating)
        added.setdefault(peers, {})[workload] = None
    needs = f"too: a proof needs two of {', '.join(PEERS)}"
    return [
        f"{', '.join(names)}: compared with {' and '.join(peers)} {needs}" for peers, names in added.items() if peers
    ]


def _notes(found: Certificates) -> list[str]:
    """Each note once, with the names of its workloads unless it is about all of them."""
    about: dict[str, dict[str, None]] = {}
    for (workload, _), certificate in found.items():
        for note in certificate.notes:
            about.setdefault(note, {})[workload] = None
    everything = {workload for workload, _ in found}
    return [
        note if set(workloads) == everything else f"{', '.join(workloads)}: {note}" for note, workloads in about.items()
    ]


def _deviations(certificate: Certificate) -> list[dict[str, Any]]:
    """The deviations of a certificate; NaN and infinity become null, because JSON has neither."""
    return [
        {**to_json(item), "found": item.found if math.isfinite(item.found) else None, "holds": item.holds}
        for item in certificate.deviations
    ]


def _excess(line: Deviation) -> tuple[bool, float]:
    """By which the lines of one check are compared; NaN is worse than any number and must stay visible.

    Where nothing is allowed, any deviation is worse than all allowed ones.
    """
    allowed = line.found / line.allowed if line.allowed else math.inf if line.found else 0.0
    return math.isnan(line.found), allowed


def _largest(certificate: Certificate, check: str) -> Entry:
    items: Iterable[Any] = [item for item in certificate.deviations if item.check == check]
    worst = max(items, key=_excess, default=None)
    if worst is None:
        return Entry("none")
    if "mantissa bits" in check:
        return mantissa_bits(worst)
    mark = "" if worst.holds else f" > {formatting.limit(worst.allowed)}{place(worst)}"
    return Entry(formatting.deviation(worst.found) + mark, worst.found)
