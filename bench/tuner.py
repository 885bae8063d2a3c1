"""The fastest options of each cell in mode `tuned`: from the cache, or searched for and proven now."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, final

from pydantic import TypeAdapter, ValidationError

from bench import cache, certification, frameworks, tuning
from bench.fleet import Fleet
from bench.jobs import Event, Settings, contender, job, untimed
from bench.metrics import METRICS, value
from bench.proof import Options, Proofs, source_digest
from bench.record import Candidate, Case, Measurement, Scenario, Tuning, to_json
from bench.tuning import DECIDES


class Spot(NamedTuple):
    """What options are searched for: they may be others on every device and at every batch size."""

    workload: str
    contender: str
    device: str
    precision: str
    threads: int
    scenario: Scenario
    batch_size: int

    @property
    def place(self) -> str:
        """Where it is, for a title."""
        device = f"{self.device}, {self.precision}, {self.threads} threads"
        return f"{self.workload} {self.contender} {self.scenario}, batch {self.batch_size}, on {device}"


def spots(case: Case) -> tuple[Spot, ...]:
    """Where a case needs options, by its batch sizes; none in another mode."""
    if case.mode != "tuned":
        return ()
    where = (case.workload, case.contender, case.device, case.precision, case.threads, case.scenario)
    return tuple(Spot(*where, size) for size in case.batch_sizes)


def tune(  # noqa: PLR0913 (what a search needs)
    cases: Sequence[Case],
    fleet: Fleet,
    proofs: Proofs,
    settings: Settings,
    *,
    again: bool = False,
    exhaustive: bool = False,
) -> dict[Spot, Tuning]:
    """One search after another, before anything else is at work: candidates are told apart by their times.

    With `again` nothing is taken from the cache.
    """
    wanted = {
        spot: replace(case, purpose="timing", batch_sizes=(spot.batch_size,), replicate=0, feed="device")
        for case in cases
        for spot in spots(case)
    }
    if not wanted:
        return {}
    fleet.wait()
    tuner = Tuner(fleet=fleet, proofs=proofs, settings=settings, again=again, exhaustive=exhaustive)
    return {spot: tuner.find(case) for spot, case in wanted.items()}


def search(cases: Sequence[Case], settings: Settings, *, again: bool, exhaustive: bool = False) -> dict[Spot, Tuning]:
    """The same by itself, with processes of its own; an exhaustive search takes nothing from the cache."""
    fleet = Fleet(settings.logs)
    try:
        fleet.start((contender(case), case.device) for case in cases)
        with untimed() as pool:
            proofs = certification.proofs(fleet, pool, settings.listen)
            return tune(cases, fleet, proofs, settings, again=again or exhaustive, exhaustive=exhaustive)
    finally:
        fleet.close()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tuner:
    """Searches with the processes of a run, and proves what it finds: the fastest that is proven is chosen."""

    fleet: Fleet
    proofs: Proofs
    settings: Settings
    again: bool
    exhaustive: bool = False

    def find(self, case: Case) -> Tuning:
        """The search for a case of one batch size, from the cache where it is known."""
        path = self._path(case)
        known = None if self.again else _read(path)
        if known is not None:
            return known
        made = self._search(case)
        if made.candidates[0].times_s:  # what failed is tried again next time
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(to_json(made)), "utf-8")
        return made

    def _search(self, case: Case) -> Tuning:
        asked = self._do(case, {"kind": "choices", "precision": case.precision, "scenario": case.scenario})
        if asked["outcome"] == "ok":
            choices = tuning.candidates(asked["choices"])
            ranked = tuning.search(choices, partial(self._timed, case), exhaustive=self.exhaustive)
        else:
            ranked = (Candidate(options={}, outcome=asked["outcome"], error=asked["error"]),)
        chosen, ranked = self._proven(case, ranked)
        return Tuning(
            batch_size=case.batch_sizes[0],
            options=chosen,
            metric=DECIDES[case.scenario],
            searched=datetime.now(tz=UTC).isoformat(timespec="seconds"),
            candidates=ranked,
        )

    def _do(self, case: Case, how: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = job(case, self.settings) | dict(how)
        return self.fleet.run(contender(case), case.device, asked, limit_s=self.settings.limit_s).result

    def _timed(self, case: Case, options: Options, block_seconds: float) -> Candidate:
        self.settings.listen(Event(kind="tuning", case=case, news=dict(options)))
        tunings = {size: dict(options) for size in case.batch_sizes}
        how = {"brief": not self.exhaustive, "block_seconds": block_seconds, "turns": None}
        result = self._do(case, {"tunings": tunings, **how})
        found = TypeAdapter(Measurement).validate_python(result.get("measurement", {}))
        times = [value(METRICS[DECIDES[case.scenario]], block) for block in found.blocks]
        well = result["outcome"] == "ok"
        return Candidate(
            options=dict(options),
            outcome=result["outcome"],
            error=result["error"],
            times_s=tuple(time for time in times if time is not None) if well else (),
        )

    def _proven(self, case: Case, ranked: tuple[Candidate, ...]) -> tuple[dict[str, str], tuple[Candidate, ...]]:
        """The options of the fastest that does the same work, and all with what was found out about them.

        What the guide says needs no proof to be chosen: where it is not proven, the record says so.
        """
        known = list(ranked)
        for number, candidate in enumerate(known):
            if not candidate.options or not candidate.times_s:
                break
            certificate = certification.tuned(self.proofs, case, candidate.options, self.settings)
            if certificate.passed:
                return dict(candidate.options), tuple(known)
            wrong = next((item.check for item in certificate.deviations if not item.holds), certificate.problem)
            known[number] = replace(candidate, outcome="unproven", error=f"not proven: {wrong}")
        return {}, tuple(known)

    def _path(self, case: Case) -> Path:
        workload, versions, (spot,) = (
            self.settings.workloads[case.workload],
            frameworks.versions(contender(case)),
            spots(case),
        )
        sources = (Path(tuning.__file__).read_text("utf-8"), source_digest(workload, case.framework))
        what = [self.settings.machine, workload.digest, *sources, versions, *spot]
        return cache.folder() / "tunings" / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> Tuning | None:
    try:
        return TypeAdapter(Tuning).validate_json(path.read_text("utf-8"))
    except (OSError, ValidationError):
        return None
