"""The interactive page has the answers and ratios of the tables, although it computes them in the browser."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import Record
from bench.records.store import RunFolder, runs
from bench.report import tables
from bench.report.charts import catalogue
from bench.report.layout import Answers
from bench.report.results import arrange
from tests.bench.report.page.conftest import Open, page_file
from tests.bench.sample_records import load, quick_run, use
from tests.docs.pages import ROOT

pytestmark = pytest.mark.browser
EXAMPLES = runs(ROOT / "results" / "examples")


def said(found: Answers) -> list[str]:
    """The answers of the tables as the lines of a page."""
    return [
        f"{line.question} "
        + " ".join(
            f"{clause.who}: {clause.text or ', '.join(f'{name} ({words})' for name, words in clause.places)}."
            for clause in line.clauses
        )
        for line in found.lines
    ]


def shown(page: Any, title: str) -> list[str]:  # noqa: ANN401 (a page of Playwright)
    """The answers of the box with this title on a page."""
    box = page.get_by_role("region", name=f"Answers: {title}", exact=True)
    questions, answers = (box.locator(name).all_inner_texts() for name in ("dt", "dd"))
    return [f"{question} {' '.join(answer.split())}" for question, answer in zip(questions, answers, strict=True)]


def check_answers(page: Any, records: Sequence[Record]) -> None:  # noqa: ANN401
    page.evaluate("levelfield.change({mode: levelfield.choices.mode, precision: levelfield.choices.precision})")
    found = tables.report(records).answers
    assert found
    for item in found:
        assert shown(page, item.title) == said(item)


@pytest.mark.parametrize("run", EXAMPLES, ids=[run.name for run in EXAMPLES])
def test_the_answers_of_the_examples_are_those_of_the_tables(run: RunFolder, open_page: Open, tmp_path: Path) -> None:
    records = run.read(warn=pytest.fail)
    check_answers(open_page(page_file(tmp_path, records)), records)


def noisy(seed: int) -> list[Record]:
    """A run whose processes differ, some of them disturbed, some without a proof, in two modes."""
    chance = random.Random(seed)  # noqa: S311 (a test draws, nobody guards a secret)
    made = []
    for item in quick_run(slowdown=1.0):
        case = replace(item.case, mode=chance.choice(["idiomatic", "tuned"]) if seed % 2 else "idiomatic")
        factor = chance.choice([0.9, 1.0, 1.1, chance.uniform(0.5, 2.0)])
        blocks = tuple(
            replace(
                block,
                synchronised_ns=tuple(int(time * factor) for time in block.synchronised_ns),
                pipelined_ns=tuple(int(time * factor) for time in block.pipelined_ns),
                use=use(load(others=0.9, own=1.1)) if chance.random() < 0.1 else block.use,
            )
            for block in item.measurement.blocks
        )
        proof = item.certificate if chance.random() > 0.02 or item.certificate is None else None
        measurement = replace(item.measurement, blocks=blocks)
        made.append(replace(item, case=case, measurement=measurement, certificate=proof))
    return made


@pytest.mark.parametrize("seed", range(8))
def test_the_answers_of_noisy_runs_are_those_of_the_tables(seed: int, open_page: Open, tmp_path: Path) -> None:
    records = noisy(seed)
    check_answers(open_page(page_file(tmp_path, records)), records)


def test_other_records_have_other_answers(open_page: Open, tmp_path: Path) -> None:
    page = open_page(page_file(tmp_path, quick_run()))
    other = [item for item in quick_run() if item.case.framework != "flax"]
    assert shown(page, "cpu, mode idiomatic, fp32") != said(tables.report(other).answers[0])
    page.evaluate("levelfield.change({framework: ['pytorch', 'keras/tensorflow']})")
    assert shown(page, "cpu, mode idiomatic, fp32") == said(tables.report(other).answers[0])


@pytest.mark.parametrize("run", EXAMPLES, ids=[run.name for run in EXAMPLES])
def test_the_ratios_of_the_overview_are_those_of_the_other_page(
    run: RunFolder, open_page: Open, tmp_path: Path
) -> None:
    records = run.read(warn=pytest.fail)
    page = open_page(page_file(tmp_path, records))
    page.evaluate("levelfield.change({mode: levelfield.choices.mode, precision: levelfield.choices.precision})")
    rows = page.evaluate("levelfield.rowsOf(levelfield.data.charts.find((chart) => chart.name === 'overview'))")
    timed = {"training time", "latency, smallest batch", "inference time, largest batch"}
    mine = {_key(row): row["ratio"] for row in rows if row["kind"] == "ratio" and row["question"] in timed}
    theirs = catalogue.source_rows(arrange(records), "overview")
    expected = {_key(row): row["ratio"] for row in theirs if row["kind"] == "ratio" and row["question"] in timed}
    assert mine == pytest.approx(expected, rel=1e-4)


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["question"], row["panel"], row["label"]
