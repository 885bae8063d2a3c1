"""A mistake in what a run is asked for ends with 2 and one line, before anything is started."""

from pathlib import Path

import pytest

from tests.bench.cli.conftest import Command, prepared
from tests.bench.run.scripted_workers import Script
from tests.bench.workloads import toml

MISTAKES: dict[str, tuple[list[str], str]] = {
    "workload": (
        ["--workload", "digits"],
        "workload: found 'digits' (did you mean digits-",
    ),
    "framework": (["--framework", "theano"], "--framework: found 'theano', expected one of "),
    "suite": (["--suite", "slow"], "--suite: found 'slow', expected one of "),
    "batch of 0": (["--batch-size", "0"], "--batch-size: found '0', expected whole numbers of at least 1"),
    "batch too large": (["--batch-size", "99999"], "--batch-size: found 99999, but digits-dnn has only 1437 training"),
    "time limit": (["--time-limit", "-1"], "--time-limit: found -1, expected a number of seconds"),
    "device": (["--device", "tpu"], "--device: found 'tpu', expected cpu, cuda or cuda:N"),
    "machine": (["--machine", "../elsewhere"], "--machine: found '../elsewhere', expected 1 to 80 letters"),
    "word for a number": (["--processes", "many"], "--processes: found 'many', expected a whole number\n"),
    "unknown option": (["--speed", "11"], "No such option: --speed"),
    "run without resume": (["20260101"], "workload: found '20260101', expected one of "),
    "suite as a workload": (["quick"], "workload: found 'quick', which is the name of a suite: use `levelfield run --"),
    "workload as a suite": (
        ["--suite", "digits-cnn"],
        "--suite: found 'digits-cnn', which is the name of a workload: use `levelfield run digits-cnn`\n",
    ),
    "csv file as a workload": (
        ["flats.csv"],
        "workload: found 'flats.csv', which is a data file: `levelfield init data flats.csv` writes",
    ),
    "npz file as a workload": (
        ["own/flats.NPZ"],
        "workload: found 'own/flats.NPZ', which is a data file: `levelfield init data own/flats.NPZ` ",
    ),
    "data file of another kind as a workload": (
        ["flats.xlsx"],
        "workload: found 'flats.xlsx', which is a data file: convert it to .csv or .npz, and use `levelfield",
    ),
    "folder as a workload": (
        [str(Path(__file__).parent)],
        f"workload: found {str(Path(__file__).parent)!r}, which is a folder: `levelfield init data ",
    ),
    "file as a suite": (
        ["--suite", "mine.toml"],
        "--suite: found 'mine.toml', which is a file, expected one of ",
    ),
    "a purpose that the scenario does not have": (
        ["--purpose", "learning", "--scenario", "inference"],
        "--purpose: found learning with --scenario inference, which leaves nothing to measure: only training has ",
    ),
    "a search for the largest batch in a mode that has none": (
        ["--batch-size", "auto", "--mode", "tuned"],
        "--mode: found tuned, expected idiomatic: the search for the largest batch (--batch-size auto) is made in mode",
    ),
    "several misspelt names of one option": (
        ["--mode", "tunned,idiomatik,tuned"],
        "--mode: found 'tunned' (did you mean tuned?), 'idiomatik' (did you mean idiomatic?), expected idiomatic or tu",
    ),
    "several misspelt frameworks": (
        ["--framework", "pytorhc,flax,keras/jaks"],
        "--framework: found 'pytorhc' (did you mean pytorch?), 'keras/jaks' (did you mean keras/jax",
    ),
    "several misspelt workloads": (
        ["--workload", "digits-dn,digits-cnn,winne"],
        "workload: found 'digits-dn' (did you mean digits-dnn",
    ),
    "workload twice": (
        ["digits-dnn", "--workload", "digits-cnn"],
        "found digits-dnn and --workload digits-cnn, expected",
    ),
    "two runs to resume": (["--resume", "one", "two"], "--resume: found one two, expected one run"),
}


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_with_2_and_one_line_before_anything_is_started(
    mistake: str, levelfield: Command, tmp_path: Path
) -> None:
    arguments, line = MISTAKES[mistake]
    place = prepared(tmp_path)
    found = levelfield("run", *arguments, *place.places)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {line}")
    assert found.err.count("\n") == 1
    assert not place.results.exists()


