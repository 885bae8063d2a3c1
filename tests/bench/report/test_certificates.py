"""Certificates by themselves: the largest deviation of each check, and all of it as JSON."""

import json
from dataclasses import replace

import pytest

from bench.analysis.second_network import LOADED_CHECK
from bench.records.record import Certificate, Deviation
from bench.report import certificates
from bench.report.certificates import RANDOM, SHARED, as_json, hold, legend, meaning, table

FORWARD = Deviation(check="forward", against="reference", found=3e-16, allowed=1e-12)
WEIGHTS = (
    Deviation(check="weights", against="flax", found=2e-14, allowed=1e-9),
    Deviation(check="weights", against="keras/tensorflow", found=5e-13, allowed=1e-9),
)
PASSED = Certificate(contender="pytorch", deviations=(FORWARD, *WEIGHTS), steps=100, notes=("without dropout",))
FAILED = Certificate(contender="flax", deviations=(replace(FORWARD, found=2e-3),), steps=100)
NONE = Certificate(contender="keras/jax", deviations=(), steps=100, problem="it broke")
FOUND = {("tiny", "pytorch"): PASSED, ("tiny", "flax"): FAILED, ("tiny", "keras/jax"): NONE}


def test_each_line_has_the_largest_deviation_of_each_check() -> None:
    made = table(FOUND)
    assert [[entry.text for entry in row] for row in made.rows] == [
        ["tiny", "pytorch", "proven equal", "3.0e-16", "5.0e-13"],
        ["tiny", "flax", "proof failed", "2.0e-03 > 1e-12", "none"],
        ["tiny", "keras/jax", "proof failed", "none", "none"],
    ]
    assert {len(row) for row in made.rows} == {len(made.columns)}


def test_notes_and_problems_stand_below() -> None:
    assert table(FOUND).notes == (meaning(FOUND.values()), "without dropout", "tiny keras/jax: it broke")


def test_a_problem_that_the_files_of_several_frameworks_share_is_told_once() -> None:
    def of(name: str, problem: str) -> Certificate:
        return replace(NONE, contender=name, problem=problem)

    same = {
        ("net", name): of(name, f"net/{name}.py, line {number}: ValueError: no such weight")
        for number, name in enumerate(("pytorch", "flax"))
    }
    assert table(same).notes == (f"net pytorch, flax: ValueError: no such weight. {SHARED}",)
    other = {**same, ("net", "keras/jax"): of("keras/jax", "net/keras.py, line 7: TypeError: 1")}
    assert table(other).notes[1:] == ("net keras/jax: net/keras.py, line 7: TypeError: 1",)
    without = {("tiny", name): of(name, "it broke") for name in ("pytorch", "flax")}
    assert table(without).notes == ("tiny pytorch: it broke", "tiny flax: it broke"), "no file of a user"


def test_the_frameworks_that_weights_were_compared_with_are_told() -> None:
    assert "agree with those of the other frameworks within" in meaning(FOUND.values())
    alone = {("tiny", "pytorch"): replace(PASSED, deviations=(FORWARD, WEIGHTS[0]))}
    assert "agree with those of flax within" in meaning(alone.values()), "which the proof has added"
    assert "no other framework" not in meaning(alone.values())
    without = {("tiny", "pytorch"): replace(PASSED, deviations=(FORWARD,))}
    assert "There was no other framework to compare with" in meaning(without.values())
    assert "agree with those of" not in meaning(without.values())
    unproven = replace(NONE, contender="pytorch", problem="found no second framework to compare it with")
    assert "There was no other framework to compare with" in meaning([unproven])
    assert "no other framework" not in meaning([NONE]), "which broke"


def test_a_framework_that_was_not_asked_for_and_deviates_is_named() -> None:
    off = replace(PASSED, deviations=(FORWARD, replace(WEIGHTS[0], found=0.2), WEIGHTS[1]))
    said = "tiny: compared with flax too: a proof needs two of pytorch, flax, keras/tensorflow"
    assert said in table({("tiny", "pytorch"): off}).notes
    assert said not in table({("tiny", "pytorch"): off, ("tiny", "flax"): FAILED}).notes, "which was asked for"
    assert said not in table({("tiny", "pytorch"): PASSED}).notes, "which agrees"


def test_figures_without_a_proof_say_which_command_looks_for_the_reason() -> None:
    assert legend([PASSED]) == meaning([PASSED])
    assert legend([PASSED, FAILED]) == f"{meaning([PASSED, FAILED])} {certificates.FAILED}"
    assert legend([FAILED]) == certificates.FAILED, "nothing is proven equal"
    assert legend([NONE]) == meaning([NONE]), "no outputs were compared, so there is nothing to look into"
    assert legend([]) == ""


def test_random_weights_are_named_only_if_every_proof_has_them() -> None:
    loaded = Deviation(check=LOADED_CHECK, against="given weights", found=0.0, allowed=1e-15)
    now = {key: replace(item, deviations=(*item.deviations, loaded)) for key, item in FOUND.items()}
    now["tiny", "keras/jax"] = NONE
    assert table(now).notes[0].endswith(RANDOM.format(what="the reference"))
    assert RANDOM.format(what="the reference") not in table({**now, ("tiny", "flax"): FAILED}).notes[0], (
        "from before this check"
    )


