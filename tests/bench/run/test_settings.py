"""The work of a run, as its progress shows it."""

from dataclasses import replace

from bench.run.settings import search_work
from tests.bench.sample_records import record


def test_searches_in_two_precisions_are_two_pieces_of_work() -> None:
    case = record().case
    first, second = (search_work(replace(case, precision=precision)) for precision in ("fp32", "bf16"))
    assert first != second
    assert second.name.endswith("in bf16")
    assert first == search_work(replace(case, replicate=1)), "every process uses the same search"
