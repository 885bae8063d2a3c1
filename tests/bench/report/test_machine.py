"""The state of the machine is shown if it is known, and notes name what disturbed the timings."""

from dataclasses import replace

import pytest

from bench.records.machine_use import GpuReading, Moment, Reading, Use
from bench.records.measurement import Measurement
from bench.records.record import Record
from bench.report.layout import Table
from bench.report.machine import DISTRUST, use_table
from bench.report.results import arrange
from bench.report.tables import report
from tests.bench.report.report_reader import table_of
from tests.bench.sample_records import block, load, record

GPU = GpuReading(
    busy_percent=90, clock_mhz=1980, memory_clock_mhz=None, power_w=512.4, celsius=61, used_bytes=5_000_000_000
)


def reading(when: Moment, *, throttled: tuple[str, ...] = (), gpu: GpuReading | None = None) -> Reading:
    return Reading(
        when=when, cpu_mhz=2600.0, cpu_celsius=None, host_used_bytes=3_000_000_000, throttled=throttled, gpu=gpu
    )


def use(
    *,
    throttled: tuple[str, ...] = (),
    gpu: GpuReading | None = None,
    stolen_ns: int | None = 0,
    energy_j: float | None = None,
) -> Use:
    readings = (reading("before"), reading("during", throttled=throttled, gpu=gpu), reading("after"))
    return Use(readings=readings, span_ns=1_000_000_000, stolen_ns=stolen_ns, preemptions=12, energy_j=energy_j)


def timed(*uses: Use | None) -> list[Record]:
    return [
        record(replicate=number, measurement=Measurement(blocks=(replace(block(), use=each),)))
        for number, each in enumerate(uses)
    ]


def row(table: Table) -> dict[str, str]:
    (entries,) = table.rows
    return {column.title: entry.text for column, entry in zip(table.columns, entries, strict=True)}


def test_a_cpu_has_its_own_columns_and_no_empty_ones() -> None:
    assert row(use_table(arrange(timed(use(), use(), use())), "digits-dnn")) == {
        "scenario": "training",
        "batch": "32",
        "framework": "pytorch",
        "CPU clock": "2600 MHz",
        "memory in use": "3.00 GB",
        "taken by other virtual machines": "0.0% of a core",
        "preempted": "12 /s",
    }


def test_a_gpu_is_shown_with_its_energy_for_each_sample() -> None:
    samples = 32 * 20 * 10
    found = row(use_table(arrange(timed(use(gpu=GPU, energy_j=6.4))), "digits-dnn"))
    assert (found["GPU busy"], found["GPU clock"], found["GPU power"]) == ("90 %", "1980 MHz", "512 W")
    assert (found["GPU temperature"], found["GPU memory in use"]) == ("61 °C", "5.00 GB")
    assert found["energy per sample"] == "1.00 mJ", f"6.4 J over {samples} samples"
    assert "GPU memory clock" not in found


def test_energy_is_left_out_if_one_process_has_none() -> None:
    assert "energy per sample" not in row(use_table(arrange(timed(use(energy_j=6.4), use())), "digits-dnn"))


def test_records_from_before_have_no_rows() -> None:
    assert use_table(arrange(timed(None)), "digits-dnn").rows == ()


@pytest.mark.parametrize(
    ("uses", "note"),
    [
        (
            (use(throttled=("heat",)), use(), use(throttled=("heat",))),
            "Throttled: pytorch, batch 32: heat in 2 of 3 processes.",
        ),
        ((use(throttled=("power cap",)), use()), "Throttled: pytorch, batch 32: power cap in 1 of 2 processes."),
        ((use(stolen_ns=300_000_000),), "Other virtual machines took 30% of a core from pytorch, batch 32."),
    ],
)
def test_throttling_and_lost_time_are_notes_below_the_figures(uses: tuple[Use, ...], note: str) -> None:
    assert note in notes(timed(*uses))
    assert note not in notes(timed(use()))


@pytest.mark.parametrize(("loads", "marked"), [((2.4, 2.5, 2.6), True), ((2.4, 2.4, 9.0), False), ((None,), False)])
def test_a_run_beside_other_work_is_marked_in_the_summary(loads: tuple[float | None, ...], *, marked: bool) -> None:
    """The machine of these records has two cores."""
    records = [record(replicate=number, loadavg=load) for number, load in enumerate(loads)]
    others = [record(purpose="memory", loadavg=9.0)]
    summary = table_of(report([*records, *others]), "Summary", "Summary")
    note = "Other work used the cores during the measurement: the load average was 2.5 (median) on 2 cores."
    assert any(text.startswith(note) and DISTRUST in text for text in summary.notes) == marked
    assert any(DISTRUST in text for text in summary.notes) == marked


def test_the_load_average_is_not_named_if_every_block_was_watched() -> None:
    """What it says of the whole run, the blocks say of themselves."""
    records = timed(replace(use(), loads=(load(),)))
    summary = table_of(report([replace(item, loadavg=9.0) for item in records]), "Summary", "Summary")
    assert not any(DISTRUST in text for text in summary.notes)


def test_the_load_average_is_named_where_the_system_tells_nothing_of_a_block() -> None:
    """As on macOS: the block has a load, but neither the time of others nor that of waiting threads."""
    unknown = load(others=None, waited_ns=None, stolen_ns=None)
    records = timed(replace(use(), loads=(unknown,)))
    summary = table_of(report([replace(item, loadavg=9.0) for item in records]), "Summary", "Summary")
    assert any(DISTRUST in text for text in summary.notes)


def test_the_load_while_blocks_were_timed_is_shown() -> None:
    busy = load(others=0.9, own=1.1, waited_ns=600_000_000, pressure_ns=700_000_000)
    quiet = load(others=0.1, own=1.9, waited_ns=0, pressure_ns=100_000_000)
    found = row(use_table(arrange(timed(replace(use(), loads=(busy, quiet)))), "digits-dnn"))
    assert found["used by other programs"] == "0.50 cores"
    assert found["threads waiting for a core"] == "0.30"
    assert found["CPU pressure"] == "40%"
    unknown = replace(use(), loads=(replace(busy, others_ns=None), quiet))
    assert "used by other programs" not in row(use_table(arrange(timed(unknown)), "digits-dnn"))


def notes(records: list[Record]) -> tuple[str, ...]:
    return table_of(report(records), "digits-dnn", "Training").notes
