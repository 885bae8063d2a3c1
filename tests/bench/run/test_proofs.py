"""Traces are made once for everything that decides what they hold; certificates say what became of each contender."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from bench.analysis import equivalence
from bench.records.record import Certificate
from bench.run import certificates as certification
from bench.run import proofs as proof
from bench.run.proofs import Pending, Proofs, second
from bench.run.worker_client import Ending
from bench.run.worker_pool import Fleet
from bench.workload import frameworks, model_families
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload, load_workload
from tests.bench.workloads import CANNOT_BE_DONE_IN_PYTORCH, Change, workload

PYTORCH, FLAX, TENSORFLOW = Contender("pytorch"), Contender("flax"), Contender("keras", "tensorflow")
JAX, TORCH = Contender("keras", "jax"), Contender("keras", "torch")
LIMIT_S = 120.0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "traces"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("artifacts") / "logs")
    yield fleet
    fleet.close()


def prove(
    fleet: Fleet, made: Workload, *contenders: Contender
) -> tuple[dict[str, Certificate], list[tuple[str, str, str]]]:
    """The certificates, and the traces that had to be made."""
    told: list[tuple[str, str, str]] = []
    with ThreadPoolExecutor(2) as pool:
        proofs = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *news: told.append(news))
        return proofs.collect(proofs.begin(made, contenders, device="cpu")), sorted(told)


def test_a_proof_is_made_once_and_then_read(fleet: Fleet, cache: Path, tmp_path: Path) -> None:
    made = workload()
    certificates, told = prove(fleet, made, FLAX)
    assert told == [("tiny", name, precision) for name in ("flax", "pytorch") for precision in ("fp32", "fp64")]
    assert sorted(certificates) == ["flax", "pytorch"], "the second was chosen for company"
    assert all(certificate.passed for certificate in certificates.values())

    idle = Fleet(tmp_path / "logs")  # it has no launcher, and is asked for none
    again, told = prove(idle, made, FLAX)
    assert not told
    assert again == certificates
    assert not idle._launchers

    torn = min(cache.iterdir())
    torn.write_bytes(torn.read_bytes()[:100])
    again, told = prove(fleet, made, PYTORCH, FLAX)
    assert len(told) == 1, "one trace was torn"
    assert again == certificates


def test_what_a_worker_cannot_do_is_the_problem_of_its_certificate(fleet: Fleet) -> None:
    certificates, _ = prove(fleet, workload(CANNOT_BE_DONE_IN_PYTORCH), PYTORCH, FLAX)
    assert certificates["pytorch"].problem == "PyTorch's nn.LSTM has tanh built in and no other activation"
    assert (certificates["pytorch"].available, certificates["flax"].available) == (False, True)
    assert not certificates["pytorch"].passed


def test_where_a_peer_cannot_do_the_work_the_next_takes_its_place(fleet: Fleet) -> None:
    certificates, _ = prove(fleet, workload(CANNOT_BE_DONE_IN_PYTORCH), FLAX)
    assert certificates["flax"].passed
    assert {item.against for item in certificates["flax"].deviations} == {"reference", "probe", "keras/tensorflow"}


def test_without_another_that_can_do_the_work_there_is_no_proof(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "PEERS", ("pytorch", "flax"))
    certificates, _ = prove(fleet, workload(CANNOT_BE_DONE_IN_PYTORCH), PYTORCH, FLAX)
    assert certificates["flax"].problem is not None
    assert "no second framework" in certificates["flax"].problem
    assert not any(certificate.passed for certificate in certificates.values())


def path(
    *changes: Change,
    contender: Contender = PYTORCH,
    device: str = "cpu",
    precision: str = "fp64",
    options: dict[str, str] | None = None,
) -> Path:
    tunings = {"pytorch": options or {}}
    pending = Pending(workload=workload(*changes), device=device, precision="fp32", tunings=tunings)
    return proof._path(pending, contender, precision)


@pytest.mark.parametrize(
    "change",
    [
        ("learning_rate = 1e-2", "learning_rate = 1.1e-2"),
        ("batch_size = 8", "batch_size = 7"),
        ("units = 5", "units = 6"),
        ("train = 48", "train = 49"),
        ("epochs = 2", "epochs = 2\nseed = 1"),
        ("epochs = 2", 'epochs = 2\nclipping = { norm = 1.0, scope = "global" }'),
    ],
)
def test_another_recipe_network_or_data_set_has_another_trace(change: Change) -> None:
    assert path(change) != path()


@pytest.mark.parametrize(
    "change",
    [
        ("Six numbers", "Half a dozen numbers"),
        ("epochs = 2", "epochs = 3"),
        ("epochs = 2", "epochs = 2\nvalidation_fraction = 0.2\nearly_stopping = { patience = 1 }"),
    ],
)
def test_what_no_step_depends_on_has_the_same_trace(change: Change) -> None:
    assert path(change) == path()


def test_contender_precision_and_kind_of_device_have_traces_of_their_own() -> None:
    assert len({path(), path(contender=FLAX), path(contender=JAX), path(contender=TORCH), path(precision="fp32")}) == 5
    assert path(device="cuda:0") == path(device="cuda:1") != path()
    assert path(options={"optimizer": "fused"}) != path()
    assert path(options={"optimizer": "fused"}, contender=FLAX) == path(contender=FLAX), "they are of one contender"


@pytest.mark.parametrize(
    ("file", "decides"),
    [("dnn/pytorch.py", "yes"), ("layers/pytorch.py", "yes"), ("dnn/flax.py", "no"), ("lstm/pytorch.py", "no")],
)
def test_the_sources_of_a_twin_decide_for_that_twin(
    file: str, decides: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path()
    folder = tmp_path / "models"
    shutil.copytree(model_families.FOLDER, folder)
    monkeypatch.setattr(model_families, "FOLDER", folder)
    assert path() == before
    (folder / file).write_text((folder / file).read_text() + "# changed\n")
    assert (path() != before) == (decides == "yes")


def test_adapter_and_versions_decide_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, of_flax = path(), path(contender=FLAX)
    folder = tmp_path / "adapters"
    shutil.copytree(frameworks.ADAPTERS, folder)
    monkeypatch.setattr(frameworks, "ADAPTERS", folder)
    (folder / "pytorch.py").write_text("# another\n")
    assert path() != before
    assert path(contender=FLAX) == of_flax
    monkeypatch.setattr(frameworks, "versions", lambda _: {"jax": "99"})
    assert path(contender=FLAX) != of_flax


def test_what_saturates_is_held_to_what_rounding_explains(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two frameworks are 0.9e-9 to 5.5e-9 apart here, by how either rounds that day; the usual limit is 1e-9.
    monkeypatch.setattr(equivalence, "WEIGHTS_LIMIT", 1e-10)
    made = load_workload("counting-rnn")
    certificates, told = prove(fleet, made, PYTORCH, FLAX)
    assert [item[2] for item in told] == ["fp32", "fp64", "fp64 nudged"] * 2
    for certificate in certificates.values():
        assert certificate.passed
        assert certificate.notes[0].startswith("weights may differ by ")
    idle = Fleet(tmp_path / "logs")
    again, told = prove(idle, made, PYTORCH, FLAX)
    assert (again, told) == (certificates, [])
    assert not idle._launchers


def test_losses_in_float32_that_drift_are_held_against_a_nudged_trace_in_float32(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equivalence, "LOSS_LIMITS", {equivalence.LOSS_STEPS: 1e-9})
    monkeypatch.setattr(equivalence, "AMPLIFIED_LOSS_FACTOR", 1e5)
    certificates, told = prove(fleet, load_workload("digits-dnn"), PYTORCH, FLAX)
    assert {item[2] for item in told} == {"fp32", "fp64", "fp32 nudged"}
    for certificate in certificates.values():
        assert certificate.passed
        (note,) = certificate.notes
        assert note.startswith("float32 losses may differ by ")


@pytest.mark.parametrize(
    ("chosen", "company"),
    [
        ((PYTORCH,), (FLAX,)),
        ((FLAX,), (PYTORCH,)),
        ((PYTORCH, FLAX), ()),
        ((JAX, TORCH), (PYTORCH, FLAX)),
        ((TORCH, FLAX), (PYTORCH,)),
        ((), (PYTORCH, FLAX)),
    ],
)
def test_two_peers_are_always_among_the_proven(chosen: tuple[Contender, ...], company: tuple[Contender, ...]) -> None:
    assert second(chosen) == company


def test_only_what_is_installed_is_chosen_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "is_installed", lambda contender: contender == FLAX)
    assert second((PYTORCH,)) == (FLAX,)
    monkeypatch.setattr(frameworks, "is_installed", lambda _: False)
    assert second((PYTORCH,)) == ()


@pytest.mark.parametrize("file", proof.DECISIVE)
def test_the_harness_that_makes_a_trace_decides_too(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path()
    folder = tmp_path / "bench"
    shutil.copytree(Path(proof.__file__).parent, folder)
    monkeypatch.setattr(proof, "__file__", str(folder / "proof.py"))
    assert path() == before
    (folder / file).write_text("# another\n")
    assert path() != before


def test_options_are_proven_like_everything_else(fleet: Fleet) -> None:
    with ThreadPoolExecutor(2) as pool:
        proofs = Proofs(fleet, pool, threads=1, limit_s=LIMIT_S, tell=lambda *_: None)
        options = {"compile": "default", "optimizer": "fused"}
        tuned = proofs.begin(workload(), [PYTORCH], device="cpu", tunings={"pytorch": options})
        usual = proofs.begin(workload(), [PYTORCH], device="cpu")
        certificate = proofs.collect(tuned)["pytorch"]
        assert certificate.passed
        assert certificate.notes == ("proven with compile default, optimizer fused",)
        assert proofs.collect(usual)["pytorch"].notes == ()


def test_traces_that_are_made_at_once_have_cores_of_their_own(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    both_at_work, cores = Barrier(2, timeout=LIMIT_S), list[tuple[int, int]]()

    def run(_: object, contender: Contender, device: str, job: dict[str, Any], *, limit_s: float) -> Ending:
        assert (device, limit_s) == ("cpu", LIMIT_S)
        both_at_work.wait()
        cores.append((job["first_core"], job["threads"]))
        both_at_work.wait()
        return Ending(result={"outcome": "failed", "error": f"{contender} computes nothing"}, startup_s=None)

    monkeypatch.setattr(Fleet, "run", run)
    with ThreadPoolExecutor(2) as pool:
        proofs = Proofs(fleet, pool, threads=3, limit_s=LIMIT_S, tell=lambda *_: None)
        refused = proofs.collect(proofs.begin(workload(), [PYTORCH, FLAX], device="cpu"))
    assert refused["pytorch"].problem == "pytorch computes nothing"
    pairs = [sorted(cores[at : at + 2]) for at in range(0, len(cores), 2)]
    assert pairs
    assert all(pair == [(0, 3), (3, 3)] for pair in pairs)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (5, 2), (16, 8)])
def test_two_traces_share_the_cores(cores: int, threads: int, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certification, "available_cores", lambda: cores)
    with ThreadPoolExecutor(2) as pool:
        assert certification.proofs(fleet, pool, lambda _: None).threads == threads
