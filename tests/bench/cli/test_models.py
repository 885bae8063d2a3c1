"""`levelfield models` lists, shows and tags what `run --save-models` has kept."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.cli import completion
from bench.cli.model_argument import model_folder
from bench.errors import UsageError
from bench.workload.model_folders import ABOUT
from tests.bench.cli.conftest import Command
from tests.bench.stored_models import FIRST, SECOND, changed, stored


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    """Two models of one workload in two runs."""
    results = tmp_path / "results"
    first = stored(results, FIRST, framework="pytorch", accuracy=0.75)
    return first, stored(results, SECOND, framework="flax", weights_seed=1, certificate="failed")


def test_models_are_listed_with_quality_proof_and_tags(
    levelfield: Command, models: tuple[Path, Path], tmp_path: Path
) -> None:
    results = ("--results", tmp_path / "results")
    assert levelfield("models", "tag", models[0], "production", "v1", *results).code == 0
    found = levelfield("models", "list", "--format", "json", *results)
    newest, oldest = json.loads(found.out)
    assert (found.code, found.err) == (0, "")
    assert newest["model"] == str(models[1])
    assert (newest["framework"], newest["certificate"], newest["tags"]) == ("flax", "proof failed", [])
    assert oldest | {"digest": ""} == {
        "model": str(models[0]),
        "workload": "tiny",
        "framework": "pytorch",
        "quality": {"accuracy": 0.75, "loss": 1.5},
        "run": FIRST,
        "when": "2026-01-01T00:00:00Z",
        "digest": "",
        "certificate": "proven equal",
        "tags": ["production", "v1"],
    }
    shown = levelfield("models", "list", "--format", "markdown", *results).out
    assert f"| {oldest['digest']} | tiny" in shown
    assert "| accuracy 0.7500 | proven equal  | production, v1 |" in shown
    assert "accuracy 0.7500" in levelfield("models", "list", *results).out


def test_a_list_is_of_one_workload_or_of_one_tag(
    levelfield: Command, models: tuple[Path, Path], tmp_path: Path
) -> None:
    results = ("--format", "json", "--results", tmp_path / "results")
    changed(models[1], workload="wine")
    levelfield("models", "tag", models[0], "best", *results[2:])
    for option in (("--workload", "tiny"), ("--tag", "best"), ("--tag", "best", "--workload", "tiny")):
        assert [item["model"] for item in json.loads(levelfield("models", "list", *option, *results).out)] == [
            str(models[0])
        ]
    none = levelfield("models", "list", "--workload", "wine", "--tag", "best", *results)
    assert (none.code, none.out) == (6, "")
    assert "found no saved model of workload 'wine' with the tag 'best'; `levelfield models list` shows all" in none.err


def test_everything_that_is_known_of_a_model_is_shown(
    levelfield: Command, models: tuple[Path, Path], tmp_path: Path
) -> None:
    results = ("--results", tmp_path / "results")
    levelfield("models", "tag", models[1], "production", *results)
    found = levelfield("models", "show", "production", *results)
    assert found.code == 0
    words = " ".join(found.out.split())
    for part in ("tags production", "certificate proof failed", "family dnn", "accuracy 0.5000", "loss 1.5"):
        assert part in words
    assert "float64 forward reference 4.2e-03 1e-12 does not hold" in words
    assert "weights.npz" in words
    assert "command unknown" in words, "the run has no plan"
    whole = json.loads(levelfield("models", "show", models[1].name, "--format", "json", *results).out)
    assert whole["about"]["spec"]["features"] == 6
    assert whole["proof"]["passed"] is False
    assert whole["files"].keys() >= {"model.json", "weights.npz", "own", "tags.json"}
    page = levelfield("models", "show", models[0], "--format", "markdown", *results).out
    assert "| certificate" in page
    assert "proven equal" in page


def test_an_older_model_shows_unknown_and_a_damaged_one_is_one_warning(
    levelfield: Command, models: tuple[Path, Path], tmp_path: Path
) -> None:
    results = ("--results", tmp_path / "results")
    changed(models[0], contender=None, quality=None, spec=None, recipe=None, versions=None, seed=None, description=None)
    (models[0].parents[2] / "records.jsonl").unlink()
    (models[1] / ABOUT).write_text("{")
    found = levelfield("models", "list", *results)
    assert found.code == 0
    assert found.out.count("unknown") >= 4
    assert (found.err.count("\n"), found.err.startswith(f"warning: {models[1] / ABOUT}: found a mistake")) == (1, True)
    assert levelfield("models", "show", models[0].name, *results).code == 0
    damaged = levelfield("models", "show", models[1], *results)
    assert (damaged.code, damaged.out) == (2, "")


def test_a_moved_tag_says_from_where(levelfield: Command, models: tuple[Path, Path], tmp_path: Path) -> None:
    results = ("--results", tmp_path / "results")
    first = levelfield("models", "tag", models[0], "production", *results)
    assert first.out == f"{models[0]}: tagged production\n"
    moved = levelfield("models", "tag", models[1].name, "production", *results)
    assert moved.out == f"{models[1]}: tagged production, moved from {models[0]}\n"
    removed = levelfield("models", "tag", "production", "production", "--remove", *results)
    assert removed.out == f"{models[1]}: production removed\n"
    assert levelfield("models", "show", "production", *results).code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list", "--format", "yaml"), 2, "--format: found 'yaml', expected one of terminal, markdown, json"),
        (("list", "--results", "nothing"), 6, "nothing: no saved models yet; train with `levelfield run --save-mod"),
        (("show", "production", "--results", "nothing"), 6, "nothing: no saved models yet"),
        (("tag", "x", "two words"), 2, "tag: found 'two words', expected letters, digits"),
    ],
)
def test_a_mistake_ends_with_one_line(arguments: tuple[str, ...], code: int, said: str, levelfield: Command) -> None:
    found = levelfield("models", *arguments)
    assert (found.code, found.out, found.err.count("\n")) == (code, "", 1)
    assert found.err.startswith(f"levelfield: {said}")


def test_the_shell_offers_folders_and_tags(levelfield: Command, models: tuple[Path, Path], tmp_path: Path) -> None:
    results = tmp_path / "results"
    levelfield("models", "tag", models[0], "production", "--results", results)
    context = cast("Any", SimpleNamespace(params={"results": results}))
    assert completion.models(context, "") == [*sorted(map(str, models)), "production"]
    assert completion.models(context, "prod") == ["production"]


def test_a_command_takes_a_model_by_its_tag_or_its_folder(
    levelfield: Command, models: tuple[Path, Path], tmp_path: Path
) -> None:
    results = tmp_path / "results"
    assert levelfield("models", "tag", models[0], "production", "--results", results).code == 0
    assert model_folder(Path("production"), results=results) == models[0]
    assert model_folder(models[1], results=results) == models[1]
    assert model_folder(Path("new.csv"), results=results) == Path("new.csv")
    assert model_folder(Path("any"), results=tmp_path / "empty") == Path("any")
    with pytest.raises(UsageError, match="found no such model"):
        model_folder(Path("any"), results=results)
