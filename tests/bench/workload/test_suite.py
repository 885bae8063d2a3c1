"""A suite lists workloads of the catalogue, and a mistake in its file is reported in one line."""

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.workload import suite
from bench.workload.suite import SUITES, load_suite, suite_names
from bench.workload.workload import load_workload
from bench.workload.workload_files import workload_names


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_has_the_name_of_its_file_and_only_workloads_of_the_catalogue(name: str) -> None:
    found = load_suite(name)
    assert found.name == name
    assert set(found.workloads) <= set(workload_names())
    assert found.processes >= 3 or name in {"demo", "lecture"}, "a comparison needs the medians of several processes"


def test_the_suites_lecture_and_more_have_every_workload_except_the_large_ones() -> None:
    large = {name for name in workload_names() if load_workload(name).large}
    lecture, more = (set(load_suite(name).workloads) for name in ("lecture", "more"))
    assert lecture | more == set(workload_names()) - large
    assert not lecture & more
    assert set(load_suite("gpu").workloads) == large == {"dnn-large", "cnn-large", "lstm-large"}


def test_the_gpu_suite_uses_every_precision_and_every_framework() -> None:
    found = load_suite("gpu")
    assert found.precisions == ("fp32", "tf32", "bf16")
    assert found.frameworks == load_suite("standard").frameworks
    assert len(found.frameworks) == 5
    assert load_suite("standard").precisions == ("fp32",)


def test_the_quick_suite_has_its_documented_workloads_frameworks_and_batch_sizes() -> None:
    quick = load_suite("quick")
    assert quick.workloads == ("digits-dnn", "digits-cnn", "digits-lstm")
    assert quick.frameworks == ("pytorch", "keras", "flax")
    assert quick.batch_sizes == (1, 32, 256)


@pytest.mark.parametrize("name", ["slow", "", "../workloads/digits-dnn"])
def test_an_unknown_suite_is_refused_with_a_list_of_the_known_ones(name: str) -> None:
    with pytest.raises(
        UsageError,
        match=f"^--suite: found '{name}', expected one of demo, gpu, lecture, lecture-quick, more, quick, standard$",
    ):
        load_suite(name)


def test_a_file_in_the_current_folder_with_the_name_of_a_suite_hides_no_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick").write_text("")
    (tmp_path / "mine.toml").write_text("")
    assert load_suite("quick").name == "quick"
    with pytest.raises(UsageError, match=r"found 'mine\.toml', which is a file"):
        load_suite("mine.toml")


def test_a_name_that_no_file_can_have_is_an_unknown_suite() -> None:
    with pytest.raises(UsageError, match=r"^--suite: found 'xxx"):
        load_suite("x" * 300)


def test_a_mistake_in_a_suite_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SUITES", tmp_path)
    text = (SUITES / "quick.toml").read_text()
    (tmp_path / "quick.toml").write_text(text)
    assert load_suite("quick").processes == 3
    (tmp_path / "quick.toml").write_text(text.replace("processes = 3", "processes = 0"))
    with pytest.raises(UsageError, match=r"quick.toml: processes: found 0, expected a number greater than 0$"):
        load_suite("quick")
    (tmp_path / "quick.toml").write_text(text.replace("block_seconds = 0.2", "block_seconds = 1e308"))
    with pytest.raises(UsageError, match=r"block_seconds: found 1e\+308, expected a number of at most 3600$"):
        load_suite("quick")


def test_all_unknown_workloads_of_a_suite_are_named_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "SUITES", tmp_path)
    text = (SUITES / "quick.toml").read_text()
    (tmp_path / "quick.toml").write_text(text.replace('"digits-dnn"', '"digits-dn", "gan"'))
    with pytest.raises(UsageError, match=r"quick.toml: workloads: found 'digits-dn' \(did you mean .+\), 'gan', expec"):
        load_suite("quick")
