"""A tag names one model of a workload, stays with its folder, and survives two writers."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import BenchError, UsageError
from bench.records import model_tags, model_versions
from tests.bench.stored_models import FIRST, SECOND, changed, stored


def tags(results: Path) -> dict[Path, tuple[str, ...]]:
    return {item.folder: item.tags for item in model_versions.every(results, warn=pytest.fail)}


def tag(results: Path, folder: Path, *names: str) -> dict[str, Path]:
    return model_versions.tag(results, model_versions.find(results, str(folder), warn=pytest.fail), list(names))


def test_a_tag_is_moved_from_the_model_that_had_it(tmp_path: Path) -> None:
    first, second = stored(tmp_path, FIRST), stored(tmp_path, SECOND)
    about = (first / "model.json").read_bytes()
    assert tag(tmp_path, first, "production", "best") == {}
    assert tags(tmp_path) == {first: ("best", "production"), second: ()}
    assert tag(tmp_path, second, "production") == {"production": first}
    assert tags(tmp_path) == {first: ("best",), second: ("production",)}
    assert tag(tmp_path, second, "production") == {}, "it has the tag already"
    assert (first / "model.json").read_bytes() == about


def test_models_of_different_workloads_have_the_same_tag(tmp_path: Path) -> None:
    tiny, other = stored(tmp_path, framework="flax"), stored(tmp_path, framework="pytorch")
    changed(other, workload="wine")
    tag(tmp_path, tiny, "production")
    assert tag(tmp_path, other, "production") == {}
    assert tags(tmp_path) == {tiny: ("production",), other: ("production",)}


def test_a_copied_folder_has_its_tags_and_outside_of_the_results_it_takes_none_away(tmp_path: Path) -> None:
    results = tmp_path / "results"
    folder = stored(results)
    tag(results, folder, "production")
    carried = shutil.copytree(folder, tmp_path / "carried")
    assert model_tags.read(carried) == model_tags.read(folder)
    assert tag(results, carried, "production") == {}
    assert tags(results) == {folder: ("production",)}


def test_after_a_move_that_was_cut_off_the_tag_belongs_to_the_model_that_got_it_last(tmp_path: Path) -> None:
    first, second = stored(tmp_path, FIRST), stored(tmp_path, SECOND)
    tag(tmp_path, first, "production")
    left = (first / model_tags.TAGS).read_bytes()
    tag(tmp_path, second, "production")
    (first / model_tags.TAGS).write_bytes(left)
    assert tags(tmp_path) == {first: (), second: ("production",)}
    assert tag(tmp_path, first, "production") == {"production": second}
    assert tags(tmp_path) == {first: ("production",), second: ()}


def test_two_writers_lose_no_tag(tmp_path: Path) -> None:
    folder, other = stored(tmp_path, FIRST), stored(tmp_path, SECOND)
    names = [f"tag{number}" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(model_tags.add, tmp_path, folder, [name], others=[other]) for name in names]
    assert [item.result() for item in done] == [{}] * len(names)
    assert sorted(model_tags.read(folder)) == sorted(names)
    assert not list(folder.glob(".*")), "no draft is left"


def test_tags_are_removed_and_those_that_are_not_there_are_refused(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    tag(tmp_path, folder, "production", "best")
    with pytest.raises(UsageError, match=r"--remove: found 'prodution' \(did you mean production\?\), expected best"):
        model_tags.remove(tmp_path, folder, ["best", "prodution"])
    assert tags(tmp_path)[folder] == ("best", "production"), "nothing was removed"
    model_tags.remove(tmp_path, folder, ["best", "production"])
    assert not (folder / model_tags.TAGS).exists()
    with pytest.raises(UsageError, match=r"found 'best', but .* has no tags"):
        model_tags.remove(tmp_path, folder, ["best"])


@pytest.mark.parametrize("name", ["", "two words", "-rf", "a/b", "käse", ".hidden", "x@y", "line\n"])
def test_a_name_that_is_no_tag_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"tag: found .*expected letters, digits"):
        model_tags.check(["production", name])
    model_tags.check(["production", "v1.2-rc_3", "2026"])


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"production": 1})])
def test_a_damaged_file_of_tags_is_refused_with_what_to_do(content: str, tmp_path: Path) -> None:
    folder = stored(tmp_path)
    (folder / model_tags.TAGS).write_text(content)
    with pytest.raises(UsageError, match=r"tags\.json: found .*remove the file, and tag the model again"):
        model_tags.read(folder)
    assert model_tags.names(folder) == []
    (folder / model_tags.TAGS).unlink()
    assert model_tags.read(folder) == {}


def test_a_folder_that_cannot_be_written_is_an_error_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stored(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_tags, "replaced", refuse)
    with pytest.raises(BenchError, match=r"tags\.json: cannot be written \(No space left on device\)"):
        tag(tmp_path, folder, "production")
