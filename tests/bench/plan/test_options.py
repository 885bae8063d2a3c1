"""Options are checked before any process is started, and a mistake is reported in one line."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.plan.cases import cases
from bench.plan.option_values import load_workloads
from bench.plan.options import Options
from bench.plan.request import check, check_devices
from bench.records.cell import cells
from bench.records.variable_rules import OVERRULED, REFUSED, SET
from bench.workload import frameworks
from bench.workload.frameworks import Contender
from bench.workload.workload_files import workload_names
from tests.bench.workloads import named, toml

CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(toml())
    return str(path)


@pytest.fixture(autouse=True)
def _usual_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable about which a command has a remark."""
    for name in (*OVERRULED, *SET, *(rule.name for rule in REFUSED)):
        monkeypatch.delenv(name, raising=False)


def test_without_options_the_quick_suite_is_selected() -> None:
    found = check(Options())
    assert found.suite.name == "quick"
    assert [item.name for item in found.selection.workloads] == ["digits-dnn", "digits-cnn", "digits-lstm"]
    assert list(map(str, found.selection.contenders)) == ["pytorch", "keras/tensorflow", "flax"]
    assert found.selection.batch_sizes == (1, 32, 256)
    assert found.selection.batch_sizes_for_training == ()
    assert found.selection.processes == found.suite.processes == 3
    assert (found.selection.devices, found.selection.seeds, found.selection.threads) == (("cpu",), 1, CORES)
    assert found.selection.scenarios == ("training", "inference")
    assert found.remarks == ()


def test_every_option_changes_the_request(tiny: str) -> None:
    options = Options(
        suite="standard",
        workload=f"digits-dnn, {tiny}",
        framework="flax,keras/jax",
        device="cpu,cuda:1",
        scenario="inference",
        batch_size="4,64",
        processes=2,
        seeds=3,
        threads=1,
    )
    found = check(options).selection
    assert [item.name for item in found.workloads] == ["digits-dnn", "tiny"]
    assert found.contenders == (Contender("flax"), Contender("keras", "jax"))
    assert (found.devices, found.scenarios) == (("cpu", "cuda:1"), ("inference",))
    assert (found.batch_sizes, found.batch_sizes_for_training) == ((4, 64), (4, 64))
    assert (found.processes, found.seeds, found.threads) == (2, 3, 1)


def test_scenarios_have_a_fixed_order() -> None:
    assert check(Options(scenario="inference,training")).selection.scenarios == ("training", "inference")


def test_the_command_line_repeats_the_options() -> None:
    assert Options().command() == "levelfield run --suite quick"
    options = Options(workload="mnist-dnn", seeds=3, time_limit=60, batch_size="1,128")
    assert options.command() == "levelfield run --workload mnist-dnn --batch-size 1,128 --seeds 3 --time-limit 60"


