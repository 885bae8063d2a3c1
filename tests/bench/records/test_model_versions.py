"""Saved models are found, told apart by their digests, and matched with the records of their trainings."""

import shutil
from pathlib import Path

import pytest

from bench.errors import NothingMeasuredError, UsageError
from bench.records import model_versions
from bench.workload.model_folders import ABOUT, FAMILY, WEIGHTS
from tests.bench.stored_models import FIRST, SECOND, changed, stored
from tests.bench.workload.own_family import write_family


def every(results: Path) -> list[model_versions.ModelVersion]:
    return model_versions.every(results, warn=pytest.fail)


def test_models_are_listed_from_the_newest_run_to_the_oldest(tmp_path: Path) -> None:
    older, newer = stored(tmp_path, FIRST), stored(tmp_path, SECOND, machine="another")
    assert [item.folder for item in every(tmp_path)] == [newer, older]
    (newer.parent / ".tiny-flax-cpu-seed1").mkdir()
    assert len(every(tmp_path)) == 2, "a model that is written just now is not there yet"
    assert every(tmp_path / "nothing") == []


def test_a_model_is_matched_with_the_record_of_its_own_training(tmp_path: Path) -> None:
    stored(tmp_path, framework="pytorch", certificate="failed")
    stored(tmp_path, framework="keras/jax", certificate=None)
    stored(tmp_path, framework="flax", seed=1)
    found = {item.text("contender"): item.record for item in every(tmp_path)}
    assert {name: record.case.contender for name, record in found.items() if record} == {
        name: name for name in ("pytorch", "keras/jax", "flax")
    }
    passed = {name: record.certificate and record.certificate.passed for name, record in found.items() if record}
    assert passed == {"pytorch": False, "keras/jax": None, "flax": True}


def test_the_digest_is_that_of_the_network_and_its_weights(tmp_path: Path) -> None:
    same = [stored(tmp_path, FIRST), stored(tmp_path, SECOND)]
    changed(same[1], versions={"flax": "2"}, quality={}, dataset={"name": "digits", "path": "elsewhere"})
    other = stored(tmp_path, SECOND, weights_seed=1, seed=1)
    digests = {item.folder: item.digest for item in every(tmp_path)}
    assert len(digests[same[0]]) == 12
    assert digests[same[0]] == digests[same[1]] != digests[other]
    changed(same[1], inputs={"mean": [1.0], "deviation": [2.0]})
    assert {item.folder: item.digest for item in every(tmp_path)}[same[1]] != digests[same[0]], "another scaling"


def test_the_code_of_a_network_is_in_its_digest_and_is_not_run(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    before = every(tmp_path)[0].digest
    write_family(folder).rename(folder / FAMILY)
    with_code = every(tmp_path)[0].digest
    (folder / FAMILY / "spec.py").write_text("raise RuntimeError('this code was run')\n")
    assert len({before, with_code, every(tmp_path)[0].digest}) == 3


def test_an_older_model_says_what_is_unknown(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    changed(folder, workload=None, contender=["a", "list"], quality={"accuracy": "high"}, description=None, spec=1)
    (found,) = every(tmp_path)
    assert (found.text("workload"), found.text("contender"), found.table("spec"), found.quality) == (None, None, {}, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "found a mistake in line 1, column 1"),
        ("[]", "found no JSON object"),
        (None, "no such file"),
    ],
)
def test_a_damaged_model_is_one_warning_and_the_others_are_listed(
    content: str | None, reason: str, tmp_path: Path
) -> None:
    damaged, whole = stored(tmp_path, framework="flax"), stored(tmp_path, framework="pytorch")
    path = damaged / ABOUT
    path.unlink() if content is None else path.write_text(content)
    warnings: list[str] = []
    found = model_versions.every(tmp_path, warn=warnings.append)
    assert [item.folder for item in found] == [whole]
    ((said,),) = (warnings,)
    assert said.startswith(f"{path}: {reason}, expected a file that `levelfield run --save-models` has written")


@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_damaged_weights_are_found(damage: str, tmp_path: Path) -> None:
    weights = stored(tmp_path) / WEIGHTS
    content = weights.read_bytes()
    weights.unlink()
    if damage != "missing":
        middle = len(content) // 2
        weights.write_bytes(
            content[:middle]
            if damage == "cut"
            else content[:middle] + bytes(255 - byte for byte in content[middle : middle + 4]) + content[middle + 4 :]
        )
    warnings: list[str] = []
    assert model_versions.every(tmp_path, warn=warnings.append) == []
    assert [str(weights) in line for line in warnings] == [True]


def test_a_model_is_found_by_folder_name_tag_and_digest(tmp_path: Path) -> None:
    first, second = stored(tmp_path, framework="flax"), stored(tmp_path, framework="pytorch", weights_seed=1)
    digests = {item.folder: item.digest for item in every(tmp_path)}
    model_versions.tag(tmp_path, model_versions.find(tmp_path, str(first), warn=pytest.fail), ["production"])
    for name in (str(first), first.name, "production", "production@tiny", digests[first], digests[first][:6]):
        assert model_versions.find(tmp_path, name, warn=pytest.fail).folder == first, name
    assert model_versions.find(tmp_path, digests[second], warn=pytest.fail).folder == second
    for name in ("productoin", "production@wine", digests[first][:3], ""):
        with pytest.raises(UsageError, match="found no such model"):
            model_versions.find(tmp_path, name, warn=pytest.fail)
    with pytest.raises(UsageError, match=r"\(did you mean production"):
        model_versions.find(tmp_path, "productoin", warn=pytest.fail)


def test_a_name_of_different_models_is_refused_and_one_of_equal_models_is_the_newest(tmp_path: Path) -> None:
    stored(tmp_path, FIRST)
    newest = stored(tmp_path, SECOND)
    assert model_versions.find(tmp_path, newest.name, warn=pytest.fail).folder == newest
    stored(tmp_path, SECOND, weights_seed=1)
    with pytest.raises(UsageError, match=f"found 2 models: .*{SECOND}.*{FIRST}.*name one by its folder or its digest"):
        model_versions.find(tmp_path, newest.name, warn=pytest.fail)


def test_a_folder_that_was_carried_away_is_a_model_without_a_run(tmp_path: Path) -> None:
    folder = stored(tmp_path / "results")
    model_versions.tag(
        tmp_path / "results", model_versions.find(tmp_path / "results", folder.name, warn=pytest.fail), ["best"]
    )
    carried = shutil.copytree(folder, tmp_path / "carried")
    found = model_versions.find(tmp_path / "results", str(carried), warn=pytest.fail)
    assert (found.run, found.record, found.tags) == (None, None, ("best",))
    assert found.digest == every(tmp_path / "results")[0].digest


def test_without_any_model_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasuredError, match="no saved models yet"):
        model_versions.find(tmp_path, "production", warn=pytest.fail)
