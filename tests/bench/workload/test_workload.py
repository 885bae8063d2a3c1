"""A workload is read from a file, and its digest changes with all that is done and with nothing else."""

import tomllib
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.workload import model_families
from bench.workload.workload import load_workload, parse_workload
from tests.bench.workloads import toml
from tests.bench.workloads import workload as tiny


def test_a_users_own_file_is_a_workload(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml())
    found = load_workload(str(path))
    assert (found.name, found.family, found.source) == ("tiny", "dnn", str(path))
    assert found.spec == model_families.spec_module("dnn").Spec(features=6, hidden=({"units": 5},), outputs=3)
    assert found.content == tomllib.loads(toml())


def test_where_and_at_what_sizes_a_workload_is_timed_is_not_what_it_does() -> None:
    timed = tiny(("epochs = 2", "epochs = 2\n[timing]\nbatch_sizes = [4, 16]"))
    assert timed.batch_sizes == (4, 16)
    assert tiny().batch_sizes == ()
    assert timed.digest == tiny().digest == tiny(('name = "tiny"', 'name = "tiny"\nlarge = true')).digest
    assert timed.digest != tiny(("epochs = 2", "epochs = 3")).digest


@pytest.mark.parametrize("name", ["digits", "", "../suites/quick"])
def test_an_unknown_workload_is_named_beside_the_known_ones(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"^workload: found '{name}', expected one of breast-cancer, .*mnist-lstm, .*or "
    ):
        load_workload(name)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"^workload: found 'nowhere\.toml', where there is no file$"):
        load_workload("nowhere.toml")


CHANGES = {
    "model": ("units = 5", "units = 6"),
    "optimizer": ("1e-2", "1e-3"),
    "batch": ("batch_size = 8", "batch_size = 9"),
    "epochs": ("epochs = 2", "epochs = 3"),
    "seed": ("epochs = 2", "epochs = 2\nseed = 1"),
    "data": ("test = 20", "test = 21"),
    "target": ("epochs = 2\n", 'epochs = 2\n[target]\nmetric = "accuracy"\nvalue = 0.9\n'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_changes_with_what_is_done(change: str) -> None:
    assert tiny(CHANGES[change]).digest != tiny().digest


def test_the_digest_does_not_change_with_the_title_or_the_place_of_the_file() -> None:
    assert tiny(("Six numbers", "A handful of numbers")).digest == tiny().digest
    assert parse_workload(tomllib.loads(toml()), source=Path("elsewhere.toml")).digest == tiny().digest


def test_the_digest_changes_with_the_code_of_the_network_and_of_its_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tiny().digest
    for folder in ("layers", "dnn", "cnn", "lstm"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "spec.py").write_bytes((model_families.FOLDER / folder / "spec.py").read_bytes())
    monkeypatch.setattr(model_families, "FOLDER", tmp_path)
    assert tiny().digest == before
    digests = set()
    for folder in ("lstm", "dnn", "layers"):
        with (tmp_path / folder / "spec.py").open("a") as file:
            file.write("CHANGED = True\n")
        digests.add(tiny().digest)
    assert before in digests, "another family's network is not what this workload does"
    assert len(digests) == 3


def test_the_digest_changes_with_the_data_behind_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tiny().digest
    monkeypatch.setattr("bench.datasets.synthetic.GENERATOR", "another")
    assert tiny().digest != before
