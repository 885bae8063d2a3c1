"""Several devices that train as one: their cases, and what is refused or said before anything runs."""

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan.cases import cases
from bench.plan.options import Options
from bench.plan.request import Request, check
from bench.workload import frameworks
from bench.workload.data_parallel import BATCH_NORM, unequal
from bench.workload.workload import load_workload
from tests.bench.workloads import toml


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with eight cores."""
    monkeypatch.setattr("bench.plan.request.available_cores", lambda: 8)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(toml())
    return str(path)


def asked(workload: str, **options: str) -> Request:
    return check(Options(workload=workload, framework="pytorch,flax", threads=1, processes=1, **options))  # type: ignore[arg-type]


def test_the_steps_of_two_devices_are_timed_at_the_batch_of_one_and_at_twice_this_batch(tiny: str) -> None:
    found = cases(asked(tiny, devices="1,2").selection)
    assert {case.device for case in found} == {"cpu", "2xcpu"}
    together = [case for case in found if case.device == "2xcpu"]
    assert {(case.scenario, case.purpose, case.mode, case.batch_sizes) for case in together} == {
        ("training", "timing", "idiomatic", (8, 16))
    }
    assert [case.contender for case in together] == ["pytorch", "flax"]
    alone = [case for case in found if case.device == "cpu"]
    assert alone == [case for case in cases(asked(tiny).selection) if case.device == "cpu"], "as without the option"


def test_without_the_option_there_are_no_several_devices(tiny: str) -> None:
    assert asked(tiny).selection.data_parallel == ()
    assert {case.device for case in cases(asked(tiny, devices="2").selection)} == {"2xcpu"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"devices": "two"}, "--devices: found 'two', expected whole numbers from 1 to 64"),
        ({"devices": "0"}, "--devices: found '0'"),
        ({"devices": "65"}, "--devices: found '65'"),
        ({"devices": "3"}, "--devices: found tiny: batch 8 on 3xcpu, expected a batch that splits into equal parts"),
        ({"devices": "2", "batch_size": "7"}, "--devices: found tiny: batch 7 on 2xcpu"),
        ({"devices": "2", "batch_size": "8,9"}, "--devices: found tiny: batch 9 on 2xcpu"),
        ({"devices": "2", "device": "cuda:1"}, "--device with --devices 2: found 'cuda:1'"),
        ({"device": "cuda:0+0"}, "--device: found 'cuda:0+0', expected each GPU once"),
        ({"devices": "1,2", "scenario": "inference"}, "--scenario: found inference with several devices (2xcpu), "),
        ({"devices": "1,2", "mode": "tuned"}, "--mode: found tuned with several devices (2xcpu), expected idiomatic"),
        (
            {"devices": "2", "purpose": "learning"},
            "purposes of the run: found learning with several devices",
        ),
        ({"devices": "1,2", "feed": "host"}, "--feed: found host with several devices (2xcpu), expected device"),
        ({"devices": "1,16"}, "--devices: found 16xcpu with 1 thread for each device, expected at most 8 in all"),
    ],
)
def test_a_mistake_is_one_line(tiny: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as error:
        asked(tiny, **options)
    assert str(error.value).startswith(said)


def test_cpu_devices_that_would_share_cores_are_refused(tiny: str) -> None:
    with pytest.raises(UsageError) as error:
        check(Options(workload=tiny, framework="pytorch", devices="1,2,4", threads=3))
    assert str(error.value).startswith("--devices: found 4xcpu with 3 threads for each device, expected at most 8")
    assert "use `levelfield verify --device 4xcpu`" in str(error.value)
    assert check(Options(workload=tiny, framework="pytorch", devices="1,2,4", threads=2)).selection.threads == 2
    gpus = Options(workload=tiny, framework="pytorch", device="2xcuda,cuda:0", threads=8)
    assert check(gpus).selection.threads == 8, "only CPU devices share cores"


def test_a_batch_with_more_samples_than_the_training_data_is_left_out_and_said_before_the_run(tiny: str) -> None:
    found = asked(tiny, devices="1,2", batch_size="20,40")
    (together,) = [case for case in cases(found.selection) if case.device == "2xcpu" and case.framework == "flax"]
    assert together.batch_sizes == (20, 40)
    said = "tiny on 2xcpu: no weak efficiency at batch 80, since there are only 48 training samples"
    assert said in found.remarks
    assert not [line for line in asked(tiny, devices="1,2").remarks if "no weak efficiency" in line]


def test_several_devices_without_a_single_one_to_compare_with_are_named_before_the_run(tiny: str) -> None:
    def said(**options: str) -> list[str]:
        return [line for line in asked(tiny, **options).remarks if "no single device is timed" in line]

    assert said(devices="2") == ["2xcpu: no efficiency, since no single device is timed: use --devices 1,2"]
    assert said(devices="1,2") == said() == []
    (line,) = said(device="cuda:1+2")
    assert line.endswith("use --device cuda:1,cuda:1+2")
    assert said(device="cuda:1,cuda:1+2") == []
    assert len(said(device="cuda,cuda:1+2")) == 1, "cuda is another GPU"


def test_the_default_of_threads_shares_the_cores_among_cpu_devices(tiny: str) -> None:
    for devices, threads in (("1", 8), ("1,2", 4), ("1,2,4", 2)):
        request = check(Options(workload=tiny, framework="pytorch", devices=devices))
        assert request.selection.threads == threads


def test_a_network_that_does_other_work_on_several_devices_is_named_before_it_runs() -> None:
    dense, normed = load_workload("digits-dnn"), load_workload("digits-resnet")
    assert unequal(dense, "pytorch") is None
    assert unequal(normed, "pytorch") == unequal(normed, "keras/tensorflow") == BATCH_NORM
    assert unequal(normed, "flax") is None, "which normalises over the whole batch"
    assert [line for line in asked("digits-resnet", devices="2").remarks if "digits-resnet pytorch: " in line]
    assert not [line for line in asked("digits-dnn", devices="2").remarks if BATCH_NORM in line]
    assert not [line for line in asked("digits-resnet").remarks if BATCH_NORM in line]


def test_what_is_left_out_on_several_devices_is_said(tiny: str) -> None:
    assert [line for line in asked(tiny, devices="1,2").remarks if line.startswith("2xcpu: only training steps")]
    assert not [line for line in asked(tiny).remarks if "only training steps" in line]


def test_the_code_of_data_parallel_training_is_part_of_the_digest() -> None:
    assert b"DistributedDataParallel" in frameworks.adapter_source("pytorch")


def test_other_machines_check_their_own_cores() -> None:
    more = 9
    with pytest.raises(UsageError):
        check(Options(workload="digits-dnn", threads=more))
    with pytest.raises(UsageError):
        check(Options(workload="digits-dnn", devices=f"1,{more}", batch_size=str(more)))
    found = check(Options(workload="digits-dnn", devices=f"1,{more}", batch_size=str(more), executor="ray"))
    assert found.selection.data_parallel == (f"{more}xcpu",)
    assert check(Options(workload="digits-dnn", threads=more, executor="ray")).selection.threads == more
