"""Servers under load: their cases, and what is refused or said before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.plan import serving
from bench.plan.cases import cases, estimate_s
from bench.plan.options import Options
from bench.plan.request import Request, check
from bench.records.load import Serving
from bench.records.record import Case
from tests.bench.workloads import toml

LOADS = "single_stream,offline,server"


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with four cores."""
    monkeypatch.setattr("bench.plan.request.available_cores", lambda: 4)
    monkeypatch.setattr("bench.plan.serving.available_cores", lambda: 4)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(toml())
    return str(path)


def asked(workload: str, **options: Any) -> Request:  # noqa: ANN401 (options have several types)
    return check(Options(**{"workload": workload, "framework": "pytorch,flax", "scenario": LOADS, **options}))


def served(request: Request) -> list[Case]:
    return [case for case in cases(request.selection) if case.serving is not None]


def test_each_load_is_one_process_of_each_framework(tiny: str) -> None:
    found = cases(asked(tiny, processes=1).selection)
    assert {case.purpose for case in found} == {"serving"}
    assert [(case.serving.load, case.contender) for case in found if case.serving] == [
        (load, name) for load in LOADS.split(",") for name in ("pytorch", "flax")
    ]
    assert {(case.scenario, case.batch_sizes, case.threads) for case in found} == {("inference", (1,), 3)}


def test_training_and_inference_are_measured_as_without_a_load(tiny: str) -> None:
    beside = cases(asked(tiny, scenario=f"training,inference,{LOADS}", processes=2).selection)
    alone = cases(asked(tiny, scenario=None, processes=2).selection)
    assert tuple(case for case in beside if case.serving is None) == alone
    assert not [case for case in alone if case.serving]
    assert alone[-1].threads == 4


def test_the_search_for_the_highest_rate_is_made_once(tiny: str) -> None:
    found = served(asked(tiny, sla="10ms", processes=3))
    times = {
        load: sum(case.serving == item for case in found)
        for load, item in {c.serving.load: c.serving for c in found if c.serving}.items()
    }
    assert times == {"single_stream": 6, "offline": 6, "server": 2}


def test_without_a_limit_every_load_is_repeated(tiny: str) -> None:
    assert len(served(asked(tiny, scenario="server", processes=3))) == 6


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("10ms", 10_000_000), ("2.5 ms", 2_500_000), ("500us", 500_000), ("1s", 10**9)]
)
def test_a_limit_has_a_unit(tiny: str, text: str, nanoseconds: int) -> None:
    (case, *_) = served(asked(tiny, sla=text, scenario="server", percentile=95.0))
    assert case.serving == Serving(load="server", limit_ns=nanoseconds, percentile=95.0)


def test_batches_are_those_of_the_server_alone(tiny: str) -> None:
    found = {case.serving.load: case.serving for case in served(asked(tiny, batching="8:2ms")) if case.serving}
    assert (found["server"].most, found["server"].patience_ns) == (8, 2_000_000)
    assert (found["offline"].most, found["single_stream"].most) == (1, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sla": "10"}, "--sla: found '10', expected a time above 0 with its unit, such as 10ms, 500us, 1s"),
        ({"sla": "0ms"}, "--sla: found '0ms', expected a time above 0"),
        ({"sla": "10ms", "scenario": "offline"}, "--sla: found '10ms' without --scenario server, expected both"),
        ({"sla": "10ms", "scenario": None}, "--sla: found '10ms' without --scenario server, expected both"),
        ({"sla": "10ms", "percentile": 100.0}, "--percentile: found 100, expected 1 to 99.99"),
        (
            {"sla": "10ms", "percentile": 0.99},
            "--percentile: found 0.99, expected 1 to 99.99, such as 99",
        ),
        (
            {"sla": "5ms", "batching": "8:5ms"},
            "--batching: found '8:5ms' with --sla 5ms, expected a wait that is shorter",
        ),
        ({"percentile": 95.0}, "--percentile: found 95 without --sla, expected both, or neither"),
        ({"batching": "8"}, "--batching: found '8', expected none, or the most queries in one batch (2 to 1024)"),
        ({"batching": "1:2ms"}, "--batching: found '1:2ms', expected none"),
        ({"batching": "8:2"}, "--batching: found '2', expected a time above 0"),
        ({"batching": "8:2ms", "scenario": "offline"}, "--batching: found '8:2ms' without --scenario server"),
        (
            {"batch_size": "32"},
            "--batch-size: found 32 with --scenario single_stream, offline, server, expected --batching",
        ),
        ({"threads": 4}, "--threads: found 4 with --scenario single_stream, offline, server, expected at most 3"),
        ({"scenario": "serve"}, "--scenario: found 'serve'"),
        ({"executor": "ray"}, "--executor: found ray with --scenario single_stream, offline, server, expected local"),
    ],
)
def test_a_mistake_is_one_line(tiny: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        asked(tiny, **options)
    assert str(error.value).startswith(said)


def test_a_server_runs_on_one_device(tiny: str) -> None:
    with pytest.raises(UsageError, match="--device: found 2xcpu with --scenario server, expected a single device"):
        asked(tiny, device="2xcpu", threads=1, scenario="server,training", framework="pytorch")
    both = asked(tiny, devices="1,2", threads=1, scenario="server,training", framework="pytorch")
    assert "2xcpu: no server, since a server runs on one device" in both.remarks


def test_one_core_is_not_enough(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.plan.serving.available_cores", lambda: 1)
    with pytest.raises(UsageError, match="with 1 core, expected at least 2: the load generator has a core of its own"):
        asked(tiny)


def test_a_generator_that_is_not_installed_is_said_before_anything_runs(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "GENERATOR", "no_such_library")
    with pytest.raises(UsageError, match=r"run `pip install 'levelfield\[serving\]'`"):
        asked(tiny)
    assert asked(tiny, scenario="inference").selection.serving == ()


def test_the_core_of_the_generator_is_said(tiny: str) -> None:
    (line,) = [line for line in asked(tiny).remarks if "load generator" in line]
    assert line.startswith("single_stream, offline, server: 3 threads for each framework instead of 4")
    assert not [line for line in asked(tiny, threads=2).remarks if "load generator" in line]


def test_a_search_is_expected_to_take_longer_than_a_load(tiny: str) -> None:
    request = asked(tiny, sla="10ms", processes=1)
    (workload,) = request.selection.workloads
    seconds = {
        case.serving.load: estimate_s(case, workload, block_seconds=0.3, known={})
        for case in served(request)
        if case.serving
    }
    assert seconds["server"] > seconds["single_stream"] > seconds["offline"] > 0
