"""Each trace is computed once, and every framework has a certificate with its deviations or its error."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from bench.analysis import equivalence
from bench.analysis.data_parallel import COPIES
from bench.analysis.deviations import Trace
from bench.records.record import Certificate
from bench.records.trace_files import write_trace
from bench.run import certificates
from bench.run.proofs import Proofs
from bench.run.worker_client import Ending, Message
from bench.run.worker_pool import WorkerPool
from bench.workload.data_parallel import BATCH_NORM
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload, load_workload
from tests.bench.run.scripted_workers import ALONE, Script, scripted, told, traced, worked
from tests.bench.workloads import CANNOT_BE_DONE_IN_PYTORCH, workload

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")
LIMIT_S = 120.0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "traces"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Workers that all write the trace of PyTorch."""
    return scripted(monkeypatch, Script())


@pytest.fixture
def fleet(tmp_path: Path, script: Script) -> WorkerPool:
    """A pool of these workers."""
    assert not script.asked
    return WorkerPool(tmp_path / "logs")


def prove(
    fleet: WorkerPool, made: Workload, *contenders: Contender
) -> tuple[dict[str, Certificate], list[tuple[str, str, str]]]:
    """The certificates, and the names of the traces that had to be computed: workload, framework, precision."""
    told: dict[str, list[str]] = {"planned": [], "begun": [], "ended": []}
    with ThreadPoolExecutor(2) as pool:
        maker = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda step, work: told[step].append(work.name))
        found = maker.collect(maker.begin(made, contenders, device="cpu"))
    names = [sorted(item) for item in told.values()]
    assert names == [names[0]] * 3, "what is planned begins and ends"
    return found, [_parts(name) for name in names[0]]


def _parts(name: str) -> tuple[str, str, str]:
    before, _, precision = name.partition(" in ")
    verb, workload, framework = before.split()
    assert verb == "proving"
    return workload, framework, precision.replace(", from weights and inputs that differ in the last bit", " nudged")


def test_a_trace_is_computed_once_and_then_read_from_the_cache(fleet: WorkerPool, cache: Path, tmp_path: Path) -> None:
    made = workload()
    found, told = prove(fleet, made, FLAX)
    assert told == [("tiny", name, precision) for name in ("flax", "pytorch") for precision in ("fp32", "fp64")]
    assert sorted(found) == ["flax", "pytorch"], "the second was added to compare with"
    assert all(certificate.passed for certificate in found.values())

    idle = WorkerPool(tmp_path / "logs")  # all traces are cached, so it starts no fork server
    again, told = prove(idle, made, FLAX)
    assert not told
    assert again == found
    assert not idle._clients

    torn = min(cache.iterdir())
    torn.write_bytes(torn.read_bytes()[:100])
    again, told = prove(fleet, made, PYTORCH, FLAX)
    assert len(told) == 1, "only the damaged trace is computed again"
    assert again == found


def test_equal_work_is_proven_and_different_work_is_not(fleet: WorkerPool, script: Script) -> None:
    """Both frameworks compute in this process."""
    script.instead = worked
    found, _ = prove(fleet, workload(), PYTORCH, FLAX)
    assert all(certificate.passed for certificate in found.values())
    assert all(item.found > 0 for item in found["flax"].deviations if item.against == "pytorch"), "they round"

    def changed(job: Message, _: float) -> Message:
        is_flax = job["framework"] == "flax"
        content = (
            workload(("learning_rate = 1e-2", "learning_rate = 1.0001e-2")).content if is_flax else job["workload"]
        )
        return worked(job | {"workload": content}, LIMIT_S)

    script.instead = changed
    other = workload(("epochs = 2", "epochs = 2\nseed = 1"))  # its traces are not in the cache
    found, _ = prove(fleet, other, PYTORCH, FLAX)
    assert not any(certificate.passed for certificate in found.values())


def test_the_certificate_has_the_error_of_a_failed_trace(
    fleet: WorkerPool, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equivalence, "PEERS", ("pytorch", "flax"))
    script.instead = lambda job, _: worked(job, _) if job["framework"] == "pytorch" else told("failed", "it broke")
    found, _ = prove(fleet, workload(CANNOT_BE_DONE_IN_PYTORCH), PYTORCH)
    assert found["pytorch"].problem == "PyTorch's nn.LSTM has tanh built in and no other activation"
    assert found["flax"].problem == "it broke"
    assert (found["pytorch"].available, found["flax"].available) == (False, True)
    assert not found["pytorch"].passed


def refusing(*contenders: str) -> Callable[[Message, float], Message | None]:
    """Jobs of these frameworks end as `unavailable`."""
    return lambda job, _: told("unavailable", "it cannot") if job["framework"] in contenders else None


