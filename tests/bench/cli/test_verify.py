"""`levelfield verify` proves that frameworks do the same work, and its exit code says whether they do."""

import json

import pytest

from bench.analysis import equivalence
from tests.bench.cli.conftest import Command, Finished


def verify(finished: Finished) -> list[str]:
    """The command whose traces the finished run has left in the cache."""
    return ["verify", "--workload", str(finished.place.workload), "--framework", "pytorch,flax"]


def test_verify_as_json_says_whether_all_passed_and_by_how_much(levelfield: Command, finished: Finished) -> None:
    found = levelfield(*verify(finished), "--format", "json")
    assert found.code == 0
    content = json.loads(found.out)
    assert content["passed"] is True
    assert [(item["workload"], item["framework"], item["passed"]) for item in content["certificates"]] == [
        ("tiny", "pytorch", True),
        ("tiny", "flax", True),
    ]
    deviations = content["certificates"][0]["deviations"]
    assert {"float64 forward", "float64 weights after 100 steps", "float32 forward"} <= {
        item["check"] for item in deviations
    }
    assert all(0 <= item["found"] <= item["allowed"] for item in deviations)


def test_verify_as_a_table_names_the_largest_deviations(levelfield: Command, finished: Finished) -> None:
    found = levelfield(*verify(finished))
    assert found.code == 0
    assert found.out.count("proven equal") == 2


def test_verify_ends_with_1_where_a_deviation_is_too_large(
    levelfield: Command, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equivalence, "FLOAT32_LIMIT", 1e-30)
    found = levelfield(*verify(finished), "--format", "json")
    assert found.code == 1
    assert json.loads(found.out)["passed"] is False
