"""What the networks of a run have learnt, workload by workload, for charts and pictures."""

from collections.abc import Iterator

from bench.records.evaluation import Evaluation
from bench.records.measurement import Learning
from bench.records.record import Record
from bench.report.results import Results, select
from bench.report.style import place


def learnings(results: Results, workload: str) -> Iterator[tuple[Record, Learning]]:
    """The records and results of all learning cases that ended well, ordered by framework and seed."""
    records = select(results, workload, purpose="learning")
    for record in sorted(records, key=lambda record: (place(record.case.contender), record.case.seed)):
        if record.outcome == "ok" and record.measurement.learning is not None:
            yield record, record.measurement.learning


def first_evaluations(results: Results, workload: str) -> Iterator[tuple[str, Evaluation]]:
    """The evaluation of each framework's first seed."""
    seen = set()
    for record, learning in learnings(results, workload):
        if learning.judgement and record.case.contender not in seen:
            seen.add(record.case.contender)
            yield record.case.contender, learning.judgement
