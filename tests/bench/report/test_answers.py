"""Each answer is what the raw timings, peaks, metrics and certificates of the records say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bench.records.cell import cells
from bench.records.measurement import Measurement, Memory
from bench.records.record import Record
from bench.records.store import RunFolder, runs
from bench.report import tables
from bench.report.layout import Answers
from bench.report.results import arrange
from tests.bench.sample_records import quick_run, record
from tests.docs.pages import ROOT

EXAMPLES = runs(ROOT / "results" / "examples")
TRAIN = "Fastest to train at batch 32?"
LATENCY, THROUGHPUT = "Lowest latency at batch 1?", "Highest throughput at batch 256?"
WHOLE, ADDED = "Least memory in training (whole process)?", "Least memory in training (added by the network)?"


def answered(records: Sequence[Record], *, number: int = 0) -> dict[str, str]:
    """The answers of one device, mode and precision, by their questions."""
    return _said(tables.report(records).answers[number])


def _said(found: Answers) -> dict[str, str]:
    return {
        line.question: " ".join(
            f"{clause.who}: {clause.text or ', '.join(f'{name} ({words})' for name, words in clause.places)}."
            for clause in line.clauses
        )
        for line in found.lines
    }


def call_times(records: Sequence[Record], workload: str, scenario: str, size: int) -> dict[str, list[float]]:
    """Seconds per call of every process, by framework, from the raw timings: of rounds in training, else of queries."""
    found: dict[str, list[float]] = {}
    for item in records:
        case = item.case
        if (case.workload, case.scenario, case.purpose, item.outcome) != (workload, scenario, "timing", "ok"):
            continue
        for block in item.measurement.blocks:
            if block.batch_size == size:
                per_round = np.array(block.pipelined_ns) / block.iterations_per_round
                times = per_round if scenario == "training" or size > 1 else np.array(block.synchronised_ns)
                found.setdefault(case.contender, []).append(float(np.median(times)))
    return found


def winners(found: Mapping[str, Sequence[float]]) -> set[str]:
    """The frameworks that are faster than all others in every process: one, or nobody."""
    return {
        name
        for name, times in found.items()
        if all(max(times) < min(others) for other, others in found.items() if other != name)
    }


@pytest.mark.parametrize("run", EXAMPLES, ids=[run.name for run in EXAMPLES])
def test_the_winners_of_the_examples_are_faster_in_every_process_that_is_ranked(run: RunFolder) -> None:
    records = run.read(warn=pytest.fail)
    judged = arrange(records)
    for found in tables.report(records).answers:
        ranked = [item for item in records if _is_in(found, item) and not judged.doubts.keys() & set(cells(item.case))]
        for question, workload, winner, words in leads(found):
            times = call_times(ranked, workload, *CELLS[question])
            steady = {name: found for name, found in times.items() if max(found) / min(found) <= judged.spread_limit}
            if len(steady.get(winner, ())) > 1:
                assert winners(steady) == {winner}, (found.title, question, workload)
                others = {name: np.median(found) for name, found in steady.items() if name != winner}
                assert others[words.split()[-1]] == min(others.values())


CELLS = {TRAIN: ("training", 32), LATENCY: ("inference", 1), THROUGHPUT: ("inference", 256)}


def leads(found: Answers) -> list[tuple[str, str, str, str]]:
    """Question, workload, winner and words of each sentence that names the fastest of one workload."""
    return [
        (line.question, workload, clause.who, words)
        for line in found.lines
        for clause in line.clauses
        for workload, words in clause.places
        if "as fast as" in words and line.question in CELLS
    ]


def _is_in(found: Answers, item: Record) -> bool:
    """Whether a record is proven and of the device, mode and precision of these answers."""
    device, mode, precision = (word.removeprefix("mode ") for word in found.title.split(", ")[:3])
    case, proof = item.case, item.certificate
    return (case.device, case.mode, case.precision) == (device, mode, precision) and bool(proof and proof.passed)


def test_a_winner_is_named_with_its_lead() -> None:
    found = answered(quick_run())
    # Flax takes 0.6 ms and PyTorch 0.9 ms for a step.
    assert found[TRAIN].startswith("flax: all 3 workloads (1.")
    assert found[TRAIN].endswith("as fast as the next).")


def test_other_names_on_the_same_timings_make_another_winner() -> None:
    swapped = {"pytorch": "flax", "flax": "pytorch"}
    records = [
        replace(item, case=replace(item.case, framework=swapped.get(item.case.framework, item.case.framework)))
        for item in quick_run()
    ]
    assert answered(records)[TRAIN].startswith("pytorch: all 3 workloads")


def test_there_is_no_winner_where_processes_overlap() -> None:
    records = [
        record(framework=name, replicate=number, slowdown=slowdown)
        for name, (number, slowdown) in product(("pytorch", "flax"), enumerate((0.8, 1.0, 1.4)))
    ]
    assert answered(records)[TRAIN] == "no winner: digits-dnn (pytorch and flax lead: their ranges overlap)."


def test_with_single_processes_the_spread_is_said_to_be_unknown() -> None:
    found = answered([record(framework="pytorch"), record(framework="flax")])[TRAIN]
    assert found.endswith("as fast as pytorch; 1 process each, so the spread is unknown).")


def test_an_unproven_framework_is_not_compared() -> None:
    records = [record(framework="pytorch"), record(framework="flax", certificate="failed")]
    found = answered(records)
    assert found[TRAIN] == "no comparison: digits-dnn (only pytorch can be ranked)."
    assert found["Proven equal?"] == (
        "no: digits-dnn (flax: proof failed). yes: 1 of 2 pairs of workload and framework."
    )


def test_a_proof_that_is_not_expected_is_no_missing_one() -> None:
    proven = record(framework="flax")
    assert proven.certificate is not None
    known = replace(proven.certificate, problem="several devices do other work", alone=True)
    found = answered([record(framework="pytorch"), replace(proven, certificate=known)])
    assert found["Proven equal?"] == (
        "yes: 1 of 2 pairs of workload and framework. none is expected: digits-dnn (flax: no proof)."
    )
    without = answered([record(framework="pytorch"), replace(proven, certificate=None)])
    assert without["Proven equal?"].startswith("no: digits-dnn (flax: no proof)")


def memory(framework: str, *, before: int, added: int) -> Record:
    item = Memory(
        batch_size=32,
        host_peak_bytes=added,
        host_baseline_bytes=before,
        device_peak_bytes=None,
        nvml_used_bytes=None,
    )
    return record(framework=framework, purpose="memory", measurement=Measurement(memory=(item,)))


def test_least_memory_names_the_process_and_what_the_network_adds() -> None:
    records = [
        memory("pytorch", before=400_000_000, added=20_000_000),
        memory("flax", before=200_000_000, added=100_000_000),
    ]
    found = answered(records)
    assert found[WHOLE] == "flax: digits-dnn (pytorch needs 1.40×)."
    assert found[ADDED] == "pytorch: digits-dnn (flax needs 5.00×)."


def test_memory_that_two_runs_of_the_same_code_would_not_tell_apart_has_no_winner() -> None:
    records = [
        memory("pytorch", before=400_000_000, added=20_000_000),
        memory("flax", before=390_000_000, added=25_000_000),
    ]
    found = answered(records)
    tie = "no winner: digits-dnn (pytorch and flax lead: within 15 % or 16 MB)."
    assert (found[WHOLE], found[ADDED]) == (tie, tie)


def test_quality_is_the_same_or_not() -> None:
    alike = [record(framework=name, purpose="learning") for name in ("pytorch", "flax")]
    assert answered(alike)["Same quality?"].startswith("yes: digits-dnn (accuracy is the same to the last digit")
    learnt = alike[0].measurement.learning
    assert learnt is not None
    worse = replace(learnt, quality={**learnt.quality, "accuracy": 0.5})
    unlike = [alike[1], replace(alike[0], measurement=Measurement(learning=worse))]
    assert answered(unlike)["Same quality?"].startswith("undecided: digits-dnn (accuracy differs by at most 0.")


def test_each_device_has_answers_and_the_usual_mode_and_precision_come_first() -> None:
    usual = record()
    other = replace(usual, case=replace(usual.case, precision="bf16", mode="tuned"))
    found = tables.report([other, usual, record(device="cuda")]).answers
    assert [(item.title, item.is_first) for item in found] == [
        ("cpu, mode idiomatic, fp32", True),
        ("cpu, mode tuned, bf16", False),
        ("cuda, mode idiomatic, fp32", True),
    ]


def test_two_runs_have_answers_of_their_own() -> None:
    found = tables.report([record(run="a"), record(run="b")]).answers
    assert [item.title for item in found] == ["cpu, mode idiomatic, fp32 (run a)", "cpu, mode idiomatic, fp32 (run b)"]


def test_without_a_figure_a_question_is_not_asked() -> None:
    assert list(answered([record(purpose="learning")])) == ["Proven equal?"]