def test_without_a_reference_outputs_are_those_of_the_other_frameworks() -> None:
    peers = replace(FORWARD, against="flax")
    found = {("tiny", "pytorch"): Certificate(contender="pytorch", deviations=(peers,), steps=100)}
    assert meaning(found.values()).startswith("Proven equal: in float64, outputs agree with those of the other")
    assert "a NumPy reference" in meaning(FOUND.values())


def test_a_network_with_a_single_implementation_has_no_proof() -> None:
    alone = Certificate(contender="pytorch", deviations=(), steps=100, problem="only pytorch.py", alone=True)
    assert table({("tiny", "pytorch"): alone}).rows[0][2].text == "no proof"
    assert not hold({("tiny", "pytorch"): alone}), "a command that is asked for proofs does not pass without one"


def test_a_proof_on_several_devices_that_is_not_expected_does_not_fail() -> None:
    known = replace(PASSED, problem="no proof is expected, because it is known", alone=True)
    made = table({("tiny", "pytorch"): known})
    assert made.rows[0][2].text == "no proof"
    assert "tiny pytorch: no proof is expected, because it is known" in made.notes
    assert hold({("tiny", "pytorch"): known}), "on one device it is proven equal"
    assert certificates.FAILED not in legend([known])
    assert not hold({("tiny", "pytorch"): replace(FAILED, problem="it broke")})


def test_nan_counts_as_the_largest_deviation() -> None:
    broken = replace(PASSED, deviations=(WEIGHTS[0], replace(WEIGHTS[1], found=float("nan"))))
    (row,) = table({("tiny", "pytorch"): broken}).rows
    assert row[2].text == "proof failed"
    assert "nan" in row[3].text.lower()
    assert ">" in row[3].text


def test_mantissa_bits_are_shown_with_their_number_or_as_so_many_off() -> None:
    right = Deviation(check="tf32 mantissa bits", against="probe", found=0, allowed=0.5)
    for found, text in ((right, "10 of 10"), (replace(right, found=13), "13 bits off")):
        (row,) = table({("tiny", "pytorch"): replace(PASSED, deviations=(found,))}).rows
        assert row[3].text == text


def test_a_failed_check_names_the_weights_that_deviate_most() -> None:
    wrong = Deviation(check="load", against="given weights", found=0.31, allowed=1e-15, tensor="hidden0.bias")
    (row,) = table({("tiny", "pytorch"): replace(PASSED, deviations=(wrong,))}).rows
    assert row[3].text == "0.31 > 1e-15, most in hidden0.bias"
    found = as_json({("tiny", "pytorch"): replace(PASSED, deviations=(wrong, FORWARD))})
    assert [item["tensor"] for item in found["certificates"][0]["deviations"]] == ["hidden0.bias", None]


@pytest.mark.parametrize(
    ("found", "allowed", "text"), [(0.0, 1e-15, "0"), (7.5, 6.0, "7.5 > 6"), (0.98, 0.4, "0.98 > 0.4")]
)
def test_zero_and_large_deviations_are_plain_numbers(found: float, allowed: float, text: str) -> None:
    line = Deviation(check="check", against="flax", found=found, allowed=allowed)
    (row,) = table({("tiny", "pytorch"): replace(PASSED, deviations=(line,))}).rows
    assert row[3].text == text


def test_a_note_about_some_workloads_names_them() -> None:
    found = {("tiny", "pytorch"): PASSED, ("tiny", "flax"): FAILED, ("large", "pytorch"): PASSED}
    both = {**found, ("large", "flax"): replace(FAILED, notes=("saturated",))}
    assert table(both).notes == (meaning(both.values()), "without dropout", "large: saturated")


UNAVAILABLE = replace(NONE, problem="tanh is built in", available=False)


def test_an_unavailable_framework_is_no_failed_proof() -> None:
    found = {("tiny", "pytorch"): PASSED, ("tiny", "flax"): UNAVAILABLE}
    assert hold(found)
    assert as_json(found)["passed"] is True
    assert [row[2].text for row in table(found).rows] == ["proven equal", "unavailable"]
    assert table(found).notes[-1] == "tiny flax: tanh is built in"
    assert not hold({**found, ("tiny", "keras/jax"): NONE})


def test_json_says_whether_all_passed() -> None:
    assert as_json({("tiny", "pytorch"): PASSED})["passed"] is True
    assert as_json(FOUND)["passed"] is False


def test_json_has_all_contents_of_the_certificates() -> None:
    content = json.loads(json.dumps(as_json(FOUND)))
    assert [(item["workload"], item["framework"], item["passed"]) for item in content["certificates"]] == [
        ("tiny", "pytorch", True),
        ("tiny", "flax", False),
        ("tiny", "keras/jax", False),
    ]
    assert [item["found"] for item in content["certificates"][0]["deviations"]] == [3e-16, 2e-14, 5e-13]
    assert content["certificates"][2]["problem"] == "it broke"


def test_a_check_that_allows_no_deviation_is_shown() -> None:
    same = Deviation(check="bits", against="the first device", found=0, allowed=0)
    for lines, text in (((same,), "0"), ((same, replace(same, found=2)), "2 > 0")):
        (row,) = table({("tiny", "pytorch"): replace(PASSED, deviations=lines)}).rows
        assert row[3].text == text


def test_a_network_in_one_framework_has_no_proof_though_its_precision_was_probed() -> None:
    probe = Deviation(check="fp32 mantissa bits", against="probe", found=0.0, allowed=0.5)
    single = Certificate(contender="pytorch", deviations=(probe,), steps=100, problem="one file alone", alone=True)
    assert not hold({("tiny", "pytorch"): single})