MISTAKES: dict[str, tuple[Mapping[str, Any], str]] = {
    "suite": (
        {"suite": "slow"},
        "--suite: found 'slow', expected one of demo, gpu, lecture, lecture-quick, more, quick, standard",
    ),
    "workload": (
        {"workload": "digits"},
        "workload: found 'digits' (did you mean digits-gru or digits-dnn or digits-cnn?), expected",
    ),
    "empty workload": ({"workload": ""}, "--workload: found '', expected names separated by commas"),
    "gap": ({"workload": "digits-dnn,"}, "--workload: found 'digits-dnn,', expected names separated by commas"),
    "framework": ({"framework": "pytorch,theano"}, "--framework: found 'theano', expected one of pytorch, keras, "),
    "device": ({"device": "tpu"}, "--device: found 'tpu', expected cpu, cuda or cuda:N, or cuda:N+M"),
    "numbered cpu": ({"device": "cpu:1"}, "--device: found 'cpu:1', expected cpu, cuda or cuda:N"),
    "scenario": ({"scenario": "serving"}, "--scenario: found 'serving' (did you mean server?)"),
    "feed": ({"feed": "disk"}, "--feed: found 'disk', expected device or host"),
    "no batch": ({"batch_size": "0"}, "--batch-size: found '0', expected whole numbers of at least 1"),
    "negative batch": ({"batch_size": "8,-1"}, "--batch-size: found '-1', expected whole numbers of at least 1"),
    "half a batch": ({"batch_size": "8.5"}, "--batch-size: found '8.5', expected whole numbers of at least 1"),
    "no number": ({"batch_size": "²"}, "--batch-size: found '²', expected whole numbers of at least 1"),
    "empty batch": ({"batch_size": ""}, "--batch-size: found '', expected "),
    "batch too large": (
        {"batch_size": "2000"},
        (
            "--batch-size: found 2000, but digits-dnn has only 1437 training samples; expected at most 1437, "
            "or --scenario inference"
        ),
    ),
    "auto of nothing": ({"batch_size": "auto:0"}, "--batch-size: found 'auto:0', expected whole numbers of at least 1"),
    "auto in pages": ({"batch_size": "auto:8TB"}, "--batch-size: found 'auto:8TB', expected whole numbers"),
    "memory of a GPU": (
        {"batch_size": "auto:8GB", "device": "cuda"},
        "--batch-size: found 'auto:8GB' with --device cuda, expected auto or a limit in samples",
    ),
    "capacity of what": ({"purpose": "capacity"}, "--purpose: found capacity without --batch-size auto, expected both"),
    "inject a word": ({"inject": "much"}, "--inject: found 'much', expected a change such as 5% or -5%"),
    "inject nothing": ({"inject": "0%"}, "--inject: found '0%', expected a change such as 5% or -5%"),
    "inject all": ({"inject": "-100%"}, "--inject: found '-100%', expected a change such as 5% or -5%"),
    "inject with one side": (
        {"inject": "5%", "processes": 3},
        "--inject: found 3 processes for timing, learning, memory, expected at least 4 for timing",
    ),
    "inject into memory": (
        {"inject": "5%", "processes": 10, "purpose": "memory"},
        "--inject: found 10 processes for memory, expected at least 4 for timing",
    ),
    "turns without a side": ({"turns": "."}, "--turns: found '.', expected FOLDER:base or FOLDER:head"),
    "turns nowhere": (
        {"turns": "/nowhere:base"},
        "--turns: found '/nowhere:base', expected FOLDER:base or FOLDER:head",
    ),
    "no process": ({"processes": 0}, "--processes: found 0, expected at least 1"),
    "no seed": ({"seeds": 0}, "--seeds: found 0, expected at least 1"),
    "no thread": ({"threads": 0}, f"--threads: found 0, expected 1 to {CORES}, the number of cores of this machine"),
    "threads": ({"threads": 10_000}, f"--threads: found 10000, expected 1 to {CORES}, the number of cores of this mac"),
    "no time": ({"time_limit": 0.0}, "--time-limit: found 0, expected a number of seconds greater than 0"),
    "negative time": ({"time_limit": -5.0}, "--time-limit: found -5, expected a number of seconds greater than 0"),
    "time that is no number": ({"time_limit": float("nan")}, "--time-limit: found nan, expected a number of seconds "),
    "endless time": ({"time_limit": float("inf")}, "--time-limit: found inf, expected a number of seconds greater th"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported_in_one_line_that_says_what_is_expected(mistake: str) -> None:
    options, line = MISTAKES[mistake]
    with pytest.raises(UsageError) as caught:
        check(Options(**options))
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named", "largest", "memory_bytes", "purposes"),
    [
        ("auto", (1, 32, 256), 65_536, None, ("capacity",)),
        ("auto:4096", (1, 32, 256), 4096, None, ("capacity",)),
        ("auto:500MB", (1, 32, 256), 65_536, 500_000_000, ("capacity",)),
        ("8,auto:2GB,16", (8, 16), 65_536, 2_000_000_000, ("timing", "learning", "memory", "capacity")),
        ("8,16", (8, 16), None, None, ("timing", "learning", "memory")),
    ],
)
def test_auto_adds_a_search_to_named_batch_sizes_or_replaces_all_other_measurements(
    text: str, named: tuple[int, ...], largest: int | None, memory_bytes: int | None, purposes: tuple[str, ...]
) -> None:
    found = check(Options(batch_size=text))
    assert (found.selection.batch_sizes, found.selection.largest_batch) == (named, largest)
    assert (found.memory_bytes, found.selection.purposes) == (memory_bytes, purposes)


def test_capacity_can_be_one_of_several_purposes() -> None:
    assert check(Options(batch_size="auto", purpose="memory,capacity")).selection.purposes == ("memory", "capacity")


def test_two_interleaved_runs_have_longer_blocks_and_may_have_one_process(tmp_path: Path) -> None:
    alone, in_turns = check(Options()), check(Options(turns=f"{tmp_path}:head", processes=1, inject="5%"))
    assert in_turns.turns == {"folder": str(tmp_path), "side": "head"}
    assert in_turns.block_seconds > alone.block_seconds == alone.suite.block_seconds


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("-10 %", -0.1), ("2.5", 0.025), ("+7%", 0.07)])
def test_an_injected_slowdown_is_given_in_percent(text: str, share: float) -> None:
    assert check(Options(inject=text, processes=10)).injected == pytest.approx(share)


