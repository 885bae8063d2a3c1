"""The notes below the tables of a report are short sentences."""

import pytest

from bench.records.record import Record
from bench.records.store import RunFolder, runs
from bench.report import tables
from tests.bench.sample_records import quick_run
from tests.docs.pages import ROOT, sentences

LONGEST = 32  # words
EXAMPLES = runs(ROOT / "results" / "examples")


def long_sentences(records: list[Record]) -> set[str]:
    """The sentences of all notes with more words than that."""
    page = tables.report(records, command=None)
    notes = [note for section in page.sections for table in section.tables for note in table.notes]
    return {
        sentence
        for note in (*(part for line in page.about for part in line.split(" · ")), *notes)
        for sentence in sentences(note)
        if len(sentence.split()) > LONGEST and not _is_list(sentence)
    }


def _is_list(sentence: str) -> bool:
    """Whether this is a list with a comma or semicolon in every eighth word: it grows with the run."""
    return sentence.count(",") + sentence.count(";") >= len(sentence.split()) / 8


def test_notes_of_a_report_are_short_sentences() -> None:
    assert long_sentences(quick_run()) == set()


@pytest.mark.parametrize("run", EXAMPLES, ids=[run.name for run in EXAMPLES])
def test_notes_of_the_example_reports_are_short_sentences(run: RunFolder) -> None:
    assert long_sentences(run.read(warn=pytest.fail)) == set()


def test_a_long_sentence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.report.performance.BOLD", "Word " * (LONGEST + 1), raising=True)
    assert long_sentences(quick_run()) != set()
