"""The largest batch that fits, the next that does not, and what that ended with."""

from bench.record import Capacity, Measurement, Record, Trial
from bench.report.layout import Table
from bench.report.memory import LONGEST_REASON, capacity_table
from bench.report.results import arrange
from tests.bench.records import record


def searched(*trials: Trial, memory_limit_bytes: int | None = 8_000_000_000, framework: str = "pytorch") -> Record:
    measurement = Measurement(capacity=Capacity(trials=trials, memory_limit_bytes=memory_limit_bytes))
    return record(framework=framework, purpose="capacity", batch_sizes=(4096,), measurement=measurement)


def column(table: Table, title: str) -> list[str]:
    index = [column.title for column in table.columns].index(title)
    return [row[index].text for row in table.rows]


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
    assert column(table, "why")[:2] == ["oom", "nothing larger than 4,096 was tried"]
    assert column(table, "why")[2].startswith("failed: it broke")
    assert len(column(table, "why")[2]) == LONGEST_REASON
    assert "8.00 GB" in " ".join(table.notes)
    assert "device peak" not in [column.title for column in table.columns]


def test_a_device_has_a_peak_and_its_own_limit() -> None:
    trial = Trial(batch_size=32, outcome="ok", device_peak_bytes=1_500_000)
    table = capacity_table(arrange([searched(trial, memory_limit_bytes=None)]))
    assert column(table, "device peak") == ["1.50 MB"]
    assert "On a CPU" not in " ".join(table.notes)


def test_a_run_without_a_search_has_no_rows() -> None:
    assert capacity_table(arrange([record()])).rows == ()