def test_a_batch_of_inference_may_be_larger_than_the_data_set() -> None:
    assert check(Options(batch_size="2000", scenario="inference")).selection.batch_sizes == (2000,)


def test_two_workloads_with_the_same_name_are_refused(tiny: str, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(toml())
    with pytest.raises(UsageError, match="--workload: found two workloads with the name 'tiny', expected"):
        load_workloads(f"{tiny},{other}")
    other.write_text(toml(named("other")))
    assert [item.name for item in load_workloads(f"{tiny},{other}")] == ["tiny", "other"]


def test_a_missing_framework_is_a_remark_and_the_others_are_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = frameworks._version
    monkeypatch.setattr(frameworks, "_version", lambda name: None if name == "torch" else real(name))
    found = check(Options(framework="pytorch,flax"))
    assert found.selection.contenders == (Contender("flax"),)
    assert found.remarks == ("pytorch is not installed: `pip install 'levelfield[pytorch]'`",)
    with pytest.raises(UsageError, match=r"--framework: pytorch is not installed: `pip install"):
        check(Options(framework="pytorch"))


def test_a_timed_training_step_of_one_sample_is_refused_for_a_network_with_batch_norm(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(toml(("units = 5", "units = 5, batch_norm = {}")))
    for size in ("1", "1,8", "auto:1"):
        with pytest.raises(
            UsageError, match=r"--batch-size: found 1, but tiny has a batch norm in hidden0.* inference$"
        ):
            check(Options(workload=str(path), batch_size=size))
    assert check(Options(workload=str(path), batch_size="1", scenario="inference")).selection.batch_sizes == (1,)
    assert check(Options(workload=str(path), batch_size="2")).selection.batch_sizes == (2,)
    path.write_text(toml())
    assert check(Options(workload=str(path), batch_size="1")).selection.batch_sizes == (1,)


def test_a_column_that_nobody_chose_is_a_remark(tmp_path: Path) -> None:
    rows = [f"{number},{number * 7 % 5},{number * 3 % 11}" for number in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["day,a,price", *rows]) + "\n")
    table = 'dataset = { kind = "csv", path = "rows.csv", target = "price", task = "regression" }\n'
    path = tmp_path / "tiny.toml"
    known = toml().splitlines(keepends=True)
    path.write_text("".join(table if line.startswith("dataset") else line for line in known))
    (remark,) = check(Options(workload=str(path))).remarks
    assert "rows.csv: column 'day' counts the rows and is an input" in remark


SEEN: dict[Contender, dict[str, Any]] = {
    Contender("pytorch"): {"outcome": "ok", "devices": ["cpu", "cuda:0 Example"]},
    Contender("flax"): {"outcome": "ok", "devices": ["cpu"]},
    Contender("keras", "jax"): {"outcome": "failed", "error": "it broke"},
}


def test_a_gpu_that_one_framework_does_not_see_is_refused_with_the_devices_of_each() -> None:
    with pytest.raises(UsageError) as caught:
        check_devices(tuple(SEEN), ("cpu", "cuda"), seen=SEEN)
    assert str(caught.value) == (
        "--device: found 'cuda', but flax, keras/jax cannot use it: pytorch sees cpu, cuda:0 Example; flax sees cpu; "
        "keras/jax failed: it broke. Run `pip install 'levelfield[cuda]'` on a machine with an NVIDIA GPU, or use "
        "--device cpu"
    )


@pytest.mark.parametrize(("device", "sees"), [("cuda", True), ("cuda:0", True), ("cuda:1", False), ("cpu", True)])
def test_a_gpu_that_every_framework_sees_is_accepted(device: str, sees: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    if sees:
        check_devices([Contender("pytorch")], (device,), seen=SEEN)
    else:
        with pytest.raises(UsageError, match=f"--device: found '{device}', but pytorch cannot use it"):
            check_devices([Contender("pytorch")], (device,), seen=SEEN)


def test_options_are_compared_by_value() -> None:
    assert replace(Options(), seeds=2) == Options(seeds=2) != Options()


def test_the_variants_of_a_grid_are_trained_but_not_timed() -> None:
    found = check(Options(workload="wine", grid=True)).selection
    assert len(found.workloads) == 20
    assert {case.purpose for case in cases(found)} == {"learning"}
    assert Options(workload="wine", grid=True).command() == "levelfield run --workload wine --grid"
    with pytest.raises(UsageError, match="--grid: found --scenario inference, expected training"):
        check(Options(workload="wine", grid=True, scenario="inference"))
    with pytest.raises(UsageError, match=r"--grid: .*digits-dnn\.toml: found no table \[grid\] and no dataset\.folds"):
        check(Options(workload="wine,digits-dnn", grid=True))


def test_a_suite_with_epochs_shortens_its_workloads_and_drops_their_targets_and_bands() -> None:
    whole, quick = (check(Options(suite=name)).selection.workloads for name in ("lecture", "lecture-quick"))
    assert [item.name for item in whole] == [item.name for item in quick]
    assert {item.recipe.epochs for item in quick} == {1}
    assert not any(item.band or item.target for item in quick)
    assert any(item.band for item in whole)
    assert not {item.digest for item in whole} & {item.digest for item in quick}
    assert [item.proof_digest for item in whole] == [item.proof_digest for item in quick]


def test_purposes_come_from_the_option_or_from_the_suite() -> None:
    assert check(Options()).selection.purposes == ("timing", "learning", "memory")
    assert check(Options(suite="lecture")).selection.purposes == ("learning",)
    assert check(Options(purpose="memory,timing")).selection.purposes == ("timing", "memory")
    assert {case.purpose for case in cases(check(Options(purpose="memory")).selection)} == {"memory"}
    with pytest.raises(UsageError, match="--purpose: found 'speed', expected one of timing, learning, memory"):
        check(Options(purpose="speed"))


def test_fp64_is_not_a_precision_of_runs() -> None:
    assert check(Options(precision="bf16,fp32")).selection.precisions == ("fp32", "bf16")
    with pytest.raises(UsageError, match="--precision: found 'fp64', expected one of fp32, tf32, bf16"):
        check(Options(precision="fp64"))


def test_tf32_alone_is_refused_on_a_cpu_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="--precision: found 'tf32' with --device cpu, expected fp32 or bf16"):
        check(Options(precision="tf32"))
    assert check(Options(precision="tf32", device="cuda")).selection.precisions == ("tf32",)
    assert check(Options(precision="fp32,tf32")).selection.precisions == ("fp32", "tf32"), "on record as unavailable"


def test_precisions_come_from_the_option_or_from_the_suite() -> None:
    assert check(Options(suite="gpu", device="cuda")).selection.precisions == ("fp32", "tf32", "bf16")
    assert check(Options(suite="gpu", device="cuda", precision="bf16")).selection.precisions == ("bf16",)
    assert check(Options()).selection.precisions == ("fp32",)


def test_all_means_every_workload_except_the_large_ones() -> None:
    found = {workload.name for workload in load_workloads("all")}
    assert set(workload_names()) - found == {"dnn-large", "cnn-large", "lstm-large"}
    assert load_workloads("dnn-large")[0].large
    with pytest.raises(UsageError, match="found 'all'"):
        load_workloads("all,digits-dnn")


def test_a_file_of_cells_selects_the_cells_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "only.json"
    cell = cells(cases(check(Options()).selection)[0])[0]
    path.write_text(json.dumps([asdict(cell)]))
    found = check(Options(only=str(path)))
    assert found.selection.only == frozenset([cell])
    assert "only" not in Options(only=str(path)).command()
    path.write_text("[1]")
    for wrong in (path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=f"--only: {wrong}: .*, expected a JSON file with a list of cells"):
            check(Options(only=str(wrong)))


def test_the_gpu_suite_is_refused_on_a_cpu() -> None:
    with pytest.raises(UsageError, match="--suite: found 'gpu' with --device cpu, expected --device cuda"):
        check(Options(suite="gpu"))
    assert check(Options(suite="gpu", workload="digits-dnn")).selection.devices == ("cpu",)
    assert check(Options(workload="dnn-large")).selection.devices == ("cpu",)


def test_the_command_that_repeats_a_run_is_one_for_the_shell() -> None:
    path = "my data/ä b's $HOME.toml"
    words = shlex.split(Options(workload=path, framework="flax").command())
    assert words == ["levelfield", "run", "--workload", path, "--framework", "flax"]
