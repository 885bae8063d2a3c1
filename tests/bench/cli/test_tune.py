"""`levelfield tune` prints a table of candidates, and the chosen options as scripts where a folder is named."""

from pathlib import Path

import pytest

from tests.bench.cli.conftest import Command, prepared
from tests.bench.run.scripted_workers import Script

SPEEDS_NS = {"usual": 1.0e6, "jax.jit": 0.6e6}


@pytest.fixture
def asked(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A search in Flax, of which one candidate is faster than the default."""
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    script.choices = {"call": tuple(SPEEDS_NS)}
    script.call_ns = lambda options, _: SPEEDS_NS[options.get("call", "usual")]
    return ["tune", prepared(tmp_path).workload, "--framework", "flax", "--batch-size", 8]


def test_the_table_is_followed_by_one_line_that_says_how_to_get_a_script(
    levelfield: Command, asked: list[object], tmp_path: Path
) -> None:
    found = levelfield(*asked)
    assert found.code == 0, found.err
    assert "import" not in found.out
    *_, last = found.out.splitlines()
    assert "--scripts DIR" in last
    written = levelfield(*asked, "--scripts", tmp_path / "scripts")
    assert written.code == 0, written.err
    (path,) = (tmp_path / "scripts").glob("*.py")
    assert written.out.splitlines()[-1] == f"script: {path}"
    assert "import jax" in path.read_text()
    assert "--scripts" not in written.out


def test_a_search_says_what_it_chose_beside_the_output(levelfield: Command, asked: list[object]) -> None:
    found = levelfield(*asked)
    assert "options tiny flax tuned training, batch 8: call jax.jit (1.67× as fast as" in found.err
    again = levelfield(*asked)
    assert again.out == found.out
    assert again.err.startswith("page: "), "the search is in the cache"
    assert again.err.strip().endswith("tuning.html")


def test_scripts_that_would_leave_out_a_key_of_the_recipe_are_refused_before_anything_is_timed(
    levelfield: Command, asked: list[object], tmp_path: Path
) -> None:
    path = Path(str(asked[1]))
    path.write_text(path.read_text().replace("[recipe]", "[recipe]\nlabel_smoothing = 0.1"))
    found = levelfield(*asked, "--scripts", tmp_path / "scripts")
    assert found.code == 2
    assert "a script for flax would leave out recipe.label_smoothing; repeat without --scripts" in found.err
    assert not (tmp_path / "scripts").exists()
    assert levelfield(*asked).code == 0


def test_a_search_on_several_devices_is_refused_with_the_option_that_asks_for_them(levelfield: Command) -> None:
    found = levelfield("tune", "digits-dnn", "--device", "cpu,2xcpu")
    assert found.code == 2
    assert found.err == (
        "levelfield: --device: found '2xcpu', expected a single device, such as cpu or cuda:1: options are searched "
        "for on one device\n"
    )
