"""The table of model selection: every choice with mean and spread, the best in bold, failures by outcome."""

from dataclasses import replace

from bench.records.measurement import Measurement
from bench.records.record import Record
from bench.report.model_selection import selection_tables
from bench.report.results import arrange
from bench.report.tables import report
from tests.bench.sample_records import learning, record


def learnt(workload: str, accuracy: float, framework: str = "pytorch", **more: object) -> Record:
    found = replace(learning(), quality={"accuracy": accuracy, "loss": 1 - accuracy}, evaluated_on="test")
    fields = {"measurement": Measurement(learning=found), "purpose": "learning", **more}
    return record(workload, framework, **fields)  # type: ignore[arg-type]


RECORDS = [
    learnt("wine@optimizer=sgd,fold=0", 0.90),
    learnt("wine@optimizer=sgd,fold=1", 0.92),
    learnt("wine@optimizer=adam,fold=0", 0.85),
    learnt("wine@optimizer=adam,fold=1", 0.87),
    learnt("wine@optimizer=adam,fold=0", 0.95, "flax"),
]


def test_each_choice_has_its_mean_and_the_best_is_marked() -> None:
    (table,) = selection_tables(arrange(RECORDS))
    assert table.title == "Model selection: wine"
    assert [[entry.text for entry in row] for row in table.rows] == [
        ["pytorch", "optimizer sgd", "0.9100 ± 0.0141", "0.0900 ± 0.0141", "2", ""],
        ["pytorch", "optimizer adam", "0.8600 ± 0.0141", "0.1400 ± 0.0141", "2", ""],
        ["flax", "optimizer adam", "0.9500", "0.0500", "1", ""],
    ]
    assert [[entry.best for entry in row[2:4]] for row in table.rows] == [[True, True], [False, False], [False, False]]


def test_the_held_out_folds_decide_the_choice() -> None:
    (table,) = selection_tables(arrange(RECORDS))
    assert "on the held-out folds" in table.notes[0]
    (table,) = selection_tables(arrange([learnt("wine@epochs=1", 0.9), learnt("wine@epochs=2", 0.8)]))
    assert "Only the test set was held out" in table.notes[1]


def test_validation_data_are_chosen_by_where_there_are_some() -> None:
    """The first choice is better on the test set, the second on the validation data after the kept epoch."""
    records = []
    for name, test, validation in (("epochs=1", 0.9, 0.5), ("epochs=2", 0.6, 0.7)):
        kept = replace(learning().epochs[0], evaluation_quality=validation, evaluation_loss=1 - validation)
        found = replace(learning(), epochs=(kept, *learning().epochs[1:]), restored_epoch=1, quality={"accuracy": test})
        records.append(learnt(f"wine@{name}", 0, measurement=Measurement(learning=found)))
    (table,) = selection_tables(arrange(records))
    assert [[entry.text for entry in row[2:4]] for row in table.rows] == [["0.5000", "0.5000"], ["0.7000", "0.3000"]]
    assert [row[2].best for row in table.rows] == [False, True]
    assert "on validation data" in table.notes[0]


def test_a_failed_choice_shows_its_outcome() -> None:
    failed = learnt("wine@optimizer=sgd,fold=0", 0.0, outcome="diverged", measurement=Measurement())
    (table,) = selection_tables(arrange([failed, RECORDS[2]]))
    assert [[entry.text for entry in row] for row in table.rows] == [
        ["pytorch", "optimizer sgd", "n/a", "n/a", "0", "diverged"],
        ["pytorch", "optimizer adam", "0.8500", "0.1500", "1", ""],
    ]


def test_variants_share_one_table_and_other_workloads_keep_their_section() -> None:
    found = report([*RECORDS, learnt("digits-dnn", 0.97)])
    titles = [section.title for section in found.sections]
    assert "Model selection" in titles
    assert "digits-dnn" in titles
    assert not any("@" in title for title in titles)
    assert "Model selection" not in [section.title for section in report([learnt("digits-dnn", 0.97)]).sections]