TABLE = """\
name = "mine"
dataset = {{ kind = "csv", path = "mine.csv", target = "price", task = "{task}", validation = 0.25 }}

[model]
family = "dnn"

[recipe]
optimizer = {{ name = "adam" }}
batch_size = 4
epochs = 2
{more}
"""
ROWS = ["width,price", *(f"{number},{number % 2}" for number in range(20))]
WRONG_TABLES: dict[str, tuple[list[str], str, str, str]] = {
    "a missing column": (["width,prize", *ROWS[1:]], "regression", "", "dataset.target: found 'price' (did you mean"),
    "a cell that is no number": ([*ROWS, "x,1"], "regression", "", "mine.csv, line 22, column 'width': found 'x', exp"),
    "a target that is nan": ([*ROWS, "1,nan"], "regression", "", "mine.csv, line 22, column 'price': found 'nan', exp"),
    "an empty class": ([*ROWS, "1,7"], "classification", "", "found 1 row of class '7', expected one or more"),
    "a metric of another task": (
        ROWS,
        "regression",
        'early_stopping = { patience = 3, metric = "accuracy" }',
        "recipe.early_stopping.metric: found 'accuracy', expected one of r2, mae, rmse, loss: the task is regression",
    ),
}


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("mistake", WRONG_TABLES)
def test_a_mistake_in_a_users_table_ends_with_2_and_one_line(mistake: str, levelfield: Command, tmp_path: Path) -> None:
    rows, task, more, line = WRONG_TABLES[mistake]
    place = prepared(tmp_path)
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    place.workload.write_text(TABLE.format(task=task, more=more))
    found = levelfield("run", "--workload", place.workload, *place.places)
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert found.err.startswith(f"levelfield: {place.workload}: ")
    assert line in found.err
    assert not place.results.exists()


ODD = (("units = 5", "units = 5, batch_norm = {}"), ("train = 48", "train = 49"))  # 49 samples in batches of 8


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("command", [["show"], ["run"], ["run", "--dry-run"], ["verify"], ["tune"]])
def test_a_recipe_that_one_framework_cannot_follow_ends_with_2_in_every_command(
    command: list[str], levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(*ODD))
    found = levelfield(command[0], place.workload, *command[1:])
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert "recipe.batch_size: found 8 for 49 training samples, which leaves a last batch of one sample" in found.err
    place.workload.write_text(toml(*ODD, ("batch_size = 8", "batch_size = 9")))
    assert levelfield("show", place.workload).code == 0


@pytest.mark.usefixtures("nothing_starts")
def test_patience_without_validation_ends_with_2(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(("epochs = 2", "epochs = 2\nearly_stopping = { patience = 3 }")))
    found = levelfield("run", "--workload", place.workload, *place.places)
    assert found.code == 2
    assert "recipe.early_stopping: found no validation data, which early stopping needs" in found.err


def test_a_folder_that_cannot_be_written_ends_with_2_before_anything_is_measured(
    levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    (tmp_path / "file").write_text("")
    asked = ["--workload", place.workload, "--framework", "pytorch"]
    found = levelfield("run", *asked, "--results", place.results, "--reports", tmp_path / "file" / "reports")
    assert found.code == 2
    assert f"{tmp_path / 'file' / 'reports'}: cannot be written (Not a directory)" in found.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_mistake_in_a_users_workload_ends_with_2_and_the_file_and_the_key(
    levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(("batch_size = 8", "batch_size = 49")))
    found = levelfield("run", "--workload", place.workload, *place.places)
    assert found.code == 2
    assert found.err == (
        f"levelfield: {place.workload}: recipe.batch_size: found 49, expected at most 48, "
        "the number of training samples\n"
    )


def test_a_gpu_that_is_not_there_ends_with_2_and_what_each_framework_sees(
    levelfield: Command, tmp_path: Path, script: Script
) -> None:
    place = prepared(tmp_path)
    asked = ["--workload", place.workload, "--framework", "pytorch,flax", "--device", "cuda"]
    found = levelfield("run", *asked, *place.places)
    assert found.code == 2
    assert found.err.startswith("levelfield: --device: found 'cuda', but pytorch, flax cannot use it: ")
    assert "pytorch sees cpu; flax sees cpu" in found.err
    assert not place.results.exists()
    assert [str(item) for item in script.probed] == ["pytorch", "flax"]
    assert script.asked == []


@pytest.mark.usefixtures("nothing_starts")
def test_misspelt_names_of_several_options_are_all_told_at_once(levelfield: Command) -> None:
    wrong = {
        "--workload": "digits-dn,winne",
        "--framework": "pytorhc",
        "--scenario": "trainig",
        "--purpose": "timming",
        "--precision": "fp23",
        "--feed": "hosst",
    }
    found = levelfield("run", *(word for item in wrong.items() for word in item))
    assert (found.code, found.err.count("\n")) == (2, 1)
    for near in ("digits-dnn", "wine", "pytorch", "training", "timing", "fp32", "host"):
        assert f"did you mean {near}" in found.err
    assert "did you mean" not in levelfield("run", "--framework", "theano").err
    several = levelfield("verify", "winne", "--framework", "flaxx", "--precision", "fp23")
    assert several.err.count("did you mean") == 3


def test_several_runs_that_do_not_exist_are_told_at_once(levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("report", "one", "two", tmp_path, "--results", tmp_path / "none")
    assert (found.code, found.err.count("\n")) == (2, 1)
    assert "run 'one': no such run" in found.err
    assert "run 'two': no such run" in found.err
    assert f"run '{tmp_path}': a folder without a file records.jsonl" in found.err
