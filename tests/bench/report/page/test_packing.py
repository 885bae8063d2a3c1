"""Packed rows come back as they were, and take less room."""

import json

import pytest

from bench.report import tables
from bench.report.page.data import PACKED, page_data
from bench.report.page.packing import packed, unpacked
from tests.bench.sample_records import quick_run

DATA = page_data(tables.report(quick_run()), quick_run())


@pytest.mark.parametrize("name", PACKED)
def test_the_rows_of_a_page_come_back_as_they_were(name: str) -> None:
    rows = [{key: value for key, value in row.items() if value is not None} for row in DATA[name]]
    assert unpacked(json.loads(json.dumps(packed(DATA[name])))) == json.loads(json.dumps(rows))


def test_another_value_is_another_row() -> None:
    changed = [{**row, "batch": 7} for row in DATA["cells"]]
    assert unpacked(packed(changed)) != unpacked(packed(DATA["cells"]))


def test_fields_with_texts_and_numbers_stay_as_they_are() -> None:
    rows: list[dict[str, object]] = [{"a": "x", "b": 1}, {"a": 2}, {"b": 0}]
    assert unpacked(packed(rows)) == rows


def test_packed_cells_are_less_than_half_as_long() -> None:
    assert len(json.dumps(packed(DATA["cells"]))) < 0.5 * len(json.dumps(DATA["cells"]))
