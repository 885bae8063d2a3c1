"""What uses the cores is read from the kernel, without the work of the harness; the files of the kernel are fakes."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pynvml
import pytest

from bench.records import control_groups
from bench.records.environment import available_cores
from bench.records.machine_use import Load, Part
from bench.worker.measure import load_monitor
from bench.worker.measure.load_monitor import TICK_NS, Processor, Snapshot, gpu_others, load, snapshot
from bench.worker.measure.machine_monitor import Watch

SECOND = 1_000_000_000


def moment(seconds: float, **changes: object) -> Snapshot:
    """The counters after so many seconds on two cores; this process has used one of them all the time."""
    spent = int(seconds * SECOND)
    made = Snapshot(
        at_ns=spent,
        own_ns=spent,
        processors={number: Processor(idle_ns=0, stolen_ns=0, total_ns=spent) for number in (0, 1)},
        family={1: 0},
        waited={10: spent // 2},
        pressure_ns=spent // 4,
        group_pressure_ns=None,
        preemptions=int(100 * seconds),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def idle(seconds: float, total_s: float = 1.0, *, stolen_s: float = 0.0) -> Processor:
    """The counters of a core that was idle for so long."""
    return Processor(idle_ns=int(seconds * SECOND), stolen_ns=int(stolen_s * SECOND), total_ns=int(total_s * SECOND))


def test_what_nobody_else_accounts_for_was_used_by_other_programs() -> None:
    found = load("pipelined", moment(0), moment(1))
    assert (found.own_ns, found.others_ns) == (SECOND, SECOND), "two busy cores, of which this process used one"
    assert (found.cores, found.waited_ns, found.pressure_ns) == (2, SECOND // 2, SECOND // 4)
    assert (found.group_pressure_ns, found.preemptions, found.stolen_ns) == (None, 100, 0)


def test_idle_cores_and_time_of_the_hypervisor_were_not_used_by_other_programs() -> None:
    quiet = moment(1, processors={0: idle(0.0), 1: idle(0.7, stolen_s=0.2)})
    found = load("pipelined", moment(0), quiet)
    assert found.others_ns == SECOND // 10
    assert found.stolen_ns == SECOND // 5


def test_the_harness_itself_is_no_other_program() -> None:
    after = moment(1, family={1: SECOND // 4, 7: SECOND // 2})
    assert load("pipelined", moment(0), after).others_ns == SECOND // 4, "the parent, and a child that is new"


def test_the_other_process_of_an_interleaved_pair_is_no_other_program() -> None:
    before, after = moment(0, family={1: 0, 42: 0}), moment(1, family={1: 0, 42: SECOND})
    assert load("pipelined", before, after, beside=(42,)).others_ns == 0


def test_the_time_of_others_is_unknown_if_the_other_process_of_a_pair_is_not_known_or_has_ended() -> None:
    assert load("pipelined", moment(0), moment(1), beside=None).others_ns is None
    assert load("pipelined", moment(0, family={42: 0}), moment(1), beside=(42,)).others_ns is None


def test_a_kernel_that_does_not_count_gives_none_and_not_a_full_machine() -> None:
    silent = {0: idle(0.0, 0.0), 1: idle(0.0, 0.0)}
    assert load("pipelined", moment(0), moment(1, processors=silent)).others_ns is None


def test_counters_that_are_missing_give_none() -> None:
    bare = {"processors": None, "waited": None, "pressure_ns": None}
    found = load("pipelined", moment(0, **bare), moment(1, **bare))
    assert (found.others_ns, found.stolen_ns, found.waited_ns, found.pressure_ns) == (None, None, None, None)
    assert found.cores == available_cores()


def test_cores_that_came_or_went_give_none() -> None:
    assert load("pipelined", moment(0), moment(1, processors={0: idle(0.0)})).others_ns is None


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc, on a machine of which this process may use cores 1 and 3."""
    monkeypatch.setattr(load_monitor, "PROC", tmp_path / "proc")
    monkeypatch.setattr(control_groups, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 3})
    monkeypatch.setattr(os, "getppid", lambda: 50)
    files = {
        "proc/stat": "cpu 9 9 9 9 9 9 9 9\n"
        "cpu0 5 0 0 5 0 0 0 0 0 0\n"
        "cpu1 10 0 5 80 4 0 1 2 0 0\n"
        "cpu3 1 2 3 4 5 6 7 8\n",
        "proc/self/task/100/schedstat": "900 500 3\n",
        "proc/self/task/100/children": "60 \n",
        "proc/self/task/101/schedstat": "800 70 3\n",
        "proc/50/stat": "50 (a (strange) name) S 40 0 0 0 0 0 0 0 0 0 11 22 0 0\n",
        "proc/40/stat": "40 (python) S 1 0 0 0 0 0 0 0 0 0 3 4 0 0\n",
        "proc/60/stat": "60 (python) S 100 0 0 0 0 0 0 0 0 0 1 1 0 0\n",
        "proc/pressure/cpu": "some avg10=0.77 avg60=1.37 avg300=3.75 total=4455\nfull avg10=0.00 total=0\n",
        "proc/self/cgroup": "4:memory:/other\n0::/own/group\n",
        "sys/fs/cgroup/own/group/cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return tmp_path


@pytest.mark.usefixtures("kernel")
def test_only_cores_that_the_process_may_use_are_watched() -> None:
    found = snapshot().processors
    assert found is not None
    assert {number: item.idle_ns // TICK_NS for number, item in found.items()} == {1: 84, 3: 9}
    assert (found[1].stolen_ns // TICK_NS, found[1].total_ns // TICK_NS) == (2, 102)


@pytest.mark.usefixtures("kernel")
def test_run_delay_is_read_for_all_threads_and_pressure_in_nanoseconds() -> None:
    found = snapshot()
    assert found.waited == {100: 500, 101: 70}
    assert (found.pressure_ns, found.group_pressure_ns) == (4_455_000, 7_000)


@pytest.mark.usefixtures("kernel")
def test_the_launcher_the_parent_process_and_own_children_are_the_harness() -> None:
    assert snapshot(beside=(99,)).family == {50: 33 * TICK_NS, 40: 7 * TICK_NS, 60: 2 * TICK_NS}


@pytest.mark.usefixtures("kernel")
def test_the_cores_of_own_children_are_watched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3} if pid == 60 else {1})
    found = snapshot().processors
    assert found is not None
    assert sorted(found) == [1, 3], "60 is a child, which drives another device"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1})
    alone = snapshot().processors
    assert alone is not None
    assert sorted(alone) == [1]


