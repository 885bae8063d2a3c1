"""The table of several devices: samples/s, efficiencies and the share of the exchange."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.analysis.data_parallel import weights_check
from bench.records.measurement import Measurement, Parallel
from bench.records.record import Certificate, Deviation, Record
from bench.report.charts import files, scaling
from bench.report.page.data import page_data
from bench.report.results import arrange
from bench.report.scaling import REMEDY, TITLE, UNPAIRED, UNPROVEN, UNSEEN_NOTE, VIRTUAL_NOTE
from bench.report.tables import report
from bench.workload import places
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import block, record

EXCHANGED = Parallel(method="x", together_ns=(100, 100), apart_ns=(75, 75), allocated_bytes=(2_000_000, 3_000_000))


def timed(framework: str, device: str, *, batch_size: int, call_time_s: float) -> list[Record]:
    made = replace(block(call_time_s=call_time_s), batch_size=batch_size)
    if places.read(device).devices > 1:
        made = replace(made, parallel=EXCHANGED)
    return [
        record(
            framework=framework,
            device=device,
            replicate=number,
            batch_sizes=(batch_size,),
            measurement=Measurement(blocks=(made,)),
        )
        for number in range(2)
    ]


def test_several_devices_stand_beside_one() -> None:
    records = [
        *timed("pytorch", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("pytorch", "2xcpu", batch_size=32, call_time_s=1.25e-3),
        *timed("pytorch", "2xcpu", batch_size=64, call_time_s=2.5e-3),
    ]
    table = table_of(report(records), "Summary", TITLE)
    assert column(table, "batch") == ["32", "64"]
    assert column(table, "strong efficiency")[1] == "n/a"
    strong, weak = table.rows[0][6].value, table.rows[1][7].value
    assert strong == pytest.approx(0.8, rel=0.05)
    assert weak == pytest.approx(0.8, rel=0.05)
    assert column(table, "exchange") == ["25%", "25%"]
    assert column(table, "memory of each device") == ["2.00 MB, 3.00 MB", "2.00 MB, 3.00 MB"]
    assert VIRTUAL_NOTE not in table.notes


@pytest.mark.parametrize(
    ("both_s", "who", "words"),
    [
        (1.25e-3, "yes", "pytorch: 1.60× at batch 32"),
        (4e-3, "no", "pytorch: 0.50× at batch 32"),
    ],
)
def test_the_answers_say_whether_a_second_device_pays(both_s: float, who: str, words: str) -> None:
    records = [
        *timed("pytorch", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("pytorch", "2xcpu", batch_size=32, call_time_s=both_s),
    ]
    made = {group.title.partition(",")[0]: group.lines for group in report(records).answers}
    (line,) = [line for line in made["2xcpu"] if line.question == "Do 2 devices train faster than one?"]
    (clause,) = line.clauses
    assert clause.who == who
    assert words in clause.words
    assert not [line for line in made["cpu"] if "devices" in line.question]


def test_an_exchange_that_noise_hides_has_no_figure() -> None:
    records = timed("pytorch", "2xcpu", batch_size=32, call_time_s=1e-3)
    hidden = Parallel(method="x", together_ns=(100, 100), apart_ns=(110, 110))
    blocks = [replace(item.measurement.blocks[0], parallel=hidden) for item in records]
    made = [
        replace(item, measurement=Measurement(blocks=(block,))) for item, block in zip(records, blocks, strict=True)
    ]
    table = table_of(report(made), "Summary", TITLE)
    assert column(table, "exchange") == ["not seen"]
    assert UNSEEN_NOTE in table.notes
    assert UNSEEN_NOTE not in table_of(report(records), "Summary", TITLE).notes


def test_virtual_devices_have_a_proof_and_no_rate() -> None:
    records = [
        *timed("flax", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("flax", "2xcpu", batch_size=32, call_time_s=1e-3),
    ]
    made = report(records)
    table = table_of(made, "Summary", TITLE)
    assert column(table, "samples/s") == ["virtual"]
    assert column(table, "strong efficiency") == ["n/a"]
    assert VIRTUAL_NOTE in table.notes
    summary = table_of(made, "Summary", "Summary")
    assert column(summary, "training samples/s")[1] == "virtual"
    training = table_of(made, "digits-dnn", "Training")
    assert [text for text in column(training, "samples/s") if "virtual" in text] == ["virtual"]


def test_a_place_that_could_not_be_used_says_so() -> None:
    records = [
        *timed("pytorch", "2xcpu", batch_size=32, call_time_s=1e-3),
        record(framework="keras/torch", device="2xcpu", outcome="unavailable", error="there is no way"),
    ]
    table = table_of(report(records), "Summary", TITLE)
    assert column(table, "proof")[-1] == "unavailable"
    assert column(table, "strong efficiency")[0] == "n/a", "one device was not timed"


@pytest.mark.parametrize("failing", ["2xcpu", "cpu"])
def test_figures_whose_proof_failed_are_marked(failing: str) -> None:
    pair = [
        *timed("pytorch", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("pytorch", "2xcpu", batch_size=32, call_time_s=1.25e-3),
    ]
    wrong = Deviation(check=weights_check(2), against="one device", found=0.1, allowed=1e-9)
    failed = Certificate(contender="pytorch", deviations=(wrong,), steps=100)
    records = [replace(item, certificate=failed) if item.case.device == failing else item for item in pair]
    table = table_of(report(records), "Summary", TITLE)
    assert column(table, "strong efficiency")[0].endswith("†")
    assert column(table, "samples/s")[0].endswith("†") == (failing == "2xcpu")
    assert UNPROVEN in table.notes
    assert {row["doubt"] for row in scaling.rows(arrange(records)) if row["devices"] == 2} == {"proof failed"}
    proven = table_of(report(pair), "Summary", TITLE)
    assert "†" not in "".join(column(proven, "strong efficiency") + column(proven, "samples/s"))
    assert UNPROVEN not in proven.notes


@pytest.mark.parametrize(
    ("single", "several", "is_known"),
    [
        ("cuda", "2xcuda", True),
        ("cuda", "cuda:0+3", True),
        ("cuda:0", "2xcuda", True),
        ("cuda:1", "cuda:1+2", True),
        ("cuda", "cuda:1+2", False),
        ("cuda:2", "cuda:1+2", False),
    ],
)
def test_several_gpus_are_compared_with_the_first_of_them_alone(single: str, several: str, *, is_known: bool) -> None:
    records = [
        *timed("flax", single, batch_size=32, call_time_s=2e-3),
        *timed("flax", several, batch_size=32, call_time_s=1e-3),
    ]
    table = table_of(report(records), "Summary", TITLE)
    assert (column(table, "strong efficiency") != ["n/a"]) == is_known


def test_where_an_efficiency_is_missing_the_table_says_why() -> None:
    alone = timed("pytorch", "2xcpu", batch_size=32, call_time_s=1e-3)
    assert f"{UNPAIRED} {REMEDY}" in table_of(report(alone), "Summary", TITLE).notes
    beside = [*alone, *timed("pytorch", "cpu", batch_size=32, call_time_s=2e-3)]
    assert UNPAIRED in table_of(report(beside), "Summary", TITLE).notes, "the weak efficiency needs half of the batch"


def test_without_several_devices_there_is_no_such_table() -> None:
    made = report(timed("pytorch", "cpu", batch_size=32, call_time_s=1e-3))
    assert TITLE not in {table.title for section in made.sections for table in section.tables}


def test_the_chart_begins_with_one_device_at_full_efficiency(tmp_path: Path) -> None:
    records = [
        *timed("pytorch", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("pytorch", "2xcpu", batch_size=32, call_time_s=1.25e-3),
        *timed("pytorch", "2xcpu", batch_size=64, call_time_s=2.5e-3),
        *timed("flax", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("flax", "2xcpu", batch_size=32, call_time_s=1e-3),
    ]
    rows = scaling.rows(arrange(records))
    assert {row["framework"] for row in rows} == {"pytorch"}, "the others are virtual"
    found = {(row["scaling"], row["devices"]): row["value"] for row in rows}
    assert found["strong", 1] == found["weak", 1] == 1
    assert found["strong", 2] == found["weak", 2] == pytest.approx(0.8, rel=0.05)
    captions = [caption for caption in files.draw(records, tmp_path) if caption.startswith("Efficiency")]
    assert captions == ["Efficiency of several devices on cpu"], "one for all places"
    assert not [name for name in files.draw(records[:2], tmp_path) if name.startswith("Efficiency")]


def test_the_page_has_the_answer_of_the_report() -> None:
    records = [
        *timed("pytorch", "cpu", batch_size=32, call_time_s=2e-3),
        *timed("pytorch", "2xcpu", batch_size=32, call_time_s=1.25e-3),
    ]
    made = report(records)
    (found,) = page_data(made, records)["several"]
    (group,) = [group for group in made.answers if group.title.startswith("2xcpu")]
    assert (found["device"], found["question"]) == ("2xcpu", group.lines[0].question)
    assert [(clause["who"], clause["places"]) for clause in found["clauses"]] == [
        (clause.who, clause.places) for clause in group.lines[0].clauses
    ]
    alone = records[:2]
    assert page_data(report(alone), alone)["several"] == []
