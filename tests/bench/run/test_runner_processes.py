"""Every case has a record in real processes too: a run goes on after failures, and no process reuses compiled code."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records.record import Case, Record, SearchResult
from bench.records.record_lines import from_line, to_line
from bench.run import certificates, option_search, peak_rates, proofs, runner, worker_client
from bench.workload.workload import Workload
from tests.bench.run.watched_run import Watched, watched
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

LIMIT_S = 8.0  # ends the endless case; no other case needs it, even on a busy machine
TIMED = Case(workload="tiny", framework="pytorch", scenario="inference", batch_sizes=(4,), threads=1, purpose="timing")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache folder."""
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def _cases_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip proofs and peak rates, which need processes too, and do not matter here."""
    monkeypatch.setattr(certificates, "begin", lambda *_: {})
    monkeypatch.setattr(peak_rates, "measure", lambda *_: {})


def ran(
    cases: Sequence[Case], folder: Path, workloads: Mapping[str, Workload] | None = None, **changes: float
) -> Watched:
    made = watched(folder, workloads, **changes)
    made.run(cases)
    return made


BAD: dict[str, tuple[Change, str, str]] = {
    "diverges": (DIVERGES, "diverged", "a loss is not a finite number"),
    "endless": (LEARNS_WITHOUT_END, "timeout", "no result within the time limit of 8 s"),
    "enormous": (NEEDS_TOO_MUCH_MEMORY, "oom", "Unable to allocate"),
    "impossible": (CANNOT_BE_DONE_IN_PYTORCH, "unavailable", "PyTorch's nn.LSTM has tanh built in"),
}


@pytest.mark.slow
def test_failed_cases_have_records_and_the_next_case_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No case is compared with Flax, whose traces would take longer than all the rest."""
    monkeypatch.setattr(proofs, "second", lambda _, **__: ())
    workloads = {name: workload(change, named(name)) for name, (change, _, _) in BAD.items()} | {"tiny": workload()}
    cases = [replace(TIMED, workload=name, scenario="training", purpose="learning") for name in workloads]
    made = ran(cases, tmp_path, workloads, limit_s=LIMIT_S)
    for name, (_, outcome, error) in BAD.items():
        (found,) = made.of(name)
        assert found.outcome == outcome
        assert found.error is not None
        assert error in found.error
        assert from_line(to_line(found)) == found or outcome == "diverged", "NaN is not equal to itself"
    (diverged,), (last,) = made.of("diverges"), made.of("tiny")
    assert diverged.measurement.learning is not None
    assert len(diverged.measurement.learning.epochs) == 1, "its curve is kept"
    assert last.outcome == "ok"
    assert last.measurement.learning is not None
    for name in ("enormous", "impossible"):
        (found,) = made.of(name)
        assert found.certificate is not None
        assert BAD[name][2] in str(found.certificate.problem)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> tuple[Case, Case]:
    """A case in two processes, with torch.compile as the result of its search."""
    case = replace(TIMED, mode="tuned")
    chosen = SearchResult(batch_size=4, options={"compile": "default"}, metric="", searched="", candidates=())
    monkeypatch.setattr(option_search, "tune", lambda *_: dict.fromkeys(option_search.tuned_cells(case), chosen))
    return case, replace(case, replicate=1)


def _compile_ns(stored: list[Record]) -> list[int]:
    assert [(item.outcome, item.error) for item in stored] == [("ok", None)] * len(stored)
    spent = [block.compiling for item in stored for block in item.measurement.blocks]
    return [item.compile_ns or 0 for item in spent if item is not None]


@pytest.mark.slow
@pytest.mark.usefixtures("_cases_alone")
@pytest.mark.parametrize("is_shared", [False, True])
def test_processes_reuse_compiled_code_only_if_they_share_a_cache_folder(
    compiled: tuple[Case, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_shared: bool
) -> None:
    if is_shared:
        monkeypatch.setattr(runner, "TemporaryDirectory", lambda **_: nullcontext(str(tmp_path / "shared")))
    first, second = _compile_ns(ran(compiled, tmp_path, limit_s=200.0).stored)
    assert first > 0
    assert (second == 0) == is_shared


@pytest.mark.slow
@pytest.mark.usefixtures("_cases_alone")
@pytest.mark.parametrize(("changes", "is_filled"), [({}, False), ({"JAX_ENABLE_COMPILATION_CACHE": "true"}, True)])
def test_jax_does_not_use_the_compilation_cache_of_the_user(
    changes: dict[str, str], *, is_filled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    given = worker_client.process_environment
    monkeypatch.setattr(worker_client, "process_environment", lambda *them, **how: given(*them, **how) | changes)
    (timed,) = ran([replace(TIMED, framework="flax")], tmp_path).stored
    assert timed.outcome == "ok"
    assert (tmp_path / "kept").is_dir() == is_filled


@pytest.mark.slow
@pytest.mark.usefixtures("_cases_alone")
@pytest.mark.parametrize("framework", ["pytorch", "flax"])
def test_the_largest_batch_is_found_where_memory_runs_out_and_the_run_goes_on(framework: str, tmp_path: Path) -> None:
    timed = replace(TIMED, framework=framework, scenario="training")
    searched = replace(timed, purpose="capacity", batch_sizes=(65_536,))
    made = ran([searched, timed], tmp_path, {"tiny": workload(WIDE)}, memory_bytes=400_000_000)
    assert [item.outcome for item in made.stored] == ["ok", "ok"]
    capacity = made.stored[0].measurement.capacity
    assert capacity is not None
    assert capacity.largest is not None
    assert capacity.refused is not None
    assert 32 <= capacity.largest.batch_size < capacity.refused.batch_size <= 1.05 * capacity.largest.batch_size
    assert any(item.outcome == "oom" for item in capacity.trials)


@pytest.mark.slow
@pytest.mark.usefixtures("_cases_alone")
def test_the_search_for_the_largest_batch_fails_if_no_sample_fits(tmp_path: Path) -> None:
    searched = replace(TIMED, scenario="training", purpose="capacity", batch_sizes=(64,))
    wider = workload(("units = 5", "units = 1000000"))  # gradients do not fit into memory that a heap has left over
    (found,) = ran([searched], tmp_path, {"tiny": wider}, memory_bytes=1).stored
    assert found.outcome != "ok"
    assert found.error
    assert found.measurement.capacity is not None
    assert found.measurement.capacity.largest is None
    assert min(item.batch_size for item in found.measurement.capacity.trials) == 1
