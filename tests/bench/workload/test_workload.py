"""A workload is read from a file, and its digest changes if and only if the work changes."""

import tomllib
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.workload import model_families
from bench.workload.unknown_names import HELP
from bench.workload.workload import load_workload, parse_workload
from tests.bench.workloads import toml
from tests.bench.workloads import workload as tiny


def test_a_users_own_file_is_read_as_a_workload(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml())
    found = load_workload(str(path))
    assert (found.name, found.family, found.source) == ("tiny", "dnn", str(path))
    assert found.spec == model_families.spec_module("dnn").Spec(features=6, hidden=({"units": 5},), outputs=3)
    assert found.content == tomllib.loads(toml())


def test_timing_and_large_do_not_change_the_digest() -> None:
    timed = tiny(("epochs = 2", "epochs = 2\n[timing]\nbatch_sizes = [4, 16]"))
    assert timed.batch_sizes == (4, 16)
    assert tiny().batch_sizes == ()
    assert timed.digest == tiny().digest == tiny(('name = "tiny"', 'name = "tiny"\nlarge = true')).digest
    assert timed.digest != tiny(("epochs = 2", "epochs = 3")).digest


@pytest.mark.parametrize("name", ["zebra", "", "../suites/quick"])
def test_an_unknown_workload_is_refused_with_a_list_of_the_known_ones(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"^workload: found '{name}'.*, expected one of breast-cancer, .*mnist-lstm, .*or "
    ):
        load_workload(name)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"^workload: found 'nowhere\.toml', expected the path of a TOML file: there"):
        load_workload("nowhere.toml")


def test_a_misspelt_workload_is_refused_with_similar_names_and_without_the_others() -> None:
    with pytest.raises(UsageError, match=r"`levelfield list workloads` names all$") as caught:
        load_workload("digits-dnnn")
    assert str(caught.value).startswith("workload: found 'digits-dnnn' (did you mean digits-dnn")
    assert "breast-cancer" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        (
            "flats.csv",
            "a data file: `levelfield init data flats.csv` writes a workload for it (see docs/how-to/own-data",
        ),
        ("my flats.NPZ", "a data file: `levelfield init data 'my flats.NPZ'` writes a workload for it"),
        ("flats.parquet", "a data file: `levelfield init data flats.parquet` writes a workload for it"),
        ("flats.xlsx", "a data file: convert it to .csv or .npz, and use `levelfield init data`"),
        (".", "a folder: `levelfield init data .` writes a workload for a folder with images or IDX files"),
    ],
)
def test_data_in_the_place_of_a_workload_is_refused_with_what_to_write(name: str, remark: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_workload(name)
    assert str(caught.value).startswith(f"workload: found {name!r}, which is {remark}")
    assert Path(__file__).parents[3].joinpath(HELP.removeprefix("see ")).is_file()


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
def test_the_digest_changes_with_the_work(change: str) -> None:
    assert tiny(CHANGES[change]).digest != tiny().digest


def test_the_digest_does_not_change_with_the_title_or_the_path_of_the_file() -> None:
    assert tiny(("Six numbers", "A handful of numbers")).digest == tiny().digest
    assert parse_workload(tomllib.loads(toml()), source=Path("elsewhere.toml")).digest == tiny().digest


def test_the_digest_changes_with_the_code_of_the_spec_and_of_the_shared_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tiny().digest
    for folder in ("layers", "dnn", "cnn", "lstm"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "spec.py").write_bytes((model_families.FOLDER / folder / "spec.py").read_bytes())
    shared = ("layers/sequence.py", "layers/activations.py")
    for name in shared:
        (tmp_path / name).write_bytes((model_families.FOLDER / name).read_bytes())
    monkeypatch.setattr(model_families, "FOLDER", tmp_path)
    assert tiny().digest == before
    digests = set()
    for name in ("lstm/spec.py", "dnn/spec.py", "layers/spec.py", *shared):
        with (tmp_path / name).open("a") as file:
            file.write("CHANGED = True\n")
        digests.add(tiny().digest)
    assert before in digests, "this workload does not use the spec of another family"
    assert len(digests) == 5


def test_the_digest_changes_with_the_data_even_if_the_options_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tiny().digest
    monkeypatch.setattr("bench.datasets.synthetic.GENERATOR", "another")
    assert tiny().digest != before


def test_other_work_under_the_name_of_the_catalogue_is_refused_and_a_copy_is_not(tmp_path: Path) -> None:
    text = Path(load_workload("digits-dnn").source).read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert load_workload(str(path)).digest == load_workload("digits-dnn").digest
    changed = text.replace("batch_size = 32", "batch_size = 16")
    path.write_text(changed)
    with pytest.raises(UsageError, match=r"mine\.toml: name: found 'digits-dnn', which is a workload of the catalogue"):
        load_workload(str(path))
    path.write_text(changed.replace('"digits-dnn"', '"my-dnn"'))
    assert load_workload(str(path)).name == "my-dnn"
