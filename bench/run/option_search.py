"""Finds the fastest proven options of each cell in mode `tuned`, in the cache or by a search."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, final

from pydantic import TypeAdapter, ValidationError

from bench import cache
from bench.analysis import successive_halving
from bench.analysis.successive_halving import DECIDES
from bench.records import environment
from bench.records.cell import Cell, cells
from bench.records.record import Candidate, Case, SearchResult, to_json
from bench.run import certificates
from bench.run.interleaved_timing import Laps
from bench.run.proofs import Proofs, source_digest
from bench.run.settings import ENDING, Event, RunSettings, contender, job, search_work, shown, untimed
from bench.run.worker_pool import WorkerPool
from bench.workload import frameworks, source_code

# The code that decides which options are candidates and how they are timed. Cached searches are void where it changes.
TIMING = tuple(
    Path(__file__).parents[1] / f"{name}.py"
    for name in (
        "analysis/successive_halving",
        "run/interleaved_timing",
        "worker/prepared_workload",
        "adapters/base",
        *(
            f"worker/measure/{name}"
            for name in ("inference", "memory", "block", "timing_server", "training", "timed_call")
        ),
    )
)


KIND = attrgetter("contender", "device")


def tuned_cells(case: Case) -> tuple[Cell, ...]:
    """The cells for which a case in mode `tuned` needs options, whatever its `feed`; none in mode `idiomatic`.

    A server uses the options that are the fastest for a single query.
    """
    return cells(replace(case, feed="device", serving=None)) if case.mode == "tuned" else ()


def tune(  # noqa: PLR0913 (what a search needs)
    cases: Sequence[Case],
    fleet: WorkerPool,
    proofs: Proofs,
    settings: RunSettings,
    *,
    again: bool = False,
    exhaustive: bool = False,
) -> dict[Cell, SearchResult]:
    """The search result of each cell that the cases need; searches run one after the other, with no other work beside.

    With `again` nothing is taken from the cache.
    """
    searched = _searched(cases)
    if not searched:
        return {}
    tuner = Tuner(fleet=fleet, proofs=proofs, settings=settings, again=again, exhaustive=exhaustive)
    for case in filter(None, map(tuner.missing, searched)):
        settings.listen(Event(kind="planned", work=search_work(case)))
    settings.listen(Event(kind="waiting", news={"for": "the frameworks to start"}))
    fleet.wait()
    found: dict[Cell, SearchResult] = {}
    for _, alike in groupby(searched, key=KIND):
        for case in alike:
            found |= tuner.find(case)
        settings.listen(ENDING)
        fleet.dismiss()
    return found


def _searched(cases: Sequence[Case]) -> list[Case]:
    """A case for each search, at all its batch sizes.

    They are sorted by framework and device, so that the processes of a framework start only once.
    """
    sizes: dict[Cell, dict[int, Case]] = {}  # by cell with batch size 0, then by batch size
    for case in cases:
        for cell in tuned_cells(case):
            sizes.setdefault(replace(cell, batch_size=0), {}).setdefault(cell.batch_size, case)
    found = []
    for by_size in sizes.values():
        case = replace(next(iter(by_size.values())), purpose="timing", serving=None, replicate=0, seed=0, feed="device")
        found.append(replace(case, batch_sizes=tuple(by_size)))
    return sorted(found, key=KIND)


def search(
    cases: Sequence[Case], settings: RunSettings, *, again: bool, exhaustive: bool = False
) -> dict[Cell, SearchResult]:
    """The same as `tune`, with a worker pool of its own; an exhaustive search leaves the cache as it is."""
    fleet = WorkerPool(settings.logs)
    try:
        fleet.start((contender(case), case.device) for case in cases)
        with untimed() as pool:
            proofs = certificates.prover(fleet, pool, settings.listen)
            return tune(cases, fleet, proofs, settings, again=again, exhaustive=exhaustive)
    finally:
        settings.listen(ENDING)
        fleet.close()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tuner:
    """Searches with the processes of a run, and chooses the fastest options that are proven equivalent."""

    fleet: WorkerPool
    proofs: Proofs
    settings: RunSettings
    again: bool
    exhaustive: bool = False

    def missing(self, case: Case) -> Case | None:
        """The case at those of its batch sizes for which the cache has no search; None where it has all."""
        sizes = tuple(cell.batch_size for cell in tuned_cells(case) if self.again or self._known(case, cell) is None)
        return replace(case, batch_sizes=sizes) if sizes else None

    def find(self, case: Case) -> dict[Cell, SearchResult]:
        """The search results for the batch sizes of a case, from the cache where they are known."""
        made: dict[int, SearchResult] = {}
        missing = self.missing(case)
        if missing is not None:
            made = self._search(missing)
        found: dict[Cell, SearchResult] = {}
        for cell in tuned_cells(case):
            if cell.batch_size in made:
                found[cell] = made[cell.batch_size]
                self.settings.listen(Event(kind="tuned", case=case, tuning=found[cell]))
                self._keep(case, cell, found[cell])
            elif (known := self._known(case, cell)) is not None:
                found[cell] = known
        return found

    def _keep(self, case: Case, cell: Cell, found: SearchResult) -> None:
        """Store a search in the cache.

        A search that failed is repeated next time. An exhaustive search only checks the usual one.
        """
        if not found.candidates[0].times_s or self.exhaustive:
            return
        is_late = any(item.outcome == "timeout" for item in found.candidates)
        path = self._path(case, cell, within_s=self.settings.limit_s if is_late else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_json(found)), "utf-8")

    def _search(self, case: Case) -> dict[int, SearchResult]:
        laps = Laps(case, fleet=self.fleet, settings=self.settings, thorough=self.exhaustive)
        with shown(search_work(case), self.settings.listen):
            asked = self._do(case, {"kind": "choices", "precision": case.precision, "scenario": case.scenario})
            busy = environment.busy_cores()
            found = self._timed(case, asked, laps)
        made = {}
        for size, ranked in found.items():
            chosen, candidates = self._proven(case, ranked)
            made[size] = SearchResult(
                batch_size=size,
                options=chosen,
                metric=DECIDES[case.scenario],
                searched=datetime.now(tz=UTC).isoformat(timespec="seconds"),
                candidates=candidates,
                in_turns=laps.in_turns,
                busy_cores=round(busy, 2),
            )
        return made

    def _timed(self, case: Case, asked: Mapping[str, Any], laps: Laps) -> Mapping[int, tuple[Candidate, ...]]:
        """The candidates for each batch size, ranked; `asked` is the answer of a worker: all choices, or an error."""
        if asked["outcome"] != "ok":
            failed = Candidate(options={}, outcome=asked["outcome"], error=asked["error"])
            return dict.fromkeys(case.batch_sizes, (failed,))
        choices = successive_halving.candidates(asked["choices"])
        searches = {size: successive_halving.search(choices, exhaustive=self.exhaustive) for size in case.batch_sizes}
        return successive_halving.together(searches, laps.time)

    def _do(self, case: Case, how: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = job(case, self.settings) | dict(how)
        return self.fleet.run(contender(case), case.device, asked, limit_s=self.settings.limit_s).result

    def _proven(self, case: Case, ranked: tuple[Candidate, ...]) -> tuple[dict[str, str], tuple[Candidate, ...]]:
        """The options of the fastest proven candidate, and all candidates, with an error where a proof failed.

        The default options can be chosen without a proof: the record then says that they are not proven.
        """
        known = list(ranked)
        for number in successive_halving.worth(ranked):
            candidate = known[number]
            certificate = certificates.tuned(self.proofs, case, candidate.options, self.settings)
            if certificate.passed:
                return dict(candidate.options), tuple(known)
            wrong = next((item.check for item in certificate.deviations if not item.holds), certificate.problem)
            known[number] = replace(candidate, outcome="unproven", error=f"not proven: {wrong}")
        return {}, tuple(known)

    def _known(self, case: Case, cell: Cell) -> SearchResult | None:
        """The cached result of a search that timed every candidate, or of one with the time limit of this run."""
        return _read(self._path(case, cell)) or _read(self._path(case, cell, within_s=self.settings.limit_s))

    def _path(self, case: Case, cell: Cell, *, within_s: float | None = None) -> Path:
        """The cache file of a search; `within_s` is the time limit if that kept some candidates from being timed."""
        workload, versions = self.settings.workloads[case.workload], frameworks.versions(contender(case))
        sources = source_code.code_of(TIMING).decode(), source_digest(workload, case.framework)
        limit = [] if within_s is None else [within_s]
        shell = list(filter(None, [environment.inherited_variables()]))
        what = [self.settings.machine, workload.digest, *sources, versions, *astuple(cell), *limit, *shell]
        return cache.folder() / "tunings" / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> SearchResult | None:
    try:
        return TypeAdapter(SearchResult).validate_json(path.read_text("utf-8"))
    except (OSError, ValidationError):
        return None