def test_a_peer_that_cannot_run_the_work_is_replaced_by_the_next_one(fleet: WorkerPool, script: Script) -> None:
    script.instead = refusing("pytorch")
    found, _ = prove(fleet, workload(), FLAX)
    assert found["flax"].passed
    against = {item.against for item in found["flax"].deviations}
    assert against == {"reference", "probe", "given weights", "keras/tensorflow"}


def test_there_is_no_proof_without_a_second_framework(fleet: WorkerPool, script: Script) -> None:
    script.instead = refusing("pytorch", "keras")
    found, _ = prove(fleet, workload(), PYTORCH, FLAX)
    assert found["flax"].problem is not None
    assert "no second framework" in found["flax"].problem
    assert not any(certificate.passed for certificate in found.values())


def rounding(script: Script, *, much: float) -> None:
    """Make Flax' trace differ from PyTorch's by `much` times the effect of a change in the last bit."""

    def otherwise(made: Trace, job: Message) -> Trace:
        if job["framework"] == "pytorch":
            return made
        with ALONE:
            usual, nudged = (
                traced(json.dumps(job["workload"]), job["precision"], nudged=is_nudged, seed=job["seed"])
                for is_nudged in (False, True)
            )
        names = [name for name in made if name.startswith("weights/") or name == "losses"]
        return {**made, **{name: made[name] + much * (nudged[name] - usual[name]) for name in names}}

    script.changed = otherwise


@pytest.mark.parametrize(("much", "passes"), [(2, True), (1000, False)])
def test_saturated_weights_may_differ_as_much_as_rounding_explains(
    fleet: WorkerPool, script: Script, monkeypatch: pytest.MonkeyPatch, *, much: int, passes: bool
) -> None:
    monkeypatch.setattr(equivalence, "WEIGHTS_LIMIT", 1e-20)
    rounding(script, much=much)
    found, told = prove(fleet, workload(), PYTORCH, FLAX)
    assert [item[2] for item in told] == ["fp32", "fp64", "fp64 nudged"] * 2
    for certificate in found.values():
        assert certificate.passed == passes
        assert certificate.notes[0].startswith("weights may differ by ")
    idle = WorkerPool(fleet.logs)
    again, told = prove(idle, workload(), PYTORCH, FLAX)
    assert (again, told) == (found, [])
    assert not idle._clients


def test_drifting_float32_losses_are_compared_with_a_nudged_float32_trace(
    fleet: WorkerPool, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equivalence, "LOSS_LIMITS", {equivalence.LOSS_STEPS: 1e-12})
    monkeypatch.setattr(equivalence, "AMPLIFIED_LOSS_FACTOR", 1e8)
    rounding(script, much=2)
    found, told = prove(fleet, workload(), PYTORCH, FLAX)
    assert {item[2] for item in told} == {"fp32", "fp64", "fp32 nudged"}
    for certificate in found.values():
        assert certificate.passed
        (note,) = certificate.notes
        assert note.startswith("float32 losses may differ by ")


@pytest.mark.parametrize("name", ["tiny", pytest.param("counting-rnn", marks=pytest.mark.slow)])
def test_two_real_frameworks_differ_as_much_as_one_differs_from_its_nudged_trace(
    name: str, fleet: WorkerPool, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On counting-rnn, which saturates, two frameworks differ by 0.9e-9 to 5.5e-9, which changes from run to run.
    monkeypatch.setattr(equivalence, "WEIGHTS_LIMIT", 1e-10 if name == "counting-rnn" else 1e-20)
    monkeypatch.setattr(equivalence, "LOSS_LIMITS", {equivalence.LOSS_STEPS: 1e-9})
    monkeypatch.setattr(equivalence, "AMPLIFIED_LOSS_FACTOR", 1e6)
    script.instead = worked
    found, told = prove(fleet, workload() if name == "tiny" else load_workload(name), PYTORCH, FLAX)
    assert [item[2] for item in told] == ["fp32", "fp32 nudged", "fp64", "fp64 nudged"] * 2
    for certificate in found.values():
        assert certificate.passed
        assert certificate.notes[0].startswith("weights may differ by ")
        assert certificate.notes[1].startswith("float32 losses may differ by ")


def test_options_are_proven_like_the_default(fleet: WorkerPool, script: Script) -> None:
    options = {"compile": "default", "optimizer": "fused"}
    with ThreadPoolExecutor(2) as pool:
        maker = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *_: None)
        tuned = maker.begin(workload(), [PYTORCH], device="cpu", tunings={"pytorch": options})
        usual = maker.begin(workload(), [PYTORCH], device="cpu")
        certificate = maker.collect(tuned)["pytorch"]
        assert certificate.passed
        assert certificate.notes == ("proven with compile default, optimizer fused",)
        assert maker.collect(usual)["pytorch"].notes == ()
    used = [(item.job["framework"], item.job["tuning"]) for item in script.of("trace")]
    assert sorted(used, key=str) == sorted([("flax", {}), ("pytorch", {}), ("pytorch", options)] * 2, key=str)


