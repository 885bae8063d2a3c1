"""Every case has a record in order, however it ends, with its certificate and the result of its worker."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.plan.cases import Selection, cases
from bench.records import control_groups
from bench.records.machine_use import POWER_CAP, QUOTA, Reading, Use
from bench.records.record import Case, to_json
from bench.records.record_lines import from_line, to_line
from bench.run import runner
from bench.run.certificates import certify
from bench.run.settings import ENDING, Event
from bench.run.worker_client import Message
from bench.workload.axes import Purpose
from bench.workload.frameworks import Contender
from tests.bench.records.fake_root import lay_out
from tests.bench.run.scripted_workers import OK, Script, measured, scripted, told
from tests.bench.run.watched_run import Watched, watched
from tests.bench.workloads import named, workload

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache folder."""
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Workers that answer at once."""
    return scripted(monkeypatch, Script())


def a_case(purpose: Purpose = "timing", *, batch_size: int = 8, framework: str = "pytorch") -> Case:
    return Case(
        workload="tiny",
        framework=framework,
        scenario="training",
        purpose=purpose,
        batch_sizes=(batch_size,),
        threads=1,
    )


@pytest.fixture
def planned() -> tuple[Case, ...]:
    """One workload in two frameworks, in two processes each."""
    selection = Selection(
        workloads=(workload(),),
        contenders=(PYTORCH, FLAX),
        devices=("cpu",),
        scenarios=("training",),
        batch_sizes=(4,),
        batch_sizes_for_training=(),
        processes=2,
        seeds=1,
        threads=1,
    )
    return cases(selection)


@pytest.fixture
def good(planned: tuple[Case, ...], tmp_path: Path, script: Script) -> Watched:
    """A run of these cases, in which all cases end well."""
    assert not script.asked
    made = watched(tmp_path)
    assert made.run(planned) == made.stored
    return made


def test_every_case_has_a_record_stored_in_the_order_of_the_plan(good: Watched, planned: tuple[Case, ...]) -> None:
    assert [item.case for item in good.stored] == list(planned)
    assert [item.order for item in good.stored] == list(range(len(planned)))
    assert {(item.outcome, item.error) for item in good.stored} == {("ok", None)}
    assert [from_line(to_line(item)) for item in good.stored] == good.stored


def test_every_record_has_the_certificate_of_its_framework(good: Watched) -> None:
    assert all(item.certificate is not None and item.certificate.passed for item in good.stored)
    assert {item.certificate and item.certificate.contender for item in good.stored} == {"pytorch", "flax"}
    assert all(item.certificate and item.certificate.contender == item.case.contender for item in good.stored)


def test_a_certificate_of_wrong_work_does_not_pass(planned: tuple[Case, ...], tmp_path: Path, script: Script) -> None:
    script.changed = lambda trace, job: {**trace, "logits": 2 * trace["logits"]} if "flax" in job["log"] else trace
    made = watched(tmp_path)
    made.run(planned)
    passed = {item.case.contender: item.certificate and item.certificate.passed for item in made.stored}
    assert passed == {"pytorch": True, "flax": False}


def test_every_record_has_digests_machine_and_versions(good: Watched) -> None:
    digests = {item.case.contender: item.source_digest for item in good.stored}
    assert digests["pytorch"] != digests["flax"]
    assert {item.workload_digest for item in good.stored} == {workload().digest}
    assert {(item.run, item.environment.machine) for item in good.stored} == {("run", "machine")}
    versions = {item.case.contender: item.environment.versions for item in good.stored}
    assert "torch" in versions["pytorch"]
    assert "torch" not in versions["flax"]


def test_only_memory_is_measured_in_a_spawned_process_where_forked_ones_count_wrong(good: Watched) -> None:
    """The scripted workers say that theirs do."""
    for item in good.stored:
        assert item.start_method == ("spawn" if item.case.purpose == "memory" else "fork")


def test_a_run_sends_events_for_every_proof_and_every_case(good: Watched, planned: tuple[Case, ...]) -> None:
    kinds = [event.kind for event in good.events]
    proofs = [event for event in good.events if event.work is not None and event.work.purpose == "certificate"]
    for kind in ("planned", "begun", "ended"):
        assert [event.kind for event in proofs].count(kind) == 2 * 2, "frameworks and precisions"
    assert kinds.count("proven") == 2
    assert {event.case for event in good.events if event.kind == "measured"} == set(planned)
    assert {event.case for event in good.events if event.kind == "started"} == set(planned)
    assert [event.record for event in good.events if event.kind == "finished"] == good.stored
    assert kinds.count("progress") == len([case for case in planned if case.purpose != "memory"])


def test_traces_are_computed_once_and_then_found_in_the_cache(good: Watched, tmp_path: Path) -> None:
    events: list[Event] = []
    found = certify([workload()], (PYTORCH, FLAX), device="cpu", logs=tmp_path, listen=events.append)
    assert events == [ENDING], "nothing is proven again"
    assert found.keys() == {("tiny", "pytorch"), ("tiny", "flax")}
    assert [found["tiny", name] for name in ("pytorch", "flax")] == [
        next(item.certificate for item in good.stored if item.case.contender == name) for name in ("pytorch", "flax")
    ]


def test_work_beside_the_cases_is_planned_before_anything_begins_and_ends_when_it_has_begun(good: Watched) -> None:
    works = [(event.kind, event.work) for event in good.events if event.work is not None]
    first = [event.kind for event in good.events].index("begun")
    early = [event.work.name for event in good.events[:first] if event.work is not None]
    assert {event.kind for event in good.events[:first]} <= {"planned", "waiting"}
    assert early[:4] == [
        "starting pytorch, flax",
        "starting pytorch, flax again, for timing 2",
        "measuring the peak rates of cpu in fp32 with pytorch",
        "measuring the peak rates of cpu in fp32 with flax",
    ]
    for work in {work for _, work in works}:
        assert [kind for kind, other in works if other == work] == ["planned", "begun", "ended"]
    starts = [event.case for event in good.events if event.kind == "started"]
    assert len(starts) == len(good.stored)


def test_a_run_says_what_it_waits_for_while_nothing_runs(good: Watched) -> None:
    waits = [event.news["for"] for event in good.events if event.kind == "waiting"]
    assert waits == ["pytorch, flax to start", "the proofs of tiny", "the worker processes to end"]


def test_a_case_is_measured_before_its_record_is_stored(good: Watched) -> None:
    for item in good.stored:
        mine = [event.kind for event in good.events if event.case == item.case]
        assert [kind for kind in mine if kind != "progress"] == ["started", "measured", "finished"]


def test_each_replicate_has_new_fork_servers(tmp_path: Path, script: Script) -> None:
    one = a_case()
    made = watched(tmp_path)
    made.run((one, replace(one, purpose="learning"), *(replace(one, replicate=number) for number in (1, 1, 2))))
    assert [item.outcome for item in made.stored] == ["ok"] * 5
    first, learning, second, again, third = (item.client for item in script.of("measure"))
    assert [item.hash_seed for item in (first, second, third)] == [0, 1, 2]
    assert learning is first
    assert again is second
    assert len({first, second, third}) == 3
    assert not any(item.client.alive for item in script.asked), "all fork servers have ended"


def test_each_case_has_its_own_empty_compilation_cache(
    planned: tuple[Case, ...], tmp_path: Path, script: Script
) -> None:
    contents: list[tuple[str, list[Path]]] = []

    def look(job: Message, _: float) -> None:
        if job["kind"] == "measure":
            contents.append((job["compiled"], list(Path(job["compiled"]).iterdir())))
            Path(job["compiled"], "something").touch()

    script.instead = look
    watched(tmp_path).run(planned)
    assert len({folder for folder, _ in contents}) == len(planned)
    assert all(found == [] for _, found in contents)
    assert not any(Path(folder).exists() for folder, _ in contents)


ENDINGS = {
    "diverges": told("diverged", "a loss is not a finite number"),
    "endless": told("timeout", "no result within the time limit of 8 s"),
    "enormous": told("oom", "Unable to allocate"),
    "impossible": told("unavailable", "PyTorch's nn.LSTM has tanh built in"),
}


@pytest.fixture
def bad(tmp_path: Path, script: Script) -> Watched:
    """Four workloads that fail, each in another way, before one that ends well; two of them have no trace."""

    def end(job: Message, _: float) -> Message | None:
        name = job["workload"]["name"]
        is_untraced = name in {"enormous", "impossible"}
        if (
            job["kind"] not in {"measure", "trace"}
            or name not in ENDINGS
            or (job["kind"] == "trace" and not is_untraced)
        ):
            return None
        kept = {"measurement": measured(job)["measurement"]} if name == "diverges" else {}
        return ENDINGS[name] | kept

    script.instead = end
    made = watched(tmp_path, {name: workload(named(name)) for name in ENDINGS} | {"tiny": workload()})
    made.run([replace(a_case("learning"), workload=name) for name in (*ENDINGS, "tiny")])
    return made


@pytest.mark.parametrize("name", ENDINGS)
def test_a_failed_case_has_a_record_with_outcome_and_error(bad: Watched, name: str) -> None:
    (found,) = bad.of(name)
    assert (found.outcome, found.error) == (ENDINGS[name]["outcome"], ENDINGS[name]["error"])
    assert from_line(to_line(found)).outcome == found.outcome
    assert (found.measurement.learning is not None) == (name == "diverges"), "a diverged case keeps its learning curve"


def test_cases_after_failed_ones_are_measured(bad: Watched) -> None:
    (found,) = bad.of("tiny")
    assert found.outcome == "ok"
    assert found.measurement.learning is not None


def test_a_certificate_without_a_trace_has_the_error(bad: Watched) -> None:
    for name in ("enormous", "impossible"):
        (found,) = bad.of(name)
        assert found.certificate is not None
        assert not found.certificate.passed
        assert found.certificate.problem == ENDINGS[name]["error"]
        assert found.certificate.available == (name == "enormous")
    (ended,) = bad.of("endless")
    assert ended.certificate is not None
    assert ended.certificate.passed


def fitting(most: int, script: Script) -> None:
    """Make workers run out of memory beyond `most` samples."""

    def fit(job: Message, _: float) -> Message | None:
        if job["kind"] != "measure" or job["case"]["purpose"] != "capacity":
            return None
        (size,) = job["case"]["batch_sizes"]
        trial = {"batch_size": size, "outcome": "ok", "error": None, "device_peak_bytes": 9}
        found = {"trials": [trial], "memory_limit_bytes": job["memory_limit_bytes"]}
        return {**OK, "measurement": {"capacity": found}} if size <= most else told("oom", f"no memory for {size}")

    script.instead = fit


def test_the_largest_batch_is_found_where_memory_runs_out_and_the_run_goes_on(tmp_path: Path, script: Script) -> None:
    fitting(1000, script)
    made = watched(tmp_path, memory_bytes=400_000_000)
    searched, timed = made.run((a_case("capacity", batch_size=65_536), a_case()))
    capacity = searched.measurement.capacity
    assert searched.outcome == timed.outcome == "ok"
    assert capacity is not None
    assert capacity.memory_limit_bytes == 400_000_000
    assert {item.job["memory_limit_bytes"] for item in script.asked if "memory_limit_bytes" in item.job} == {
        400_000_000
    }
    assert capacity.largest is not None
    assert capacity.refused is not None
    assert capacity.largest.batch_size <= 1000 < capacity.refused.batch_size <= 1.05 * capacity.largest.batch_size
    assert capacity.largest.device_peak_bytes == 9
    assert {item.outcome for item in capacity.trials} == {"ok", "oom"}
    assert [event.news["batch_size"] for event in made.events if "outcome" in event.news] == [
        item.batch_size for item in capacity.trials
    ]
    assert from_line(to_line(searched)) == searched


def test_the_search_for_the_largest_batch_fails_if_no_sample_fits(tmp_path: Path, script: Script) -> None:
    fitting(0, script)
    (found,) = watched(tmp_path).run((a_case("capacity", batch_size=64),))
    assert (found.outcome, found.error) == ("oom", "no memory for 1")
    assert found.measurement.capacity is not None
    assert found.measurement.capacity.largest is None
    assert [item.batch_size for item in found.measurement.capacity.trials][-1] == 1
    assert found.measurement.capacity.memory_limit_bytes, "by default most of the free memory"


def test_the_search_for_the_largest_batch_stays_within_the_control_group(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting(0, script)
    limits = {"memory.max": "1000000000", "memory.current": "600000000", "memory.stat": "inactive_file 100000000"}
    monkeypatch.setattr(control_groups, "ROOT", lay_out(tmp_path / "limited", limits))
    (found,) = watched(tmp_path).run((a_case("capacity", batch_size=4),))
    assert found.measurement.capacity is not None
    assert found.measurement.capacity.memory_limit_bytes == 400_000_000, "80 % of what is left"


def test_the_job_of_a_case_has_its_planted_slowdown(tmp_path: Path, script: Script) -> None:
    planted = {"timing": 0.1, "learning": 0.0}
    watched(tmp_path, planted=lambda case: planted[case.purpose]).run((a_case(), a_case("learning")))
    assert [item.job["planted"] for item in script.of("measure")] == [0.1, 0.0]


def hindered(reason: str) -> Use:
    reading = Reading(when="during", cpu_mhz=None, cpu_celsius=None, host_used_bytes=1, throttled=(reason,))
    return Use(readings=(reading,), span_ns=1, stolen_ns=None, preemptions=0, energy_j=None)


@pytest.mark.parametrize(
    ("reasons", "attempts"),
    [
        (("heat", "heat", "heat", "heat"), 3),
        (("heat", POWER_CAP), 2),
        ((POWER_CAP,), 1),
        ((QUOTA,), 1),
        (("heat", QUOTA), 2),
    ],
)
def test_a_throttled_case_is_repeated_and_every_attempt_is_stored(
    reasons: tuple[str, ...], attempts: int, tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, slept = iter(reasons), list[float]()

    def hot(job: Message, _: float) -> Message | None:
        if job["kind"] != "measure":
            return None
        result = {**OK, **measured(job)}
        (block,) = result["measurement"]["blocks"]
        block["use"] = to_json(hindered(next(left)))
        return result

    script.instead = hot
    monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    made = watched(tmp_path)
    returned = made.run((a_case(),))
    assert [item.attempt for item in made.stored] == list(range(1, attempts + 1))
    assert [item.order for item in made.stored] == list(range(attempts))
    assert returned == made.stored[-1:]
    assert slept == [runner.COOL_DOWN_S] * (attempts - 1)
