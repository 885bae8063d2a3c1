"""A record that no run can have stored is told from one that a report can show."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.records.evaluation import Error, Evaluation
from bench.records.measurement import Learning, Measurement
from bench.records.record import Record
from bench.records.record_checks import misfit
from tests.bench.sample_records import learning, quick_run, record

MATRIX = ((1, 0), (0, 1))


def learnt(judgement: Evaluation | None = None, **changes: object) -> Record:
    found: Learning = replace(learning(), judgement=judgement, **changes)  # type: ignore[arg-type]
    return record(purpose="learning", measurement=Measurement(learning=found))


def of_no_batch() -> Record:
    found = record()
    return replace(found, case=replace(found.case, batch_sizes=()))


WRONG: dict[str, Callable[[], Record]] = {
    "started": lambda: replace(record(), started="2026-01-01T00:00:00"),
    "duration_s": lambda: replace(record(), duration_s=1e300),
    "case.batch_sizes": of_no_batch,
    "measurement.learning.epochs": lambda: learnt(epochs=()),
    "measurement.learning.judgement.confusion": lambda: learnt(Evaluation(confusion=((1, 0), (1,)))),
    "measurement.learning.labels": lambda: learnt(Evaluation(confusion=MATRIX), labels=("a", "b", "c")),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_that_a_report_cannot_show_is_named_by_its_key(key: str) -> None:
    assert str(misfit(WRONG[key]())).startswith(f"{key}: ")


def test_records_of_runs_are_right() -> None:
    assert [misfit(item) for item in quick_run() if misfit(item)] == []
    assert misfit(learnt(Evaluation(confusion=MATRIX), labels=("a", "b"))) is None
    assert misfit(replace(learnt(epochs=()), outcome="diverged")) is None, "it diverged in its first epoch"


def test_an_error_of_a_class_without_a_name_is_found() -> None:
    wrong = Error(sample=0, truth=2, predicted=0, size=0.5)
    assert misfit(learnt(Evaluation(worst=(wrong,)), labels=("a", "b"))) is not None
    assert misfit(learnt(Evaluation(worst=(replace(wrong, truth=1),)), labels=("a", "b"))) is None
