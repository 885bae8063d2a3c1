"""Cases become records: each in a fresh process, however it ends, in their order, with a certificate."""

import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.analysis.time_breakdown import spent_s
from bench.plan.cases import Selection, cases
from bench.records.measurement import POWER_CAP, Reading, Use
from bench.records.record import Case, Record, SearchResult, from_line, to_json, to_line
from bench.run import option_search, proofs, runner, worker_client
from bench.run.certificates import certify
from bench.run.settings import Event, RunSettings
from bench.run.worker_pool import Fleet
from bench.workload.axes import Purpose
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload
from tests.bench.workloads import (
    CANNOT_BE_DONE_IN_PYTORCH,
    DIVERGES,
    LEARNS_WITHOUT_END,
    NEEDS_TOO_MUCH_MEMORY,
    WIDE,
    Change,
    named,
    workload,
)

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")
LIMIT_S = 8.0  # which the endless case takes, and which no other needs even on a busy machine


@dataclass(frozen=True)
class Ran:
    """What a run left behind: its plan, what it returned and stored, and what it told."""

    planned: tuple[Case, ...]
    returned: list[Record]
    stored: list[Record]
    events: list[Event]

    def of(self, workload: str) -> list[Record]:
        """The stored records of one workload."""
        return [item for item in self.stored if item.case.workload == workload]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A cache of its own, which is empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVELFIELD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def ran(  # noqa: PLR0913 (what a run depends on)
    planned: tuple[Case, ...],
    workloads: Mapping[str, Workload],
    folder: Path,
    *,
    limit_s: float = 60.0,
    memory_bytes: int | None = None,
    planted: float = 0.0,
) -> Ran:
    stored: list[Record] = []
    events: list[Event] = []
    settings = RunSettings(
        run="run",
        machine="machine",
        workloads=workloads,
        block_seconds=0.005,
        limit_s=limit_s,
        models=None,
        logs=folder / "logs",
        append=stored.append,
        listen=events.append,
        memory_bytes=memory_bytes,
        planted=lambda case: planted if case.purpose == "timing" else 0.0,
    )
    return Ran(planned=planned, returned=runner.run(planned, settings), stored=stored, events=events)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One workload in two frameworks, in two processes each."""
    tiny = workload()
    selection = Selection(
        workloads=(tiny,),
        contenders=(PYTORCH, FLAX),
        devices=("cpu",),
        scenarios=("training",),
        batch_sizes=(4,),
        batch_sizes_for_training=(),
        processes=2,
        seeds=1,
        threads=1,
    )
    return ran(cases(selection), {"tiny": tiny}, tmp_path_factory.mktemp("good"))


def test_every_case_has_a_record_that_was_stored_in_the_order_of_the_plan(good: Ran) -> None:
    assert [item.case for item in good.stored] == list(good.planned)
    assert good.returned == good.stored
    assert [item.order for item in good.stored] == list(range(len(good.planned)))
    assert {(item.outcome, item.error) for item in good.stored} == {("ok", None)}


def test_every_record_has_a_certificate_that_passed(good: Ran) -> None:
    assert all(item.certificate is not None and item.certificate.passed for item in good.stored)
    found = {item.case.contender: item.certificate for item in good.stored}
    assert {name: certificate and certificate.contender for name, certificate in found.items()} == {
        "pytorch": "pytorch",
        "flax": "flax",
    }


def test_each_replicate_is_forked_from_launchers_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    renew, measure = Fleet.renew, runner._measure

    def renewing(fleet: Fleet, hash_seed: int) -> None:
        done.append(f"renewed {hash_seed}")
        renew(fleet, hash_seed)

    def measuring(case: Case, place: runner._Place) -> runner._Run:
        done.append(case.turn)
        return measure(case, place)

    monkeypatch.setattr(Fleet, "renew", renewing)
    monkeypatch.setattr(runner, "_measure", measuring)
    tiny = workload()
    one = Case(workload="tiny", framework="pytorch", scenario="training", batch_sizes=(4,), threads=1, purpose="timing")
    planned = (one, replace(one, purpose="learning"), *(replace(one, replicate=number) for number in (1, 1, 2)))
    assert [item.outcome for item in ran(planned, {"tiny": tiny}, tmp_path).stored] == ["ok"] * 5
    assert done == ["timing 1", "learning seed 0", "renewed 1", "timing 2", "timing 2", "renewed 2", "timing 3"]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> tuple[Case, Case]:
    """A case in two processes, for which a search is said to have chosen torch.compile."""
    case = Case(
        workload="tiny",
        framework="pytorch",
        scenario="inference",
        batch_sizes=(4,),
        threads=1,
        purpose="timing",
        mode="tuned",
    )
    spot = option_search.spots(case)[0]
    chosen = SearchResult(batch_size=4, options={"compile": "default"}, metric="", searched="", candidates=())
    monkeypatch.setattr(option_search, "tune", lambda *_: {spot: chosen})
    return case, replace(case, replicate=1)


def _compile_ns(stored: list[Record]) -> list[int]:
    assert [(item.outcome, item.error) for item in stored] == [("ok", None)] * len(stored)
    spent = [block.compiling for item in stored for block in item.measurement.blocks]
    return [item.compile_ns or 0 for item in spent if item is not None]


def test_no_process_finds_what_an_earlier_one_compiled(compiled: tuple[Case, Case], tmp_path: Path) -> None:
    first, second = _compile_ns(ran(compiled, {"tiny": workload()}, tmp_path, limit_s=200.0).stored)
    assert first > 0
    assert second > 0


def test_with_one_folder_for_all_a_later_process_would_compile_nothing(
    compiled: tuple[Case, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TemporaryDirectory", lambda **_: nullcontext(str(tmp_path / "shared")))
    first, second = _compile_ns(ran(compiled, {"tiny": workload()}, tmp_path, limit_s=200.0).stored)
    assert first > 0
    assert second == 0


@pytest.mark.parametrize(("changes", "is_filled"), [({}, False), ({"JAX_ENABLE_COMPILATION_CACHE": "true"}, True)])
def test_jax_finds_nothing_compiled_even_where_its_user_has_a_cache_for_that(
    changes: dict[str, str], *, is_filled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    given = worker_client._environment
    monkeypatch.setattr(worker_client, "_environment", lambda *them, **how: given(*them, **how) | changes)
    case = Case(workload="tiny", framework="flax", scenario="inference", batch_sizes=(4,), threads=1, purpose="timing")
    (timed,) = ran((case,), {"tiny": workload()}, tmp_path).stored
    assert timed.outcome == "ok"
    assert (tmp_path / "kept").is_dir() == is_filled


def test_every_record_says_what_was_done_how_and_where(good: Ran) -> None:
    digests = {item.case.contender: item.source_digest for item in good.stored}
    assert digests["pytorch"] != digests["flax"]
    assert {item.workload_digest for item in good.stored} == {workload().digest}
    assert {(item.run, item.environment.machine) for item in good.stored} == {("run", "machine")}
    versions = {item.case.contender: item.environment.versions for item in good.stored}
    assert "torch" in versions["pytorch"]
    assert "torch" not in versions["flax"]
    assert {"flax", "jax", "optax"} <= versions["flax"].keys()
    assert all(item.settings and item.startup_s and item.duration_s > item.startup_s for item in good.stored)


def test_each_purpose_has_measured_its_part(good: Ran) -> None:
    for item in good.stored:
        found = item.measurement
        parts = {"timing": bool(found.blocks), "learning": bool(found.learning), "memory": bool(found.memory)}
        assert [name for name, there in parts.items() if there] == [item.case.purpose]
        assert item.start_method == ("spawn" if item.case.purpose == "memory" else "fork")


def test_records_survive_being_stored(good: Ran) -> None:
    assert [from_line(to_line(item)) for item in good.stored] == good.stored


def test_a_run_tells_of_every_proof_and_of_every_case(good: Ran) -> None:
    kinds = [event.kind for event in good.events]
    assert kinds.count("proving") == 2 * 2, "frameworks and precisions"
    assert kinds.count("proven") == 2
    assert {event.case for event in good.events if event.kind == "started"} == set(good.planned)
    assert [event.record for event in good.events if event.kind == "finished"] == good.stored
    assert kinds.count("progress") >= len([case for case in good.planned if case.purpose != "memory"])


def test_traces_are_made_once_and_then_found_in_the_cache(good: Ran, tmp_path: Path) -> None:
    assert good.stored
    events: list[Event] = []
    found = certify([workload()], (PYTORCH, FLAX), device="cpu", logs=tmp_path, listen=events.append)
    assert [event for event in events if event.kind == "proving"] == []
    assert found.keys() == {("tiny", "pytorch"), ("tiny", "flax")}
    assert [found["tiny", name] for name in ("pytorch", "flax")] == [
        next(item.certificate for item in good.stored if item.case.contender == name) for name in ("pytorch", "flax")
    ]


def test_what_was_measured_is_a_part_of_what_a_case_took(good: Ran) -> None:
    for item in good.stored:
        assert sum(spent_s([item]).values()) < item.duration_s
        assert bool(spent_s([item])) == (item.case.purpose != "memory")


BAD: dict[str, Change] = {
    "diverges": DIVERGES,
    "endless": LEARNS_WITHOUT_END,
    "enormous": NEEDS_TOO_MUCH_MEMORY,
    "impossible": CANNOT_BE_DONE_IN_PYTORCH,
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Four workloads that end badly, each in its own way, before one that ends well; none is proven with Flax."""
    workloads = {name: workload(change, named(name)) for name, change in BAD.items()} | {"tiny": workload()}
    planned = tuple(
        Case(workload=name, framework="pytorch", scenario="training", purpose="learning", batch_sizes=(8,), threads=1)
        for name in workloads
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proofs, "second", lambda _, **__: ())  # its traces would take longer than all the rest
        yield ran(planned, workloads, tmp_path_factory.mktemp("bad"), limit_s=LIMIT_S)


