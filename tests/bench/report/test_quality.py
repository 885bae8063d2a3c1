"""Quality is shown with its spread over seeds, the curve in brief, and certificates with their largest deviation."""

from dataclasses import replace

import pytest

from bench.records.measurement import Measurement
from bench.records.record import Certificate, Deviation
from bench.report.quality import BITS, LOADED
from bench.report.tables import report
from tests.bench.report.report_reader import column, is_noted, table_of
from tests.bench.sample_records import learning, record, timed


def test_seeds_give_mean_and_spread_and_a_missed_target_is_shown() -> None:
    records = [record(purpose="learning", seed=seed) for seed in range(3)]
    table = table_of(report(records), "digits-dnn", "Quality on the test set")
    assert column(table, "accuracy") == ["0.9680 ± 0.0020"]
    assert column(table, "time to target") == ["900 ms"]
    missed = [replace(records[0], measurement=Measurement(learning=learning(reached=False))), *records[1:]]
    table = table_of(report(missed), "digits-dnn", "Quality on the test set")
    assert column(table, "time to target") == ["not reached (1 of 3)"]


def test_nan_has_no_spread() -> None:
    """R² of a single sample is NaN, with every seed."""
    quality = {"accuracy": 0.9, "r2": float("nan")}
    measurement = Measurement(learning=replace(learning(), quality=quality))
    records = [record(purpose="learning", seed=seed, measurement=measurement) for seed in range(3)]
    table = table_of(report(records), "digits-dnn", "Quality on the test set")
    assert column(table, "r2") == ["n/a"]
    assert column(table, "accuracy") == ["0.9000 ± 0.0000"]


def test_a_long_learning_curve_shows_the_first_the_last_and_some_epochs() -> None:
    records = [record(purpose="learning", measurement=Measurement(learning=learning(epochs=100)))]
    curve = table_of(report(records), "digits-dnn", "Learning curve")
    epochs = column(curve, "epoch")
    assert (len(epochs), epochs[0], epochs[-1]) == (10, "1", "100")
    assert is_noted(curve, "Shown: 10 of 100 epochs")
    short = [record(purpose="learning", measurement=Measurement(learning=learning(epochs=10)))]
    assert not is_noted(table_of(report(short), "digits-dnn", "Learning curve"), "Shown:")


def test_the_certificate_shows_the_largest_deviation_and_why_there_is_none() -> None:
    found = report([record(certificate="failed"), record(framework="flax", replicate=1)])
    table = table_of(found, "digits-dnn", "Certificate: largest relative deviations")
    assert column(table, "float64 forward") == ["4.2e-03 not ≤ 1e-12", "3.1e-16 ≤ 1e-12"]
    problem = Certificate(contender="pytorch", deviations=(), steps=0, problem="the traces were cut short")
    table = table_of(report([record(certificate=problem)]), "digits-dnn", "Certificate: largest relative deviations")
    assert table.notes == ("pytorch: the traces were cut short",)


def test_notes_explain_the_checks_that_are_there_and_name_all_their_frameworks() -> None:
    bits = Deviation(check="fp32 mantissa bits", against="probe", found=16, allowed=0.5)
    proofs = [
        Certificate(contender=name, deviations=(bits,), steps=100, notes=("no dropout",))
        for name in ("flax", "keras/jax")
    ]
    found = report([record(framework=item.contender, certificate=item) for item in proofs])
    table = table_of(found, "digits-dnn", "Certificate: largest relative deviations")
    assert column(table, "fp32 mantissa bits") == ["16 bits off"] * 2
    assert table.notes[-2:] == (BITS, "flax, keras/jax: no dropout")
    others = table_of(report([record()]), "digits-dnn", "Certificate: largest relative deviations")
    assert BITS not in others.notes


def test_a_failed_check_names_the_weights_that_deviate_most() -> None:
    wrong = Deviation(check="load and export", against="given weights", found=1, allowed=1e-15, tensor="head.bias")
    proof = Certificate(contender="pytorch", deviations=(wrong,), steps=100)
    table = table_of(report([record(certificate=proof)]), "digits-dnn", "Certificate: largest relative deviations")
    assert column(table, "load and export") == ["1 not ≤ 1e-15, most in head.bias"]
    assert LOADED in table.notes
    old = table_of(report([record()]), "digits-dnn", "Certificate: largest relative deviations")
    assert LOADED not in old.notes, "certificates of old records have no such check"


@pytest.mark.parametrize(("available", "said"), [(False, "unavailable"), (True, "proof failed")])
def test_an_unavailable_framework_has_not_failed_its_certificate(available: bool, said: str) -> None:  # noqa: FBT001
    certificate = Certificate(contender="flax", deviations=(), steps=100, problem="no such layer", available=available)
    cannot = [replace(item, outcome="unavailable", certificate=certificate) for item in timed("flax", 1e-3)]
    found = report([*timed("pytorch", 2e-3), *cannot])
    for section, title in (("Summary", "Summary"), ("digits-dnn", "Certificate: largest relative deviations")):
        assert column(table_of(found, section, title), "certificate") == ["proven equal", said]
