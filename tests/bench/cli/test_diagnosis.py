"""Every finding has a subject and a text, and a remedy where something is wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.cli import diagnosis
from bench.cli.diagnosis import Finding, examine
from bench.records.environment import GpuUsers
from bench.workload import frameworks
from bench.workload.frameworks import Contender

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")
GIBIBYTE = 1024**3

# A machine on which nothing disturbs a measurement.
QUIET: dict[str, Any] = {
    "cpu_percent": lambda interval: 0.0 * interval,
    "swap_memory": lambda: SimpleNamespace(used=0),
    "virtual_memory": lambda: SimpleNamespace(available=16 * GIBIBYTE, total=32 * GIBIBYTE),
    "sensors_battery": lambda: None,
    "cpu_count": lambda: 8,
    "cpu_times": lambda: SimpleNamespace(steal=1.0),
}
Examine = Callable[..., Mapping[str, Finding]]


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """The findings by subject, on a quiet machine with some differences."""
    governor = tmp_path / "scaling_governor"
    governor.write_text("performance\n")
    about = SimpleNamespace(machine="machine", cpu="Example CPU", cores=8, gpus=())
    seen: dict[str, Any] = {"outcome": "ok", "error": None, "devices": ["cpu"], "versions": {}}
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(frameworks, "every_contender", lambda: (PYTORCH, FLAX))
    monkeypatch.setattr(diagnosis, "GOVERNOR", governor)
    monkeypatch.setattr(diagnosis, "gpu_users", tuple)

    def examine_with(*, cores: int = 8, result: Mapping[str, Any] = seen, **differences: Any) -> Mapping[str, Finding]:  # noqa: ANN401 (functions of psutil)
        for name, function in (QUIET | differences).items():
            monkeypatch.setattr(psutil, name, function, raising=False)
        about.cores = cores
        monkeypatch.setattr(diagnosis, "environment", lambda _versions: about)
        monkeypatch.setattr(diagnosis, "probe", lambda contenders, logs: dict.fromkeys(contenders, result))  # noqa: ARG005
        return {item.subject: item for item in examine(tmp_path)}

    return examine_with


def test_a_quiet_machine_needs_no_remedy(examined: Examine) -> None:
    findings = examined()
    assert all(item.found for item in findings.values())
    assert [item for item in findings.values() if item.remedy] == []
    assert findings["pytorch"].found.endswith("; sees cpu")
    assert findings["machine"].found == "machine: Example CPU, 8 cores, no GPU"


@pytest.mark.parametrize(
    ("subject", "differences", "remedy"),
    [
        ("cores", {"cores": 2}, "expect noise"),
        ("other load", {"cpu_percent": lambda interval: 50.0 * interval}, "stop what else runs"),
        ("swap", {"swap_memory": lambda: SimpleNamespace(used=5e9)}, "free memory first"),
        ("memory", {"virtual_memory": lambda: SimpleNamespace(available=1e9, total=2e9)}, "close other programs"),
        ("power", {"sensors_battery": lambda: SimpleNamespace(power_plugged=False)}, "plug it in"),
        ("pytorch", {"result": {"outcome": "failed", "error": "it broke"}}, "reinstall it"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(
    subject: str, differences: dict[str, Any], remedy: str, examined: Examine
) -> None:
    wrong = examined(**differences)[subject]
    assert wrong.remedy is not None
    assert remedy in wrong.remedy


def test_a_battery_that_is_plugged_in_is_mains(examined: Examine) -> None:
    assert examined(sensors_battery=lambda: SimpleNamespace(power_plugged=True))["power"] == Finding("power", "mains")


def test_clocks_that_follow_the_load_are_said_with_the_command_that_holds_them(examined: Examine) -> None:
    diagnosis.GOVERNOR.write_text("powersave\n")
    assert examined()["frequency"] == Finding(
        "frequency", "governor powersave", "`cpupower frequency-set -g performance`"
    )
    diagnosis.GOVERNOR.unlink()
    assert examined()["frequency"].remedy is None


def test_a_framework_that_is_not_installed_is_named_with_its_extra(
    examined: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = frameworks._version
    monkeypatch.setattr(frameworks, "_version", lambda name: None if name == "optax" else real(name))
    findings = examined()
    assert findings["flax"] == Finding("flax", "not installed", "`pip install 'levelfield[flax]'`")
    assert findings["pytorch"].remedy is None


@pytest.mark.parametrize(
    ("users", "found", "wrong"),
    [
        (GpuUsers(processes=0, used_bytes=4 * 10**6, busy_percent=0), "nobody else is on it", False),
        (GpuUsers(processes=2, used_bytes=3 * 10**9, busy_percent=0), "2 processes hold 3.0 GB, 0 % busy", True),
        (GpuUsers(processes=0, used_bytes=10**9, busy_percent=40), "0 processes hold 1.0 GB, 40 % busy", True),
    ],
)
def test_a_gpu_that_others_use_is_said(
    users: GpuUsers, found: str, examined: Examine, monkeypatch: pytest.MonkeyPatch, *, wrong: bool
) -> None:
    monkeypatch.setattr(diagnosis, "gpu_users", lambda: (users,))
    finding = examined()["GPU 0"]
    assert finding.found == found
    assert (finding.remedy is not None) == wrong


def test_time_that_other_virtual_machines_take_is_said(examined: Examine) -> None:
    stolen = iter([10.0, 10.4])
    finding = examined(cpu_times=lambda: SimpleNamespace(steal=next(stolen)))["other virtual machines"]
    assert finding.found == "took 0.40 cores"
    assert finding.remedy is not None


def test_where_the_data_come_from_is_said(examined: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
    assert examined()["data"].found == "downloaded once"
    monkeypatch.setenv("LEVELFIELD_DATA", "/somewhere")
    assert examined()["data"].found == "from the folder in LEVELFIELD_DATA"