@pytest.mark.parametrize(
    ("name", "outcome", "error"),
    [
        ("diverges", "diverged", "a loss is not a finite number"),
        ("endless", "timeout", "no result within the time limit of 8 s"),
        ("enormous", "oom", "Unable to allocate"),
        ("impossible", "unavailable", "PyTorch's nn.LSTM has tanh built in"),
    ],
)
def test_a_case_that_ends_badly_is_a_record_with_its_outcome_and_reason(
    bad: Ran, name: str, outcome: str, error: str
) -> None:
    (found,) = bad.of(name)
    assert found.outcome == outcome
    assert found.error is not None
    assert error in found.error
    assert from_line(to_line(found)).outcome == outcome


def test_everything_else_is_measured(bad: Ran) -> None:
    (found,) = bad.of("tiny")
    assert found.outcome == "ok"
    assert found.measurement.learning is not None


def test_what_diverged_keeps_its_curve(bad: Ran) -> None:
    (found,) = bad.of("diverges")
    assert found.measurement.learning is not None
    assert len(found.measurement.learning.epochs) == 1


def test_what_cannot_be_traced_has_a_certificate_that_says_why(bad: Ran) -> None:
    for name, problem in (("enormous", "Unable to allocate"), ("impossible", "tanh built in")):
        (found,) = bad.of(name)
        assert found.certificate is not None
        assert not found.certificate.passed
        assert problem in str(found.certificate.problem)


