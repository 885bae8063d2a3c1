"""`levelfield baseline` sets, shows and clears the run that others are compared with."""

from bench.records.record_lines import from_line
from tests.bench.cli.conftest import Command, Place
from tests.bench.cli.stored_files import store


def test_a_run_is_held_against_the_baseline_of_its_machine(levelfield: Command, place: Place) -> None:
    name, results = place.records.parent.name, ("--results", place.results)
    candidate = store(place.folder / "candidate.jsonl", list(map(from_line, place.records.read_text().splitlines())))
    missing = levelfield("compare", "baseline", candidate, *results)
    assert (missing.code, missing.out) == (2, "")
    assert "expected one: `levelfield baseline set RUN --why TEXT`" in missing.err
    told = levelfield("baseline", "set", "latest", "--why", "before the upgrade", "--who", "Ada", *results)
    assert told.code == 0
    assert told.out == levelfield("baseline", "show", *results).out
    assert f": {name}, set by Ada on 20" in told.out
    assert told.out.endswith(": before the upgrade\n")
    found = levelfield("compare", "baseline", candidate, *results)
    assert found.code == levelfield("compare", name, candidate, *results).code == 4  # one process says nothing
    assert name in found.out
    assert levelfield("baseline", "clear", *results).code == 0
    assert levelfield("baseline", "show", *results).code == 6


def test_a_baseline_needs_a_reason(levelfield: Command, place: Place) -> None:
    assert levelfield("baseline", "set", "latest", "--results", place.results).code == 2
    found = levelfield("baseline", "set", "latest", "--why", " ", "--results", place.results)
    assert (found.code, found.err) == (
        2,
        "levelfield: --why: found nothing, expected a reason that a colleague understands in a year\n",
    )
