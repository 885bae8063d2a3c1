"""A line with a value that nobody can have measured is no record, though its types are right."""

import json
import re
from typing import Any

import pytest

from bench.records import value_checks
from bench.records.record import Candidate, Certificate, Deviation, Environment, Record
from bench.records.record_checks import misfit
from bench.records.record_lines import ForeignLineError, from_line, to_line
from tests.bench.sample_records import record

WHOLE = f"expected a whole number from 0 to {2**63 - 1}"


def lines() -> dict[str, Any]:
    """A record of each purpose as JSON, with all that is measured at the parts of a call."""
    made = {purpose: json.loads(to_line(record(purpose=purpose))) for purpose in ("timing", "learning", "memory")}
    block = made["timing"]["measurement"]["blocks"][0]
    block["boundary"] = {name: [1, 2] for name in ("to_device_ns", "dispatch_ns", "compute_ns", "to_host_ns")}
    return made


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("timing started", "yesterday", "started: found 'yesterday', expected a date and a time with its zone"),
        ("timing started", "2026-01-01T00:00:00", "started: found '2026-01-01T00:00:00', expected a date and a time"),
        ("timing started", "2026-13-01T00:00:00Z", "started: found '2026-13-01T00:00:00Z', expected a date and a time"),
        ("timing started", "1767225600", "started: found '1767225600', expected a date and a time"),
        ("timing duration_s", -1, "duration_s: found -1.0, expected seconds from 0 to 1e+10"),
        ("timing duration_s", float("nan"), "duration_s: found nan, expected seconds"),
        ("timing duration_s", 1e308, "duration_s: found 1e+308, expected seconds"),
        ("timing startup_s", float("inf"), "startup_s: found inf, expected seconds"),
        ("timing case batch_sizes", [], "case.batch_sizes: found an empty list, expected at least one value"),
        (
            "learning measurement learning restored_epoch",
            13,
            "learning.restored_epoch: found 13, expected an epoch from 1 to 12",
        ),
        ("timing order", 10**400, f"order: found {'1' + '0' * 59}..., expected a whole number from"),
        ("timing environment machine", "../up", "environment.machine: found '../up', expected the name of a folder"),
        (
            "timing environment machine",
            "x" * 300,
            f"environment.machine: found '{'x' * 59}..., expected the name of a f",
        ),
        ("timing measurement blocks 0 cpu_ns", -1, f"measurement.blocks[0].cpu_ns: found -1, {WHOLE}"),
        ("timing measurement blocks 0 wall_ns", 0, f"blocks[0].wall_ns: found 0, {WHOLE.replace('from 0', 'from 1')}"),
        (
            "timing measurement blocks 0 pipelined_ns",
            [],
            "blocks[0].pipelined_ns: found an empty list, expected at least",
        ),
        (
            "timing measurement blocks 0 synchronised_ns 3",
            -1,
            f"measurement.blocks[0].synchronised_ns[3]: found -1, {WHOLE}",
        ),
        (
            "timing measurement blocks 0 boundary compute_ns",
            [],
            "boundary.compute_ns: found an empty list, expected at",
        ),
        (
            "memory measurement memory 0 host_peak_bytes",
            2**63,
            f"measurement.memory[0].host_peak_bytes: found {2**63}, expected a whole number",
        ),
        (
            "memory measurement memory 0 demanded_bytes",
            {"weights": 2**63},
            f"measurement.memory[0].demanded_bytes.weights: found {2**63}, expected a whole number",
        ),
    ],
)
def test_an_impossible_value_is_refused_with_its_key(
    key: str, value: object, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    purpose, *path, last = (int(part) if part.isdigit() else part for part in key.split())
    content = table = lines()[str(purpose)]
    for part in path:
        table = table[part]
    table[last] = value
    found = from_line(json.dumps(content))
    assert re.search(re.escape(problem), str(misfit(found)))
    monkeypatch.setattr(value_checks, "problem", lambda _: None)
    assert misfit(found) is None, "without the check the line is a record"


def test_usual_values_are_right_a_loss_may_be_no_number_and_a_counter_may_be_set_back() -> None:
    content = lines()
    content["learning"]["measurement"]["learning"]["epochs"][0]["train_loss"] = float("nan")
    readings = {"when": "before", "cpu_mhz": None, "cpu_celsius": None, "host_used_bytes": 1}
    use = {"readings": [readings], "span_ns": 1, "stolen_ns": -5, "preemptions": 0, "energy_j": None}
    content["timing"]["measurement"]["blocks"][0]["use"] = use
    assert [value_checks.problem(from_line(json.dumps(item))) for item in content.values()] == [None] * 3


def test_a_line_of_thousands_of_brackets_is_no_record() -> None:
    for line in ("[" * 5000, '{"a":' * 5000, "9" * 5000):
        with pytest.raises(ForeignLineError, match=r"^found an incomplete or damaged line, expected a record"):
            from_line(line)


def test_only_fields_that_cannot_be_wrong_are_left_out() -> None:
    assert value_checks._doubtful(Certificate) == ("steps",)
    assert value_checks._doubtful(Deviation) == (), "text and shares"
    assert value_checks._doubtful(Candidate) == ("times_s",)
    assert value_checks._doubtful(Environment) == ("machine", "cores", "memory_bytes", "host_cores")
    assert set(value_checks._doubtful(Record)) == {
        *("schema_version", "case", "started", "duration_s", "startup_s", "order", "measurement"),
        *("certificate", "environment", "attempt", "tunings", "roof"),
    }