def a_case(purpose: Purpose, *, batch_size: int = 8, framework: str = "pytorch") -> Case:
    return Case(
        workload="tiny",
        framework=framework,
        scenario="training",
        purpose=purpose,
        batch_sizes=(batch_size,),
        threads=1,
    )


@pytest.mark.parametrize("framework", ["pytorch", "flax"])
def test_the_largest_batch_is_found_where_memory_runs_out_and_the_run_goes_on(framework: str, tmp_path: Path) -> None:
    planned = (a_case("capacity", batch_size=65_536, framework=framework), a_case("timing", framework=framework))
    found = ran(planned, {"tiny": workload(WIDE)}, tmp_path, memory_bytes=400_000_000)
    searched, timed = found.stored
    capacity = searched.measurement.capacity
    assert searched.outcome == timed.outcome == "ok"
    assert capacity is not None
    assert capacity.memory_limit_bytes == 400_000_000
    assert capacity.largest is not None
    assert capacity.refused is not None
    assert 32 <= capacity.largest.batch_size < capacity.refused.batch_size <= 1.05 * capacity.largest.batch_size
    assert any(item.outcome == "oom" for item in capacity.trials)
    assert [event.news["batch_size"] for event in found.events if "outcome" in event.news] == [
        item.batch_size for item in capacity.trials
    ]
    assert from_line(to_line(searched)) == searched


def test_where_not_even_one_sample_fits_the_search_has_failed_and_says_why(tmp_path: Path) -> None:
    (found,) = ran((a_case("capacity", batch_size=64),), {"tiny": workload(WIDE)}, tmp_path, memory_bytes=1).stored
    assert found.outcome != "ok"
    assert found.error
    assert found.measurement.capacity is not None
    assert found.measurement.capacity.largest is None
    assert min(item.batch_size for item in found.measurement.capacity.trials) == 1


def test_a_record_says_of_itself_that_its_times_were_made_longer(good: Ran, tmp_path: Path) -> None:
    (found,) = ran((a_case("timing"),), {"tiny": workload()}, tmp_path, planted=0.1).stored
    assert found.settings["planted"] == "calls take 10.0% longer"
    assert all("planted" not in item.settings for item in good.stored)


def hindered(reason: str) -> Use:
    reading = Reading(when="during", cpu_mhz=None, cpu_celsius=None, host_used_bytes=1, throttled=(reason,))
    return Use(readings=(reading,), span_ns=1, stolen_ns=None, preemptions=0, energy_j=None)


@pytest.mark.parametrize(
    ("reasons", "attempts"),
    [
        (("heat", "heat", "heat", "heat"), 3),
        (("heat", POWER_CAP), 2),
        ((POWER_CAP,), 1),
    ],
)
def test_a_throttled_case_is_measured_again_so_often_and_every_attempt_is_stored(
    reasons: tuple[str, ...], attempts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, slept = iter(reasons), list[float]()
    real = runner._measure

    def hot(case: Case, place: runner._Place) -> runner._Run:
        run = real(case, place)
        (block,) = run.ending.result["measurement"]["blocks"]
        block["use"] = to_json(hindered(next(left)))
        return run

    monkeypatch.setattr(runner, "_measure", hot)
    monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    found = ran((a_case("timing"),), {"tiny": workload()}, tmp_path)
    assert [item.attempt for item in found.stored] == list(range(1, attempts + 1))
    assert [item.order for item in found.stored] == list(range(attempts))
    assert found.returned == found.stored[-1:]
    assert slept == [runner.COOL_DOWN_S] * (attempts - 1)
