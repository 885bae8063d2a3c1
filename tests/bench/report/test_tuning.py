"""A search as a table: the timings of each candidate, its speed-up over the default, and why it failed."""

from dataclasses import replace

import pytest

from bench.records.record import Candidate, SearchResult
from bench.report.results import arrange
from bench.report.tuning import LONGEST_ERROR, searches_table, table
from tests.bench.sample_records import record

FASTER = Candidate(options={"optimizer": "fused"}, times_s=(1e-3, 3e-3, 2e-3))
USUAL = Candidate(options={}, times_s=(4e-3, 4e-3, 4e-3))
FAILED = Candidate(options={"compile": "on"}, outcome="failed", error="it cannot " * 40)


def found(*candidates: Candidate) -> SearchResult:
    return SearchResult(
        batch_size=32,
        options=candidates[0].options,
        metric="step_time_pipelined_s",
        searched="today",
        candidates=candidates,
    )


def rows(*candidates: Candidate) -> list[list[str]]:
    return [[entry.text for entry in row] for row in table("a search", found(*candidates)).rows]


def test_the_chosen_candidate_stands_beside_the_default() -> None:
    assert rows(FASTER, USUAL) == [
        ["optimizer fused", "2.00 ms", "2.00×", "3", "chosen"],
        ["default", "4.00 ms", "1.00×", "3", ""],
    ]
    assert (
        "No candidate is proven equal and surely 3% faster than the default, so the default stays."
        in table("a search", found(USUAL, FASTER)).notes
    )


def test_an_exhaustive_search_compares_the_usual_choice_with_the_fastest() -> None:
    slower = Candidate(options={"optimizer": "foreach"}, times_s=(2.1e-3, 2.1e-3, 2.1e-3))
    everything = found(FASTER, slower, USUAL, FAILED)
    (remark,) = set(table("all", everything, picked=slower.options).notes) - set(table("all", everything).notes)
    assert remark.startswith(
        "The usual search chose optimizer foreach: 1.05× the time of the fastest candidate. The 3 timings"
    )
    assert remark.endswith("of one candidate differ by 100% (median).")
    assert "1.00× the time of the fastest" in table("all", everything, picked=FASTER.options).notes[-1]
    assert table("all", everything, picked=FAILED.options).notes == table("all", everything).notes


def test_a_failed_candidate_has_a_short_reason() -> None:
    *_, timings, outcome = rows(USUAL, FAILED)[1]
    assert timings == "0"
    assert outcome.startswith("it cannot it cannot")
    assert outcome.endswith(" …")
    assert len(outcome) <= LONGEST_ERROR


def test_equal_failures_share_a_row() -> None:
    other, last = replace(FAILED, options={"compile": "more"}), replace(FAILED, options={}, error="no memory")
    shown = rows(USUAL, FAILED, other, last)
    assert [row[0] for row in shown[1:]] == ["compile on; 1 more failed for the same reason", "default"]


def test_a_run_shows_the_choice_of_each_search_and_the_best_other() -> None:
    tuned = record(batch_sizes=(32, 64))
    tuned = replace(tuned, case=replace(tuned.case, mode="tuned"))
    known = (found(FASTER, USUAL, FAILED), replace(found(USUAL, FASTER), batch_size=64))
    page = searches_table(arrange([record(batch_sizes=(32, 64)), replace(tuned, tunings=known)]), "digits-dnn")
    shown = [[entry.text for entry in row][-4:] for row in page.rows]
    assert shown == [
        ["3, 2 ran", "4.00 ms", "2.00 ms: optimizer fused", "n/a"],
        ["2", "4.00 ms", "the same", "2.00 ms: optimizer fused"],
    ]
    assert searches_table(arrange([record()]), "digits-dnn").rows == ()


def test_candidates_with_fewer_timings_say_so() -> None:
    lucky = replace(FASTER, options={"compile": "on"}, times_s=(1e-3,))
    assert "1.00 ms: compile on, timed 1 of 3 times" in notes_and_texts(found(FASTER, lucky, USUAL))
    assert "timed 3" not in notes_and_texts(found(FASTER, USUAL, replace(lucky, times_s=(1e-3,) * 3)))


def notes_and_texts(*tunings: SearchResult) -> str:
    """All texts of the table of searches, with one batch size for each search."""
    sizes = tuple(range(32, 32 + len(tunings)))
    tuned = record(batch_sizes=sizes)
    known = tuple(replace(item, batch_size=size) for size, item in zip(sizes, tunings, strict=True))
    tuned = replace(tuned, case=replace(tuned.case, mode="tuned"), tunings=known)
    page = searches_table(arrange([record(batch_sizes=sizes), tuned]), "digits-dnn")
    return " ".join([*(entry.text for row in page.rows for entry in row), *page.notes])


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([True, True], "fresh processes, interleaved with the default if that runs, before"),
        ([False], "fresh processes, not interleaved with the default, before"),
        ([True, False], "fresh processes, on a CPU interleaved with the default if that runs, before"),
        ([None, True], "fresh processes, before"),
    ],
)
def test_notes_on_searches_say_only_what_their_records_have(turns: list[bool | None], words: str) -> None:
    assert words in notes_and_texts(*(replace(found(FASTER, USUAL), in_turns=item) for item in turns))


@pytest.mark.parametrize(("cores", "told"), [(1.4, True), (0.1, False), (None, False)])
def test_other_programs_during_a_search_are_noted(cores: float | None, *, told: bool) -> None:
    disturbed = replace(found(FASTER, USUAL), busy_cores=cores)
    assert any("search again with `--again`" in note for note in table("a search", disturbed).notes) == told
    assert ("training at batch 32 (1.4 cores)" in notes_and_texts(disturbed)) == told