@pytest.mark.slow
def test_options_of_a_real_framework_are_proven(tmp_path: Path) -> None:
    fleet = WorkerPool(tmp_path / "logs")
    try:
        with ThreadPoolExecutor(2) as pool:
            maker = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *_: None)
            options = {"compile": "default", "optimizer": "fused"}
            begun = maker.begin(workload(), [PYTORCH], device="cpu", tunings={"pytorch": options})
            assert maker.collect(begun)["pytorch"].passed
    finally:
        fleet.close()


def test_two_traces_at_once_run_on_different_cores(fleet: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    both_at_work, cores = Barrier(2, timeout=LIMIT_S), list[tuple[int, int]]()

    def run(_: object, contender: Contender, device: str, job: Message, *, limit_s: float) -> Ending:
        assert (device, limit_s) == ("cpu", LIMIT_S)
        both_at_work.wait()
        cores.append((job["first_core"], job["threads"]))
        both_at_work.wait()
        return Ending(result=told("failed", f"{contender} computes nothing"), startup_s=None)

    monkeypatch.setattr(WorkerPool, "run", run)
    with ThreadPoolExecutor(2) as pool:
        maker = Proofs(fleet, pool, threads=3, limit_s=LIMIT_S, tell=lambda *_: None)
        refused = maker.collect(maker.begin(workload(), [PYTORCH, FLAX], device="cpu"))
    assert refused["pytorch"].problem == "pytorch computes nothing"
    pairs = [sorted(cores[at : at + 2]) for at in range(0, len(cores), 2)]
    assert pairs
    assert all(pair == [(0, 3), (3, 3)] for pair in pairs)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (5, 2), (16, 8)])
def test_two_traces_share_the_cores(
    cores: int, threads: int, fleet: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "available_cores", lambda: cores)
    with ThreadPoolExecutor(2) as pool:
        assert certificates.prover(fleet, pool, lambda _: None).threads == threads


def test_a_place_with_several_gpus_has_a_fork_server_of_its_own(fleet: WorkerPool, script: Script) -> None:
    script.instead = lambda job, _: trained(job, 0.0) if job["kind"] == "data parallel" else None
    with ThreadPoolExecutor(2) as pool:
        maker = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *_: None)
        found = maker.collect(maker.begin(workload(), [PYTORCH], device="cuda:0+3"))
    assert found["pytorch"].passed
    asked = {(item.job["device"], item.client.device) for item in script.of("data parallel")}
    assert asked == {("cuda:0", "cuda:0"), ("cuda:0+3", "cuda:0+3")}


def trained(job: Message, by: float) -> Message:
    """The trace of a training on one device or on several; the weights on several differ by this much."""
    several = job["device"] not in {"cpu", "cuda:0"}
    copies = np.array(["x"] * job["devices"] if several else [])
    path = Path(job["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trace(path, {"weights/a.kernel": np.ones((2, 2)) + by * several, COPIES: copies})
    return {"outcome": "ok", "error": None}


@pytest.mark.parametrize(("by", "passes"), [(0.0, True), (1e-3, False)])
def test_several_devices_are_proven_by_the_weights_of_one(
    fleet: WorkerPool, script: Script, by: float, *, passes: bool
) -> None:
    script.instead = lambda job, _: trained(job, by) if job["kind"] == "data parallel" else None
    with ThreadPoolExecutor(2) as pool:
        maker = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *_: None)
        found = maker.collect(maker.begin(workload(), [PYTORCH], device="2xcpu"))["pytorch"]
    assert (found.passed, found.alone) == (passes, False)


def test_where_several_devices_do_other_work_nothing_is_trained_and_no_proof_is_expected(
    fleet: WorkerPool, script: Script
) -> None:
    normed = workload(("units = 5", "units = 5, batch_norm = {}"))
    with ThreadPoolExecutor(2) as pool:
        maker = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *_: None)
        found = maker.collect(maker.begin(normed, [PYTORCH], device="2xcpu"))["pytorch"]
    assert script.of("data parallel") == []
    assert (found.passed, found.alone, found.problem) == (False, True, BATCH_NORM)
    assert found.deviations, "those on one device"