def test_files_that_cannot_be_read_give_none(kernel: Path) -> None:
    for path in sorted(kernel.rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()
    found = snapshot()
    assert (found.processors, found.waited, found.pressure_ns, found.group_pressure_ns) == (None, None, None, None)
    assert found.family == {}


def test_a_core_that_the_kernel_does_not_list_gives_none(kernel: Path) -> None:
    (kernel / "proc" / "stat").write_text("cpu1 1 1 1 1 1 1 1 1\n")
    assert snapshot().processors is None


def running(*pids: int) -> Callable[[object], list[SimpleNamespace]]:
    return lambda _: [SimpleNamespace(pid=pid) for pid in pids]


def test_other_processes_on_the_gpu_are_counted_without_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(*pids: int, beside: tuple[int, ...] | None = ()) -> int | None:
        monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", running(*pids))
        return gpu_others("GPU", beside)

    mine = os.getpid()
    assert count(mine) == 0
    assert count(mine, 7) == 1
    assert count(mine, 7, beside=(7,)) == 0
    assert count(900_001) == 0, "the driver numbers this process as the host does"
    assert count() == 0, "some containers do not list processes at all"
    assert count(mine, 7, beside=None) is None


def test_a_driver_that_does_not_list_processes_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", refuse)
    assert gpu_others("GPU", ()) is None


def test_every_part_of_a_measurement_is_watched_on_this_machine() -> None:
    watch = Watch("cpu")
    watch.begin()
    for part in get_args(Part):
        with watch.during(part):
            sum(range(300_000))
    loads = watch.end(energy_j=None).loads
    assert [item.part for item in loads] == ["synchronised", "pipelined", "serving"]
    assert all(map(_is_plausible, loads))


def _is_plausible(item: Load) -> bool:
    others_ns = item.others_ns
    return item.own_ns > 0 and (others_ns is None or 0 <= others_ns <= item.cores * item.span_ns)
