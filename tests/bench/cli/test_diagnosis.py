"""Every finding has a subject and a text, and a remedy where something is wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.cli import diagnosis
from bench.cli.diagnosis import Finding, verdict
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
        monkeypatch.setattr(diagnosis, "ask", lambda contenders: dict.fromkeys(contenders, result))
        every = (*diagnosis.examine_frameworks(), *diagnosis.examine_machine())
        return {item.subject: item for item in every}

    return examine_with


def test_a_quiet_machine_needs_no_remedy(examined: Examine) -> None:
    findings = examined()
    assert all(item.found for item in findings.values())
    assert [item for item in findings.values() if item.remedy] == []
    assert findings["pytorch"].found.endswith("; sees cpu")
    assert findings["machine"].found == "machine: Example CPU, 8 cores, no GPU"


@pytest.mark.parametrize(
    ("subject", "differences", "remedy", "ready"),
    [
        ("cores", {"cores": 2}, "expect noise", True),
        ("other load", {"cpu_percent": lambda interval: 50.0 * interval}, "stop it, or expect many incon", False),
        ("swap", {"swap_memory": lambda: SimpleNamespace(used=5e9)}, "free memory first", True),
        ("memory", {"virtual_memory": lambda: SimpleNamespace(available=1e9, total=2e9)}, "close other", False),
        ("power", {"sensors_battery": lambda: SimpleNamespace(power_plugged=False)}, "plug it in", True),
        ("pytorch", {"result": {"outcome": "failed", "error": "it broke"}}, "reinstall it", False),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy_and_whether_a_run_makes_sense(
    subject: str, differences: dict[str, Any], remedy: str, examined: Examine, *, ready: bool
) -> None:
    wrong = examined(**differences)[subject]
    assert wrong.remedy is not None
    assert remedy in wrong.remedy
    assert wrong.ready == ready


FINE = Finding("pytorch", "torch 2; sees cpu")
MISSING = Finding("flax", "not installed", "`pip install 'levelfield[flax]'`")
QUIET_MACHINE = Finding("machine", "a machine")
BUSY = Finding("other load", "1.9 of 2 cores are busy with other work", "stop it", ready=False)
FEW = Finding("cores", "2 for this process", "expect noise")


@pytest.mark.parametrize(
    ("of_frameworks", "of_machine", "line", "ready"),
    [
        ([FINE, FINE], [QUIET_MACHINE], "ready: 2 frameworks, found nothing that would disturb", True),
        ([FINE], [QUIET_MACHINE, FEW], "ready: 1 framework; expect more noise (see above): cores", True),
        ([FINE, MISSING], [], "ready: 1 framework", True),
        ([MISSING], [QUIET_MACHINE], "not ready: no framework is installed (the lines above say how", False),
        (
            [FINE],
            [QUIET_MACHINE, FEW, BUSY],
            "not ready: other load: 1.9 of 2 cores are busy with other work (stop it)",
            False,
        ),
    ],
)
def test_the_verdict_is_one_line(
    of_frameworks: list[Finding], of_machine: list[Finding], line: str, *, ready: bool
) -> None:
    found, makes_sense = verdict(of_frameworks, of_machine)
    assert found.startswith(line)
    assert makes_sense == ready


def test_a_load_is_said_as_a_part_of_the_cores(examined: Examine) -> None:
    assert examined(cores=8)["other load"].found == "0.00 of 8 cores are busy"
    busy = examined(cpu_percent=lambda interval: 25.0 * interval)["other load"]
    assert busy.found == "2.0 of 8 cores are busy with other work"


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
        (GpuUsers(processes=0, used_bytes=4 * 10**6, busy_percent=0), "no other process uses it", False),
        (
            GpuUsers(processes=2, used_bytes=3 * 10**9, busy_percent=0),
            "other processes (2) hold 3.0 GB, 0 % busy",
            True,
        ),
        (GpuUsers(processes=0, used_bytes=10**9, busy_percent=40), "other processes (0) hold 1.0 GB, 40 % busy", True),
    ],
)
def test_a_gpu_that_others_use_is_said(
    users: GpuUsers, found: str, examined: Examine, monkeypatch: pytest.MonkeyPatch, *, wrong: bool
) -> None:
    monkeypatch.setattr(diagnosis, "gpu_users", lambda: (users,))
    finding = examined()["GPU 0"]
    assert finding.found == found
    assert (finding.remedy is not None) == wrong
    assert finding.ready, "a measurement on the CPU is possible"


def test_a_gpu_that_others_use_does_no_harm_where_another_is_free(
    examined: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, free = (GpuUsers(processes=number, used_bytes=0, busy_percent=0) for number in (1, 0))
    monkeypatch.setattr(diagnosis, "gpu_users", lambda: (used, free))
    findings = examined()
    assert findings["GPU 0"].remedy
    assert findings["GPU 0"].ready


def test_time_that_other_virtual_machines_take_is_said(examined: Examine) -> None:
    stolen = iter([10.0, 10.4])
    finding = examined(cpu_times=lambda: SimpleNamespace(steal=next(stolen)))["other virtual machines"]
    assert finding.found == "took the time of 0.40 cores"
    assert finding.remedy is not None


def test_where_the_data_come_from_is_said(examined: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
    assert examined()["data"].found == "downloaded once"
    monkeypatch.setenv("LEVELFIELD_DATA", "/somewhere")
    assert examined()["data"].found == "from the folder in LEVELFIELD_DATA"
