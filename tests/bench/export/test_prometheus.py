"""The text is read back by Prometheus' own parser, and has every figure of the long table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.analysis.long_table import Figure, figures
from bench.export.prometheus import LABELS, gauge_name, label_values, render
from bench.records.measurement import Capacity, Measurement, Trial
from bench.records.record import Record
from tests.bench.sample_records import quick_run, record
from tests.bench.served_records import served

Labels = frozenset[tuple[str, str]]


def every_kind() -> list[Record]:
    """Timings, quality, memory, the largest batch, and servers under load."""
    capacity = Measurement(capacity=Capacity(trials=(Trial(batch_size=32, outcome="ok"),), memory_limit_bytes=None))
    searched = record(purpose="capacity", batch_sizes=(4096,), measurement=capacity)
    loaded = [served(load=load) for load in ("server", "offline", "single_stream")]
    return [*quick_run(), searched, *loaded]


def read_back(text: str) -> dict[tuple[str, Labels], float]:
    families = list(text_string_to_metric_families(text))
    assert all(family.type == "gauge" and family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert not any(sample.timestamp for sample in samples)
    found = {(item.name, frozenset(item.labels.items())): item.value for item in samples}
    assert len(found) == len(samples)
    return found


def wanted(every: Sequence[Figure]) -> dict[tuple[str, Labels], float]:
    """The same from the long table."""
    found = {}
    for figure in every:
        labels = frozenset(zip(LABELS, label_values(figure), strict=True))
        parts: Mapping[str, float] = {"": figure.value, "_low": figure.low, "_high": figure.high}
        for end, value in {**parts, "_doubt": float(bool(figure.doubt))}.items():
            found[gauge_name(figure) + end, labels] = value
    return found


def test_every_figure_of_the_long_table_is_read_back() -> None:
    records = every_kind()
    assert read_back(render(records)) == wanted(list(figures(records)))
    assert not read_back(render([record(outcome="failed")]))


def test_a_value_that_differs_is_seen() -> None:
    records = every_kind()
    first, *others = figures(records)
    for wrong in (replace(first, high=first.high * 2), replace(first, doubt="" if first.doubt else "noise: much")):
        assert read_back(render(records)) != wanted([wrong, *others])


def test_a_doubtful_figure_is_marked() -> None:
    marks = []
    for slowdown in (1, 10):
        found = read_back(render([record(replicate=1), record(slowdown=slowdown)]))
        marks.append({value for (name, _), value in found.items() if name == "levelfield_samples_per_second_doubt"})
    assert marks == [{0}, {1}]


@pytest.mark.parametrize("text", ['a "quoted" name', "back\\slash", "two\nlines", 'ä 🙂 {x="1"} 2', "\ud800"])
def test_any_text_survives_as_a_label(text: str) -> None:
    (shown,) = {dict(labels)["workload"] for _, labels in read_back(render([record(text)]))}
    assert shown == (text if text.isprintable() or "\n" in text else "\\ud800")


def test_names_have_units_that_prometheus_asks_for() -> None:
    names = {name for name, _ in read_back(render(every_kind()))}
    assert {
        "levelfield_samples_per_second",
        "levelfield_query_time_p50_seconds",
        "levelfield_host_peak_bytes",
        "levelfield_test_accuracy",
        "levelfield_largest_batch_samples",
        "levelfield_cpu_use_cores",
        "levelfield_offline_rate_samples_per_second",
        "levelfield_sla_rate_queries_per_second",
        "levelfield_load_p90_seconds",
    } <= names
    assert all(re.fullmatch("[a-z][a-z0-9_]*[a-z0-9]", name) for name in names)
