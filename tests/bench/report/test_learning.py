"""The tables about learning, from records with known results."""

from dataclasses import replace

import pytest

from bench.records.evaluation import ClassQuality, Error, Evaluation, Threshold
from bench.records.measurement import Learning, Measurement
from bench.records.record import Record
from bench.report.layout import Table
from bench.report.tables import report
from bench.workload.recipe import Band
from tests.bench.sample_records import learning, record

BAND = Band(metric="accuracy", lowest=0.96, highest=0.98, source="plain PyTorch")
THRESHOLD = Threshold(
    value=0.31, chosen_on="validation", accuracy=0.9, precision=0.8, recall=0.7, f1=0.75, curve=((0.1, 0.5, 1.0),)
)


def learnt(framework: str, found: Learning) -> Record:
    return record(framework=framework, purpose="learning", seed=found.seed, measurement=Measurement(learning=found))


def table(records: list[Record], title: str) -> Table | None:
    tables = [item for section in report(records).sections for item in section.tables]
    return next((item for item in tables if item.title == title), None)


def cells(found: Table | None) -> list[list[str]]:
    assert found is not None
    return [[entry.text for entry in row] for row in found.rows]


@pytest.mark.parametrize(("accuracy", "place"), [(0.97, "yes"), (0.985, "no, better"), (0.95, "NO, WORSE")])
def test_a_band_says_where_the_mean_over_seeds_is(accuracy: float, place: str) -> None:
    seeds = [replace(learning(seed=seed, accuracy=accuracy), band=BAND) for seed in range(3)]
    found = table([learnt("pytorch", item) for item in seeds], "Expected quality")
    assert cells(found) == [
        ["digits-dnn", "pytorch", "accuracy", f"{accuracy - 0.002:.4f}", "0.9600 to 0.9800", place, "3"]
    ]
    assert found is not None
    assert found.notes == ("digits-dnn, source of the expected range: plain PyTorch.",)


def test_without_a_band_there_is_no_such_table() -> None:
    assert table([learnt("pytorch", learning())], "Expected quality") is None


def test_how_training_went_names_the_rule() -> None:
    stopped = replace(learning(), stopped_early=True, restored_epoch=7)
    found = table([learnt("pytorch", learning()), learnt("flax", stopped)], "Last losses and diagnosis")
    assert [row[-3:] for row in cells(found)] == [
        ["12", "last", "still improving"],
        ["12 (stopped early)", "7", "still improving"],
    ]
    assert found is not None
    assert any(note.startswith("still improving: both losses still fell") for note in found.notes)


def test_frameworks_are_compared_by_a_test_over_seeds() -> None:
    same = [learnt(name, learning(seed=seed)) for name in ("pytorch", "flax") for seed in range(3)]
    other = [
        learnt(name, learning(seed=seed, accuracy=accuracy))
        for name, accuracy in (("pytorch", 0.97), ("flax", 0.9))
        for seed in range(3)
    ]
    assert cells(table(same, "Do the frameworks learn the same?"))[0][-1] == "no significant difference"
    assert cells(table(other, "Do the frameworks learn the same?"))[0][-1] == "DIFFERENT"
    assert table(same[:1], "Do the frameworks learn the same?") is None


def test_two_classes_have_a_threshold_and_a_confusion_matrix() -> None:
    judged = replace(learning(), judgement=Evaluation(confusion=((38, 1), (0, 75)), threshold=THRESHOLD))
    records = [learnt("pytorch", judged)]
    assert cells(table(records, "Threshold")) == [["pytorch", "0.3100", "0.9000", "0.8000", "0.7000", "0.7500"]]
    assert cells(table(records, "Confusion matrix on the test set")) == [
        ["pytorch", "0", "38", "1"],
        ["pytorch", "1", "0", "75"],
    ]


def test_frameworks_with_the_same_matrix_share_rows_and_classes_have_their_names() -> None:
    same = replace(learning(), judgement=Evaluation(confusion=((38, 1), (0, 75))), labels=("bad", "good"))
    other = replace(same, judgement=Evaluation(confusion=((39, 0), (0, 75))))
    records = [learnt("pytorch", same), learnt("flax", other), learnt("keras/jax", same)]
    found = table(records, "Confusion matrix on the test set")
    assert found is not None
    assert [column.title for column in found.columns][1:4] == ["true class", "as bad", "as good"]
    assert [row[:2] for row in cells(found)] == [
        ["pytorch, keras/jax", "bad"],
        ["pytorch, keras/jax", "good"],
        ["flax", "bad"],
        ["flax", "good"],
    ]


def test_a_classification_report_has_a_line_for_each_class() -> None:
    good = ClassQuality(precision=0.9868, recall=1.0, f1=0.9934, samples=75)
    judgement = Evaluation(confusion=((38, 1), (0, 75)), by_class=(replace(good, samples=39), good))
    found = table([learnt("flax", replace(learning(), judgement=judgement))], "Classification report on the test set")
    assert cells(found)[1] == ["flax", "1", "0.9868", "1.0000", "0.9934", "75"]
    assert len(cells(found)) == 2


def test_a_matrix_with_too_many_classes_is_left_out() -> None:
    wide = replace(learning(), judgement=Evaluation(confusion=((1,) * 21,) * 21))
    assert table([learnt("pytorch", wide)], "Confusion matrix on the test set") is None


def test_regression_shows_its_worst_errors_and_the_forecast_to_beat() -> None:
    judgement = Evaluation(
        worst=tuple(Error(sample=number, truth=1.0, predicted=2.5, size=1.5) for number in range(9)),
        naive={"mae": 4.0},
    )
    found = replace(learning(), quality={"mae": 3.0}, target_metric="mae", judgement=judgement)
    records = [learnt("pytorch", found)]
    assert cells(table(records, "Largest errors"))[0] == ["pytorch", "0", "1", "2.5", "1.50"]
    assert len(cells(table(records, "Largest errors"))) == 5
    assert cells(table(records, "Compared with the naive forecast")) == [["pytorch", "mae", "3", "4", "0.7500"]]


def test_a_naive_forecast_is_left_out_for_a_metric_that_the_network_does_not_have() -> None:
    found = replace(learning(), quality={"mae": 3.0}, judgement=Evaluation(naive={"rmse": 1.0, "mae": 4.0}))
    assert cells(table([learnt("flax", found)], "Compared with the naive forecast")) == [
        ["flax", "mae", "3", "4", "0.7500"]
    ]


def test_older_records_have_none_of_these_tables() -> None:
    titles = {item.title for section in report([learnt("pytorch", learning())]).sections for item in section.tables}
    assert "Quality on the test set" in titles
    assert not titles & {
        "Threshold",
        "Largest errors",
        "Confusion matrix on the test set",
        "Compared with the naive forecast",
    }
