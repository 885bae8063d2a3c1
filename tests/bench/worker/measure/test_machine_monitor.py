"""The state of the machine is read where possible, and None elsewhere; the driver of the GPU is a fake."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from bench.records import control_groups
from bench.records.machine_use import POWER_CAP, QUOTA, Use
from bench.worker.measure import machine_monitor
from bench.worker.measure.machine_monitor import Watch
from tests.bench.records.fake_root import lay_out

ANSWERS: dict[str, Callable[..., Any]] = {
    "nvmlInit": lambda: None,
    "nvmlDeviceGetHandleByIndex": lambda index: f"GPU {index}",
    "nvmlDeviceGetHandleByUUID": lambda name: f"that of {name}",
    "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=87, memory=20),
    "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=5_000_000_000, total=140_000_000_000),
    "nvmlDeviceGetPowerUsage": lambda _: 512_500,  # milliwatts
    "nvmlDeviceGetClockInfo": lambda _, kind: {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 3201}[kind],
    "nvmlDeviceGetTemperature": lambda _, __: 61,
    "nvmlDeviceGetTotalEnergyConsumption": lambda _: 2_500,  # millijoules
    "nvmlDeviceGetCurrentClocksThrottleReasons": lambda _: pynvml.nvmlClocksEventReasonGpuIdle,
}
Driver = Callable[..., None]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A fake GPU driver with the answers in ANSWERS, some of which a test replaces."""

    def install(**others: Callable[..., Any]) -> None:
        for name, answer in (ANSWERS | others).items():
            monkeypatch.setattr(pynvml, name, answer)

    return install


