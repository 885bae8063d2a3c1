"""A damaged workload, suite or budget ends in a result or in one message; 800 of them are tried in the studies."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from bench.workload import suite, toml_errors
from bench.workload.workload_files import WORKLOADS
from tests.bench.cli.stored_files import store
from tests.bench.mutated_files import damage, toml_text, trees
from tests.bench.mutated_files.examples import FEW, study
from tests.bench.mutated_files.verdict import End, levelfield, problems
from tests.bench.sample_records import quick_run

EVERY_KEY = """\
name = "every-key"
title = "All keys that a workload may have"

[dataset]
name = "synthetic"
shape = [8, 8, 3]
classes = 3
train = 48
test = 20
seed = 1

[model]
family = "cnn"
global_pooling = "max"
dense = [{ units = 4, batch_norm = { position = "after" } }]

[[model.convolutions]]
filters = 2
kernel = [3, 2]
strides = [1, 1]
dilation = 1
depthwise = false
shortcut = 0
pool = 2
pooling = "average"
padding = "same"
activation = "relu"
dropout = 0.1
initializer = { name = "normal", deviation = 0.1 }
batch_norm = { position = "before", epsilon = 1e-5, momentum = 0.9 }

[recipe]
optimizer = { name = "adamw", learning_rate = 1e-2, beta_1 = 0.9, beta_2 = 0.99, epsilon = 1e-8, weight_decay = 0.1 }
batch_size = 8
epochs = 2
loss = "cross_entropy"
last_batch = "keep"
validation_fraction = 0.25
early_stopping = { patience = 2, metric = "loss", restore_best = true }
clipping = { norm = 1.0, scope = "global" }
seed = 1

[target]
metric = "accuracy"
value = 0.9

[band]
metric = "accuracy"
lowest = 0.1
highest = 0.9
source = "a paper"

[timing]
batch_sizes = [2, 8]

[grid]
batch_size = [8, 16]
optimizer = ["adam", { name = "sgd", learning_rate = 0.1 }]
"""
CATALOGUE = (
    "digits-lstm",
    "generated-dnn-dropout",
    "house-sales-clipped",
    "mnist-cnn-small",
    "temperatures-lstm",
    "wine",
)
BUDGETS = """\
[[budget]]
workload = "digits-dnn"
framework = "pytorch"
device = "cpu"
scenario = "inference"
batch_size = 32
latency_p50_ms = 100.0
latency_p90_ms = 200.0

[[budget]]
workload = "digits-cnn"
accuracy = 0.5
time_to_target_s = 1e3
samples_per_second = 1
peak_memory_mb = 1000
"""
SUITE = """\
name = "mine"
title = "A suite"
workloads = ["digits-dnn", "wine"]
frameworks = ["pytorch", "keras/jax"]
batch_sizes = [1, 32]
processes = 2
block_seconds = 0.1
epochs = 3
precisions = ["fp32"]
purposes = ["timing", "learning"]
"""


def of_workloads() -> list[str]:
    """The texts of right workloads, which together have all keys."""
    return [EVERY_KEY, *((WORKLOADS / f"{name}.toml").read_text() for name in CATALOGUE)]


def broken(data: DataObject, text: str) -> bytes:
    """A file of TOML with another content, with damaged bytes, or both."""
    content = text.encode()
    how = data.draw(st.sampled_from(["content", "content", "content", "bytes", "both"]))
    if how != "bytes":
        change = data.draw(st.sampled_from([trees.changed, trees.changed, trees.changed, trees.exchanged]))
        content = toml_text.text(change(data, tomllib.loads(text))).encode()
    return content if how == "content" else damage.damaged(data, content)


def end_of_workload(folder: Path, content: bytes, command: str) -> End:
    """How a command ends that reads a workload with this content."""
    path = folder / "mine.toml"
    path.write_bytes(content)
    run = ("run", "--dry-run", "--framework", "pytorch", "--results", folder / "results", "--workload", path)
    return levelfield(*{"show": ("show", path), "run": run, "grid": (*run, "--grid")}[command])


def check_workload(folder: Path, data: DataObject) -> None:
    content = broken(data, data.draw(st.sampled_from(of_workloads())))
    end = end_of_workload(folder, content, data.draw(st.sampled_from(["show", "run", "grid"])))
    assert problems(end, named="mine.toml", codes={0}) == []


@FEW
@given(st.data())
def test_a_mutated_workload_ends_in_a_result_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_workload(folder, data)


@study
@given(st.data())
def test_400_mutated_workloads_end_in_a_result_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_workload(folder, data)


def end_of_budgets(folder: Path, content: bytes) -> End:
    """How the check of a file of budgets with this content ends."""
    path, records = folder / "budgets.toml", folder / "baseline.jsonl"
    path.write_bytes(content)
    if not records.exists():
        store(records, quick_run(workloads=["digits-dnn", "digits-cnn"]))
    return levelfield("check", path, records)


def end_of_suite(folder: Path, content: bytes) -> End:
    """How the plan of a suite with this content ends."""
    (folder / "suites").mkdir(exist_ok=True)
    (folder / "suites" / "mine.toml").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite, "SUITES", folder / "suites")
        return levelfield("run", "--dry-run", "--suite", "mine", "--framework", "pytorch", "--results", folder / "none")


def check_budgets_and_suites(folder: Path, data: DataObject) -> None:
    if data.draw(st.booleans()):
        end = end_of_budgets(folder, broken(data, BUDGETS))
        assert problems(end, named="budgets.toml", codes={0, 3, 6}) == []
    else:
        assert problems(end_of_suite(folder, broken(data, SUITE)), named="mine", codes={0}) == []


@FEW
@given(st.data())
def test_mutated_budgets_and_suites_end_in_a_result_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_budgets_and_suites(folder, data)


@study
@given(st.data())
def test_400_mutated_budgets_and_suites_end_in_a_result_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_budgets_and_suites(folder, data)


@pytest.mark.parametrize(
    ("content", "ends"),
    [(b"a = " + b"[" * 3000, "recursion"), (b"a = " + b"9" * 5000, "ValueError"), (b"\xff", "UnicodeDecodeError")],
)
def test_a_reader_that_hands_on_the_errors_of_its_library_would_be_found(
    content: bytes, ends: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems(end_of_workload(folder, content, "show"), named="mine.toml", codes={0}) == []
    monkeypatch.setattr(toml_errors, "read_toml", lambda path: tomllib.loads(path.read_text("utf-8")))
    monkeypatch.setattr("bench.workload.workload.read_toml", toml_errors.read_toml)
    (problem,) = problems(end_of_workload(folder, content, "show"), named="mine.toml", codes={0})
    assert ends in problem


def test_right_files_have_results(folder: Path) -> None:
    for text in of_workloads():
        for command in ("show", "run"):
            assert end_of_workload(folder, text.encode(), command).code == 0
            assert end_of_workload(folder, toml_text.text(tomllib.loads(text)).encode(), command).code == 0
    assert end_of_workload(folder, EVERY_KEY.encode(), "grid").code == 0
    assert end_of_budgets(folder, BUDGETS.encode()).code == 0
    assert end_of_suite(folder, SUITE.encode()).code == 0
