"""The cache file of a trace depends on everything that decides what the trace holds, and on nothing else."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from bench.analysis import dropout_masks, equivalence, second_network
from bench.run import proofs
from bench.run.proofs import Pending
from bench.workload import frameworks, model_families
from bench.workload.frameworks import Contender
from tests.bench.workloads import Change, workload

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")
JAX, TORCH = Contender("keras", "jax"), Contender("keras", "torch")


def path(
    *changes: Change,
    contender: Contender = PYTORCH,
    device: str = "cpu",
    precision: str = "fp64",
    options: dict[str, str] | None = None,
) -> Path:
    tunings = {"pytorch": options or {}}
    pending = Pending(workload=workload(*changes), place=device, device=device, precision="fp32", tunings=tunings)
    return proofs._path(pending, contender, precision)


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
def test_settings_that_change_no_step_keep_the_trace(change: Change) -> None:
    assert path(change) == path()


def test_framework_precision_device_kind_and_options_have_separate_traces() -> None:
    assert len({path(), path(contender=FLAX), path(contender=JAX), path(contender=TORCH), path(precision="fp32")}) == 5
    assert path(device="cuda:0") == path(device="cuda:1") != path()
    assert path(options={"optimizer": "fused"}) != path()
    assert path(options={"optimizer": "fused"}, contender=FLAX) == path(contender=FLAX), "options are for one framework"


@pytest.mark.parametrize(
    ("file", "decides"),
    [("dnn/pytorch.py", "yes"), ("layers/pytorch.py", "yes"), ("dnn/flax.py", "no"), ("lstm/pytorch.py", "no")],
)
def test_a_changed_model_file_changes_the_traces_of_its_framework_only(
    file: str, decides: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path()
    folder = tmp_path / "models"
    shutil.copytree(model_families.FOLDER, folder)
    monkeypatch.setattr(model_families, "FOLDER", folder)
    assert path() == before
    (folder / file).write_text((folder / file).read_text() + "changed = 1\n")
    assert (path() != before) == (decides == "yes")


def test_a_changed_adapter_or_version_changes_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, of_flax = path(), path(contender=FLAX)
    folder = tmp_path / "adapters"
    shutil.copytree(frameworks.ADAPTERS, folder)
    monkeypatch.setattr(frameworks, "ADAPTERS", folder)
    (folder / "pytorch.py").write_text("# another\n")
    assert path() != before
    assert path(contender=FLAX) == of_flax
    monkeypatch.setattr(frameworks, "versions", lambda _: {"jax": "99"})
    assert path(contender=FLAX) != of_flax


@pytest.mark.parametrize("file", proofs.DECISIVE)
def test_changed_harness_code_for_traces_changes_the_trace(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path()
    folder = tmp_path / "bench"
    for name in proofs.DECISIVE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(proofs.HARNESS / name, folder / name)
    monkeypatch.setattr(proofs, "HARNESS", folder)
    assert path() == before
    (folder / file).write_text("another = 1\n")
    assert path() != before


@pytest.mark.parametrize(
    ("module", "name"),
    [(equivalence, "STEPS"), (second_network, "STEPS"), (dropout_masks, "STEPS"), (dropout_masks, "SAMPLES")],
)
def test_another_number_of_steps_or_samples_changes_the_trace(
    module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path()
    monkeypatch.setattr(module, name, 7)
    assert path() != before
