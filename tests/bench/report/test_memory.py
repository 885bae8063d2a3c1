"""The largest batch that fits, the smallest that does not, and the peaks of memory."""

from bench.records.measurement import Capacity, Measurement, Memory, Trial
from bench.records.record import Record
from bench.report.memory import LONGEST_REASON, account_table, capacity_table, demand_table
from bench.report.results import arrange
from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import record


def searched(*trials: Trial, memory_limit_bytes: int | None = 8_000_000_000, framework: str = "pytorch") -> Record:
    measurement = Measurement(capacity=Capacity(trials=trials, memory_limit_bytes=memory_limit_bytes))
    return record(framework=framework, purpose="capacity", batch_sizes=(4096,), measurement=measurement)


def test_every_search_is_a_row_with_where_it_ended_and_why() -> None:
    table = capacity_table(
        arrange(
            [
                searched(Trial(batch_size=32, outcome="ok"), Trial(batch_size=128, outcome="oom")),
                searched(Trial(batch_size=4096, outcome="ok"), framework="flax"),
                searched(Trial(batch_size=1, outcome="failed", error="it " + "broke " * 40), framework="keras/jax"),
            ]
        ),
    )
    assert column(table, "largest batch") == ["32", "4,096", "n/a"]
    assert column(table, "does not fit") == ["128", "n/a", "1"]
    assert column(table, "why")[:2] == ["oom", "4,096 was the largest size tried"]
    assert column(table, "why")[2].startswith("failed: it broke")
    assert len(column(table, "why")[2]) == LONGEST_REASON
    assert "8.00 GB" in " ".join(table.notes)
    assert "device peak" not in [column.title for column in table.columns]


def test_a_device_has_a_peak_and_its_own_limit() -> None:
    trial = Trial(batch_size=32, outcome="ok", device_peak_bytes=1_500_000)
    table = capacity_table(arrange([searched(trial, memory_limit_bytes=None)]))
    assert column(table, "device peak") == ["1.50 MB"]
    assert "On a CPU" not in " ".join(table.notes)


def peaked(
    framework: str, *, device: int | None, demanded: dict[str, int], accounted: dict[str, int] | None = None
) -> Record:
    memory = Memory(
        batch_size=32,
        host_peak_bytes=4_000_000,
        host_baseline_bytes=0,
        device_peak_bytes=device,
        nvml_used_bytes=None,
        demanded_bytes=demanded,
        accounted_bytes=accounted or {},
    )
    return record(framework=framework, purpose="memory", measurement=Measurement(memory=(memory,)))


def test_the_peak_stands_beside_the_memory_that_the_network_needs() -> None:
    parts = {"weights": 500_000, "inputs": 300_000}
    records = [
        peaked("pytorch", device=None, demanded=parts),
        peaked("flax", device=1_000_000, demanded=parts),
        peaked("keras/jax", device=8_100_000, demanded=parts),  # less than a tenth
        peaked("keras/torch", device=1_000_000, demanded={}),  # an older record
    ]
    table = demand_table(arrange(records), "digits-dnn")
    assert column(table, "framework") == ["pytorch", "flax"]
    assert column(table, "weights") == ["500 kB", "500 kB"]
    assert column(table, "needed") == ["800 kB", "800 kB"]
    assert column(table, "peak") == ["4.00 MB", "1.00 MB"]
    assert column(table, "peak / needed") == ["5.00×", "1.25×"]
    assert table.groups == {1}
    assert demand_table(arrange(records[3:]), "digits-dnn").rows == ()


def test_the_frameworks_account_says_how_much_of_the_peak_it_explains() -> None:
    records = [
        peaked("pytorch", device=1_000_000, demanded={}, accounted={"held before": 600_000, "forward pass": 390_000}),
        peaked("flax", device=1_000_000, demanded={}, accounted={"arrays": 500_000}),
        peaked("keras/jax", device=1_000_000, demanded={}),  # without an account
        peaked("keras/torch", device=None, demanded={}, accounted={"held before": 600_000}),
    ]
    table = account_table(arrange(records), "digits-dnn")
    assert column(table, "framework") == ["pytorch", "flax"]
    assert column(table, "explained") == ["99.0%", "50.0%"]
    assert column(table, "parts") == ["held before 600 kB, forward pass 390 kB", "arrays 500 kB"]


def test_a_run_without_a_search_has_no_rows() -> None:
    assert capacity_table(arrange([record()])).rows == ()


def test_memory_that_cannot_be_read_is_not_zero_and_has_no_column_of_its_own() -> None:
    table = table_of(report([record(purpose="memory")]), "digits-dnn", "Peak memory")
    assert column(table, "host, added") == ["43.2 MB"]
    assert "device peak" not in [column.title for column in table.columns]
    on_gpu = peaked("flax", device=1_000_000, demanded={})
    table = table_of(report([record(purpose="memory"), on_gpu]), "digits-dnn", "Peak memory")
    assert column(table, "device peak") == ["n/a", "1.00 MB"]
