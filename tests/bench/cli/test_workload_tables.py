"""`levelfield show` has everything that a workload's file says, and what follows from it."""

from pathlib import Path

import pytest

from bench.cli.workload_tables import network, whole
from bench.report.layout import Table
from bench.workload import model_families
from bench.workload.workload import Workload, load_workload
from bench.workload.workload_files import workload_names
from tests.bench.cli.conftest import Command
from tests.bench.workloads import toml


def lines(table: Table) -> dict[str, list[str]]:
    """The cells of each line, by the first."""
    return {row[0].text: [entry.text for entry in row[1:]] for row in table.rows}


def facts(workload: Workload) -> dict[str, dict[str, str]]:
    """The tables of keys and values, by their title."""
    return {
        table.title: {key: cells[0] for key, cells in lines(table).items()}
        for table in whole(workload)
        if table.title != "Network"
    }


SLOW = ("lstm-large",)  # to draw its first weights
EVERY = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in workload_names()]


@pytest.mark.parametrize("name", EVERY)
def test_a_network_is_listed_with_every_weight_that_it_has(name: str) -> None:
    workload = load_workload(name)
    weights = model_families.spec_module(workload.family).initial_weights(workload.spec, seed=0)
    found = lines(network(workload))
    figures = {layer: [cell.replace(" ", "") for cell in cells[2:]] for layer, cells in found.items()}
    assert int(figures["total"][0]) == sum(value.size for value in weights.values())
    assert int(figures["total"][1]) == model_families.flops_per_sample(workload.family, workload.spec)
    parts = model_families.spec_module(workload.family).parts(workload.spec)
    without = {part.name for part in parts if part.beside}  # such as global pooling
    listed = {weight.partition(".")[0] for weight in weights} - {name for part in parts for name in part.others}
    assert set(found) == {"input", "total", *listed, *without}


def test_a_network_shows_shapes_and_what_is_not_trained() -> None:
    found = network(load_workload("house-sales"))
    assert lines(found)["hidden0"][:2] == ["dense, batch norm, relu", "256"]
    assert found.notes[2] == "896 parameters are running statistics of batch norms, which are not trained."
    assert lines(network(load_workload("mnist-cnn-same")))["conv0"][1] == "14×14×32"
    assert len(network(load_workload("mnist-dnn")).notes) == 2


def test_data_recipe_target_and_timing_are_shown_with_their_defaults() -> None:
    found = facts(load_workload("digits-dnn"))
    assert list(found) == ["Data", "Recipe", "Target", "Timing"]
    assert found["Data"]["task"] == "classification, 10 classes"
    assert found["Data"]["samples"] == "1437 for training, none for validation, 360 for the test"
    assert found["Recipe"]["optimizer"].startswith("adam (learning_rate 0.001, beta_1 0.9")
    assert found["Recipe"]["loss"] == "cross_entropy", "which the file does not name"
    assert found["Target"]["target"] == "accuracy 0.95: the time to reach it is measured"
    assert found["Timing"]["training"] == "batch 32"


def test_what_a_file_changes_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(toml(("batch_size = 8", "batch_size = 4\nvalidation_fraction = 0.25")))
    found = facts(load_workload(str(path)))
    assert (found["Recipe"]["batch_size"], found["Timing"]["training"]) == ("4", "batch 4")
    assert found["Data"]["samples"].startswith("48 for training, 25% of these for validation, ")


@pytest.mark.usefixtures("nothing_starts")
def test_show_prints_every_table_or_the_file_itself(levelfield: Command) -> None:
    found = levelfield("show", "digits-dnn")
    assert found.code == 0
    assert all(title in found.out for title in ("Data", "Network", "Recipe", "Target", "Timing"))
    copied = levelfield("show", "digits-dnn", "--toml")
    assert copied.out == Path(load_workload("digits-dnn").source).read_text()


def test_a_column_that_nobody_chose_and_options_of_the_file_are_shown(tmp_path: Path) -> None:
    rows = [f"{number},{number * 7 % 5},{number * 3 % 11}" for number in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["day,a,price", *rows]) + "\n")
    table = 'dataset = { kind = "csv", path = "rows.csv", target = "price", task = "regression" }\n'
    lines = (table if line.startswith("dataset") else line for line in toml().splitlines(keepends=True))
    path = tmp_path / "mine.toml"
    path.write_text("".join(lines).replace("epochs = 2", "epochs = 2\nvalidation_fraction = 0.25"))
    found = facts(load_workload(str(path)))["Data"]
    assert "column 'day' counts the rows and is an input" in found["note"]
    assert found["columns"] == "day, a"
    assert found["samples"] == "24 for training, 25% of these for validation, 6 for the test"
    assert "held_out" not in found


@pytest.mark.parametrize(("inputs", "found"), [("a,b", "2 numbers in float32"), ("a", "1 number in float32")])
def test_one_number_is_not_called_numbers(inputs: str, found: str, tmp_path: Path) -> None:
    rows = "".join(f"{row * 7 % 31},{row * row % 17},{row * 5 % 97}\n" for row in range(30))
    (tmp_path / "own.csv").write_text("a,b,price\n" + rows)
    (tmp_path / "own.toml").write_text(
        f"""name = "own"
dataset = {{ kind = "csv", path = "own.csv", target = "price", task = "regression", features = {inputs.split(",")} }}
model = {{ family = "dnn" }}
recipe = {{ optimizer = {{ name = "adam" }}, batch_size = 8, epochs = 1 }}
"""
    )
    assert facts(load_workload(str(tmp_path / "own.toml")))["Data"]["one sample"] == found
