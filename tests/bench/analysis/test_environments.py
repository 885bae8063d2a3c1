"""Two sides are compared in what their environments have: variables, limits, versions; unknown facts are left out."""

from dataclasses import replace

import pytest

from bench.analysis import environments
from bench.analysis.compare import compare
from bench.analysis.environments import EnvironmentDifference, differences, mixed
from bench.records.record import Record
from tests.bench.sample_records import ENVIRONMENT, quick_run, record

KNOWN = replace(ENVIRONMENT, variables={}, host_cores=2)


def measured(**changes: object) -> Record:
    """A record whose environment has these fields."""
    return record(environment=replace(KNOWN, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"variables": {"KMP_AFFINITY": "none"}}, ("KMP_AFFINITY", "not set", "none")),
        ({"versions": {**ENVIRONMENT.versions, "torch": "2.14.0"}}, ("version of torch", "2.13.0", "2.14.0")),
        ({"python": "CPython 3.13.0"}, ("Python", "3.12.3", "CPython 3.13.0")),
        ({"driver": "580.1"}, None),
        ({"system": "Linux 7.0 x86_64"}, ("system", "Linux 6.8 x86_64", "Linux 7.0 x86_64")),
        ({"cores": 1}, ("cores", "2", "1")),
        ({"memory_bytes": 2**32}, ("memory", "8 GiB", "4 GiB")),
        ({"limits": ("1 of 2 processors (cpuset)",)}, ("limits", "none", "1 of 2 processors (cpuset)")),
        ({"commit": "another"}, None),
    ],
)
def test_a_fact_that_differs_is_named_with_both_values(
    changes: dict[str, object], expected: tuple[str, str, str] | None
) -> None:
    found = differences([measured()], [measured(**changes)])
    assert [(item.what, item.baseline, item.candidate) for item in found] == ([expected] if expected else [])
    assert differences([measured(**changes)], [measured(**changes)]) == ()


def test_a_variable_of_one_side_is_named_in_both_directions() -> None:
    off, usual = measured(variables={"TF_ENABLE_ONEDNN_OPTS": "0"}), measured()
    assert environments.text(differences([off], [usual])) == "TF_ENABLE_ONEDNN_OPTS (0 / not set)"
    assert environments.text(differences([usual], [off])) == "TF_ENABLE_ONEDNN_OPTS (not set / 0)"


def test_a_variable_that_is_set_to_nothing_is_not_shown_as_nothing() -> None:
    assert (
        environments.text(differences([measured(variables={"TF_X": ""})], [measured()])) == "TF_X ((empty) / not set)"
    )


def test_a_side_of_several_runs_differs_if_one_of_them_does() -> None:
    off, usual = measured(variables={"TF_ENABLE_ONEDNN_OPTS": "0"}), measured()
    (found,) = differences([usual, usual], [usual, off])
    assert (found.baseline, found.candidate) == ("not set", "not set, 0")
    assert differences([usual, off], [off, usual]) == (), "in another order"


def test_older_records_that_know_no_variables_are_not_said_to_differ() -> None:
    assert differences([record()], [measured(variables={"KMP_AFFINITY": "none"}, limits=("a",))]) == ()


def test_variables_come_first_and_versions_last() -> None:
    candidate = measured(variables={"XLA_FLAGS": "--a"}, versions={"torch": "3"}, python="4")
    assert [item.what for item in differences([measured()], [candidate])] == ["XLA_FLAGS", "Python", "version of torch"]


def test_the_records_of_one_run_are_compared_with_each_other() -> None:
    assert mixed([measured(), measured()]) == {}
    changed = [measured(variables={"KMP_AFFINITY": "none"}), measured()]
    assert mixed(changed) == {"KMP_AFFINITY": ("none", "not set")}
    assert mixed([measured(), record()]) == {}, "a record that knows nothing"


def test_a_comparison_has_the_differences_beside_its_verdicts() -> None:
    usual = [replace(item, environment=KNOWN) for item in quick_run()]
    slow = [
        replace(item, environment=replace(KNOWN, variables={"TF_ENABLE_ONEDNN_OPTS": "0"}))
        for item in quick_run(slowdown=1.5, run="b")
    ]
    found = compare(usual, slow, threshold=0.05)
    difference = EnvironmentDifference(what="TF_ENABLE_ONEDNN_OPTS", baseline="not set", candidate="0")
    assert (found.exit_code, found.environments) == (3, (difference,))
    assert compare(usual, usual, threshold=0.05).environments == ()
