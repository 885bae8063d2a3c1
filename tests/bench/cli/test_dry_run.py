"""`levelfield run --dry-run` prints the plan and its time, and does nothing."""

import json
from pathlib import Path

import pytest

from bench.cli import devices
from bench.workload import frameworks
from tests.bench.cli.conftest import SMALL, Command, Place, prepared
from tests.bench.run.scripted_workers import Script


@pytest.mark.usefixtures("nothing_starts")
def test_a_dry_run_prints_the_plan_and_its_time_and_does_nothing(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path)
    found = levelfield("run", "--dry-run", "--workload", place.workload, "--framework", "pytorch,flax", *place.places)
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].startswith("tiny pytorch training, memory, batch 8: ")
    assert "tiny flax inference, timing 3, batch 1, 32, 256: " in found.out
    assert lines[-1].startswith(f"{len(lines) - 1} cases, about ")
    assert not place.results.exists()
    assert not place.reports.exists()


@pytest.mark.usefixtures("nothing_starts")
def test_a_dry_run_takes_its_times_from_earlier_runs(levelfield: Command, place: Place) -> None:
    lines = [json.loads(line) | {"duration_s": 45.0} for line in place.records.read_text().splitlines()]
    place.records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = ["--workload", place.workload, "--framework", "pytorch", "--scenario", "training", *SMALL]
    found = levelfield("run", "--dry-run", *asked, *place.places)
    assert all(line.endswith(": 45 s") for line in found.out.splitlines()[:-1])
    assert levelfield("run", "--dry-run", *asked, *place.places, "--results", "none").out != found.out


@pytest.mark.usefixtures("nothing_starts")
def test_a_framework_that_is_not_installed_is_named_with_its_extra_and_the_others_are_planned(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = frameworks._version
    monkeypatch.setattr(frameworks, "_version", lambda name: None if name == "optax" else real(name))
    place = prepared(tmp_path)
    asked = ["run", "--dry-run", "--workload", place.workload, "--framework"]
    found = levelfield(*asked, "pytorch,flax", *place.places)
    assert found.code == 0
    assert found.err == "warning: flax is not installed: `pip install 'levelfield[flax]'`\n"
    assert "tiny pytorch training" in found.out
    assert "tiny flax" not in found.out
    assert levelfield(*asked, "flax", *place.places).code == 2


@pytest.mark.usefixtures("nothing_starts")
def test_installed_pairs_that_a_suite_leaves_out_are_named_and_none_where_pairs_were_asked_for(
    levelfield: Command, place: Place
) -> None:
    asked = ["run", "--dry-run", "--workload", place.workload]
    found = levelfield(*asked, *place.places)
    assert (
        found.err == "also installed, but not in this plan: keras/jax, keras/torch; add them with `--framework all`\n"
    )
    assert "tiny keras/jax" not in found.out
    for pairs in ("pytorch", "all"):
        assert levelfield(*asked, "--framework", pairs, *place.places).err == ""


@pytest.mark.usefixtures("nothing_starts")
def test_a_dry_run_of_what_is_left_prints_it_and_does_nothing(levelfield: Command, place: Place) -> None:
    first, *others = place.records.read_text().splitlines(keepends=True)
    place.records.write_text("".join(others))
    result = levelfield("run", "--resume", "--dry-run", "--results", place.results)
    assert result.code == 0, result.err
    assert "1 cases" in result.out
    assert first not in place.records.read_text()


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_that_goes_on_names_no_pairs_that_were_left_out_since_it_takes_no_others(
    levelfield: Command, place: Place
) -> None:
    path = place.records.parent / "artifacts" / "plan.json"
    plan = json.loads(path.read_text())
    plan["options"]["options"]["framework"] = None
    path.write_text(json.dumps(plan))
    place.records.write_text("")
    found = levelfield("run", "--resume", "--dry-run", "--results", place.results)
    assert found.code == 0
    assert "also installed" not in found.err


REFUSED: dict[str, list[str]] = {
    "a GPU that is not there": ["--device", "cuda"],
    "a name of a machine that is a path": ["--machine", "../elsewhere"],
    "folders that cannot be written": ["--reports", "FILE/reports"],
    "a folder whose name is too long": ["--reports", "x" * 300],
    "a purpose that the scenario does not have": ["--purpose", "learning", "--scenario", "inference"],
    "a search for the largest batch in a mode that has none": ["--batch-size", "auto", "--mode", "tuned"],
    "a framework that does not exist": ["--framework", "theano"],
    "a comparison without a valid threshold": ["--self-check", "--threshold", "0"],
    "a format that no verdict has": ["--self-check", "--format", "pdf"],
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_dry_run_refuses_what_a_run_refuses_with_the_same_words(
    what: str, levelfield: Command, tmp_path: Path, script: Script
) -> None:
    place = prepared(tmp_path)
    (tmp_path / "file").write_text("")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in REFUSED[what]]
    asked = ["run", place.workload, "--framework", "pytorch,flax", *place.places, *words]
    real, dry = levelfield(*asked), levelfield(*asked, "--dry-run")
    assert (dry.code, dry.out) == (2, "")
    assert dry.err == real.err
    assert not place.reports.exists()
    assert script.asked == [], "nothing was measured"


def test_a_dry_run_for_a_gpu_that_is_there_prints_the_plan(
    levelfield: Command, tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = prepared(tmp_path)
    monkeypatch.setattr(devices, "ask", lambda asked: {item: {"devices": ["cpu", "cuda:0"]} for item in asked})
    found = levelfield("run", "--dry-run", place.workload, "--framework", "flax", "--device", "cuda", *place.places)
    assert (found.code, found.err) == (0, "")
    assert "tiny flax on cuda training" in found.out
    assert script.asked == []


@pytest.mark.usefixtures("nothing_starts")
def test_an_earlier_run_that_cannot_be_read_keeps_nobody_from_a_new_one(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path)
    (place.results / "m" / "20260101T000000Z-aaaa" / "records.jsonl").mkdir(parents=True)
    found = levelfield("run", "--dry-run", place.workload, "--framework", "pytorch", *place.places)
    assert (found.code, found.err) == (0, "")
    refused = levelfield("report", "latest", *place.places)
    assert refused.code in {2, 6}
    assert refused.err.count("\n") == 1