def refuse(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def watched(device: str = "cuda") -> Use:
    found = Watch(device)
    found.begin()
    found.read("during")
    return found.end(energy_j=1.5)


def test_a_block_is_read_before_during_and_after() -> None:
    found = watched("cpu")
    assert [item.when for item in found.readings] == ["before", "during", "after"]
    assert all(item.host_used_bytes > 0 and item.gpu is None for item in found.readings)
    assert found.span_ns > 0
    assert found.preemptions >= 0
    assert found.energy_j == 1.5


def test_a_gpu_is_read_in_the_units_of_the_record(driver: Driver) -> None:
    driver()
    gpu = watched().readings[1].gpu
    assert gpu is not None
    assert (gpu.busy_percent, gpu.clock_mhz, gpu.memory_clock_mhz) == (87, 1980, 3201)
    assert (gpu.power_w, gpu.celsius, gpu.used_bytes) == (512.5, 61, 5_000_000_000)
    assert Watch("cuda").energy_j() == 2.5


def test_values_that_a_driver_does_not_report_are_none(driver: Driver) -> None:
    driver(nvmlDeviceGetPowerUsage=refuse, nvmlDeviceGetTotalEnergyConsumption=refuse)
    gpu = watched().readings[0].gpu
    assert gpu is not None
    assert gpu.power_w is None
    assert gpu.busy_percent == 87
    assert Watch("cuda").energy_j() is None


def test_the_gpu_that_the_process_sees_is_read(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert machine_monitor.gpu_handle() == "GPU 3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5c89")
    assert machine_monitor.gpu_handle() == "that of GPU-5c89"
    driver(nvmlInit=refuse)
    assert machine_monitor.gpu_handle() is None
    assert watched().readings[0].gpu is None


def test_the_energy_of_several_gpus_is_the_sum_over_all(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    spent = {"GPU 1": 2_500, "GPU 3": 4_000}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    driver(nvmlDeviceGetTotalEnergyConsumption=spent.__getitem__)
    assert Watch("cuda:1+3").energy_j() == Watch("2xcuda").energy_j() == 6.5
    assert Watch("cuda:1").energy_j() == 2.5
    driver(nvmlDeviceGetTotalEnergyConsumption=spent.get)
    del spent["GPU 3"]
    assert Watch("cuda:1+3").energy_j() is None, "one of them does not tell"


def test_one_throttled_gpu_of_several_hinders_all(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    reasons = {"GPU 0": 0, "GPU 1": pynvml.nvmlClocksEventReasonSwThermalSlowdown}
    driver(nvmlDeviceGetCurrentClocksThrottleReasons=reasons.__getitem__)
    assert watched("2xcuda").throttled == ("heat",)
    assert watched("cuda").throttled == ()


def test_programs_on_all_gpus_of_a_place_are_counted(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    programs = {"GPU 0": [1], "GPU 1": [1, 2, 3]}
    driver()
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", programs.__getitem__)
    for device, others in (("cuda", 0), ("2xcuda", 2)):
        found = Watch(device)
        found.begin()
        with found.during("pipelined"):
            pass
        assert found.end(energy_j=None).loads[0].gpu_others == others


@pytest.mark.parametrize(
    ("bits", "reasons", "hindered"),
    [
        (pynvml.nvmlClocksEventReasonGpuIdle, (), False),
        (pynvml.nvmlClocksEventReasonSwPowerCap, (POWER_CAP,), False),
        (pynvml.nvmlClocksEventReasonSwThermalSlowdown, ("heat",), True),
        (
            pynvml.nvmlClocksEventReasonSwPowerCap | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
            (POWER_CAP, "power brake"),
            True,
        ),
    ],
)
def test_throttling_reasons_are_stored_and_only_the_power_cap_does_not_hinder(
    bits: int, reasons: tuple[str, ...], driver: Driver, *, hindered: bool
) -> None:
    driver(nvmlDeviceGetCurrentClocksThrottleReasons=lambda _: bits)
    found = watched()
    assert found.throttled == reasons
    assert found.hindered == hindered


def test_throttling_that_ended_before_the_block_does_not_count(driver: Driver) -> None:
    answers = iter([pynvml.nvmlClocksEventReasonSwThermalSlowdown, 0, 0])
    driver(nvmlDeviceGetCurrentClocksThrottleReasons=lambda _: next(answers))
    assert not watched().hindered


def test_a_cpu_is_throttled_if_its_throttle_count_increases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = tmp_path / "cpu0" / "thermal_throttle" / "package_throttle_count"
    count.parent.mkdir(parents=True)
    count.write_text("7\n")
    monkeypatch.setattr(machine_monitor, "PROCESSORS", tmp_path)
    assert not watched("cpu").hindered, "an old count does not matter"
    found = Watch("cpu")
    found.begin()
    count.write_text("8\n")
    found.read("during")
    assert found.end(energy_j=None).throttled == ("heat (CPU)",)


def test_the_energy_of_a_cpu_is_that_of_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_monitor, "POWERCAP", tmp_path)
    assert Watch("cpu").energy_j() is None
    for name, microjoules in (("intel-rapl:0", 3_000_000), ("intel-rapl:1", 500_000), ("intel-rapl:0:0", 9_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{microjoules}\n")
    assert Watch("cpu").energy_j() == 3.5, "two packages; a part of a package does not count again"


@pytest.mark.parametrize("energy_j", [0.0, -65_536.0])
def test_an_energy_counter_that_stands_still_or_is_reset_gives_none(energy_j: float) -> None:
    found = Watch("cpu")
    found.begin()
    assert found.end(energy_j=energy_j).energy_j is None


def test_stolen_cpu_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = iter([10.0, 10.25])
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(steal=next(stolen)))
    assert watched("cpu").stolen_ns == 250_000_000
    monkeypatch.setattr(psutil, "cpu_times", SimpleNamespace)
    assert watched("cpu").stolen_ns is None


def test_throttled_periods_of_a_quota_mark_a_block_as_hindered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = lay_out(tmp_path, {"cpu.max": "200000 100000", "cpu.stat": "nr_throttled 5"})
    monkeypatch.setattr(control_groups, "ROOT", root)
    quiet = watched("cpu")
    assert (quiet.throttled, quiet.hindered) == ((), False), "what was throttled before the block does not count"
    found = Watch("cpu")
    found.begin()
    lay_out(tmp_path, {"cpu.stat": "nr_throttled 6"})
    use = found.end(energy_j=None)
    assert (use.throttled, use.hindered, use.overheated) == ((QUOTA,), True, False)


def test_throttled_periods_without_a_quota_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        control_groups, "ROOT", lay_out(tmp_path, {"cpu.max": "max 100000", "cpu.stat": "nr_throttled 5"})
    )
    found = Watch("cpu")
    found.begin()
    lay_out(tmp_path, {"cpu.stat": "nr_throttled 6"})
    assert not found.end(energy_j=None).hindered
