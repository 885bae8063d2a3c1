"""The real LoadGen sends queries to a scripted server: it sends those of its schedule, and every fault is seen."""

from pathlib import Path

import numpy as np
import pytest

from bench.analysis import load_runs
from bench.analysis.load_runs import Asked, Seen
from bench.errors import BenchError
from bench.records.load import LoadRun, Serving
from bench.worker.measure.clock import now_ns
from bench.worker.measure.machine_monitor import Watch
from bench.worker.serving import load_generator, schedule, server
from bench.worker.serving.load_generator import Driven, Place, drive
from bench.worker.serving.mailbox import Mailbox
from bench.worker.serving.server import Calls
from bench.workload.axes import Load

ROOT = Path(__file__).parents[4]
BUSY_NS = 50_000
QUERIES = 400


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of the generator imports Levelfield, as one of a worker does."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


class ScriptedCalls:
    """A network whose calls take a given time; `calls` has the samples of each call."""

    def __init__(self, busy_ns: int = BUSY_NS, *, most: int = 1) -> None:
        self.busy_ns, self.most = busy_ns, most
        self.calls: list[list[int]] = []

    def predict(self, samples: np.ndarray) -> None:
        """Keep a core busy."""
        end = now_ns() + self.busy_ns
        self.calls.append(samples.tolist())
        while now_ns() < end:
            pass

    def given(self) -> Calls:
        """What the server gets."""
        return Calls(predict=self.predict, wait=lambda _: None, keep=lambda _numbers, _result: None, most=self.most)


def driven(
    folder: Path,
    load: Load = "server",
    *,
    calls: ScriptedCalls | None = None,
    serving: Serving | None = None,
    **more: float,
) -> tuple[Driven, Asked]:
    asked = Asked(
        serving=serving or Serving(load=load),
        seeds=schedule.seeds(1),
        **{"queries": QUERIES, "per_s": 2_000.0 if load == "server" else None, **more},  # type: ignore[arg-type]
    )
    place = Place(cores=(), device="cpu", samples=32)
    return drive(asked, (calls or ScriptedCalls()).given(), place, folder), asked


def summed(found: Driven, asked: Asked) -> LoadRun:
    return load_runs.load_run(found.times, asked, Seen(dropped=found.dropped, batches=found.batches))


@pytest.mark.parametrize("load", ["single_stream", "offline", "server"])
def test_every_query_is_answered_in_its_order(tmp_path: Path, load: Load) -> None:
    calls = ScriptedCalls()
    found, _ = driven(tmp_path, load, calls=calls)
    assert [samples for (samples,) in calls.calls] == found.samples.tolist()
    assert len(found.times.ended) == QUERIES == found.batches
    assert np.all(found.times.sent <= found.times.begun)
    assert np.all(found.times.begun + BUSY_NS <= found.times.ended)
    assert np.all(np.diff(found.times.begun) > 0)
    assert found.log.values["effective_scenario"] == {"single_stream": "SingleStream"}.get(load, load.title())


def test_queries_are_sent_by_the_schedule_that_is_computed_here(tmp_path: Path) -> None:
    found, asked = driven(tmp_path)
    planned = schedule.arrivals_ns(QUERIES + 1, per_s=2_000.0, seed=asked.seeds[2])
    assert found.log.values["generated_query_duration"] == planned[-1]
    assert np.array_equal(found.times.due - found.times.due[0], planned[:-1])
    assert found.log.values["generated_query_duration"] != schedule.arrivals_ns(QUERIES + 1, per_s=2_000.0, seed=9)[-1]


def test_another_schedule_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = schedule.arrivals_ns
    monkeypatch.setattr(schedule, "arrivals_ns", lambda *given, **named: right(*given, **named) + 1)
    with pytest.raises(BenchError, match="this version draws arrivals in another way"):
        driven(tmp_path)


def test_logs_and_the_times_of_each_query_are_kept(tmp_path: Path) -> None:
    found, _ = driven(tmp_path / "1")
    assert {path.name for path in (tmp_path / "1").iterdir()} >= {"mlperf_log_detail.txt", "times.npz"}
    with np.load(tmp_path / "1" / "times.npz") as kept:
        assert np.array_equal(kept["ended"], found.times.ended)


def test_a_batch_waits_until_it_is_full_or_its_first_query_has_waited_long_enough(tmp_path: Path) -> None:
    calls = ScriptedCalls(most=4)
    found, _ = driven(tmp_path, calls=calls, serving=Serving(load="server", most=4, patience_ns=3_000_000))
    sizes = {len(samples) for samples in calls.calls}
    assert max(sizes) == 4
    assert found.batches < QUERIES / 2
    assert sum(map(len, calls.calls)) == QUERIES


def test_a_late_generator_makes_the_run_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_generator, "PROGRAM", "tests.bench.worker.serving.late_generator")
    run = summed(*driven(tmp_path, serving=Serving(load="server", limit_ns=20_000_000), per_s=200.0))
    assert run.verdict == "invalid"
    assert any("the load generator was late by" in problem for problem in run.problems)


def test_a_full_queue_drops_queries_and_the_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CAPACITY", 8)
    run = summed(*driven(tmp_path, calls=ScriptedCalls(2_000_000), serving=Serving(load="server", limit_ns=10**10)))
    assert run.dropped > 0
    assert run.answered + run.dropped == QUERIES
    assert run.verdict == "broken"
    assert any("were dropped" in problem for problem in run.problems)


def test_offline_queries_are_never_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CAPACITY", 8)
    found, _ = driven(tmp_path, "offline")
    assert (found.dropped, len(found.times.ended)) == (0, QUERIES)


def test_a_generator_that_dies_is_an_error_and_not_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_generator, "PROGRAM", "this")  # prints a poem, and ends
    monkeypatch.setattr(load_generator, "CLOSING_S", 5.0)
    with pytest.raises(BenchError, match="expected the detail log of LoadGen"):
        driven(tmp_path)


def test_a_stray_file_with_settings_in_the_working_directory_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("audit.config").write_text("*.Server.min_query_count = 7\n*.Server.target_qps = 1\n")
    found, _ = driven(tmp_path / "1")
    assert len(found.times.ended) == QUERIES


def test_a_server_that_answers_in_order_starts_each_query_as_soon_as_it_can(tmp_path: Path) -> None:
    run = summed(*driven(tmp_path, calls=ScriptedCalls(300_000)))
    assert run.late_start_ns is not None
    assert run.waiting.mean_ns > run.late_start_ns


@pytest.mark.parametrize("load", ["single_stream", "offline", "server"])
def test_the_machine_is_watched_from_the_first_query_on_and_not_while_the_generator_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Load
) -> None:
    boxes: list[Mailbox] = []
    seen: list[tuple[bool, bool, int]] = []

    def box(*given: int) -> Mailbox:
        boxes.append(Mailbox(*given))
        return boxes[-1]

    def begin(watch: Watch) -> None:
        seen.append((boxes[-1].is_ready, boxes[-1].may_begin, boxes[-1].posted))
        begin_watch(watch)

    begin_watch = Watch.begin
    monkeypatch.setattr(load_generator, "Mailbox", box)
    monkeypatch.setattr(Watch, "begin", begin)
    driven(tmp_path, load)
    assert seen == [(True, False, 0)]
    assert (boxes[-1].may_begin, boxes[-1].posted) == (True, QUERIES)
