"""Two checkouts are measured in turns by the real command, and compared."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import compare_commits
from bench.records.cell import Cell
from bench.records.measurement import SIDES, Measurement, Turns
from bench.records.record import Record
from bench.records.store import RunFolder, new_run
from bench.run.plan_exchange import PROTOCOL
from bench.run.worker_client import ROOT
from tests.bench.cli.conftest import Command, Place, Result, prepared
from tests.bench.sample_records import ENVIRONMENT, block, record


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Result]:
    """This checkout against itself, with a slowdown that nobody can miss."""
    place = prepared(tmp_path_factory.mktemp("against"))
    command = place.command("--workload", place.workload, "--framework", "flax", "--scenario", "training")
    done = subprocess.run(
        [*command, "--self-check", "--processes", "2", "--threads", "1", "--inject", "90%"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return place, Result(code=done.returncode, out=done.stdout, err=done.stderr)


def stored(place: Place, side: str) -> list[Record]:
    (path,) = place.results.glob(f"turns-*/{side}/*/*/records.jsonl")
    return RunFolder(path).read(warn=pytest.fail)


@pytest.mark.slow
def test_both_sides_are_stored_and_had_turns_with_each_other(checked: tuple[Place, Result]) -> None:
    base, head = (stored(checked[0], side) for side in SIDES)
    assert [item.case for item in base] == [item.case for item in head]
    assert {item.outcome for item in (*base, *head)} == {"ok"}
    sessions = {block.turns.session for item in (*base, *head) for block in item.measurement.blocks if block.turns}
    assert len(sessions) == 1
    assert all(block.turns for item in (*base, *head) for block in item.measurement.blocks)


@pytest.mark.slow
def test_the_verdicts_are_shown_and_what_became_of_the_planted_slowdown(checked: tuple[Place, Result]) -> None:
    place, result = checked
    assert result.code in {3, 4}, result.err
    assert "Interleaved timing: the two processes of a pair took turns" in " ".join(result.out.split())
    assert "changed on purpose: tiny flax training, calls take 90.0% longer on the second side" in result.err
    assert "% the other side's time slices, proofs, memory, peak rates and start-up" in result.out + result.err
    assert {"planted" in item.settings for item in stored(place, "base")} == {False}
    assert {"planted" in item.settings for item in stored(place, "head")} == {True}


def test_a_folder_that_is_no_checkout_is_refused(levelfield: Command, tmp_path: Path) -> None:
    for more in ((), ("--dry-run",)):
        found = levelfield("run", "--against", tmp_path, *more)
        assert (found.code, found.out) == (2, "")
        assert "expected a checkout of levelfield" in found.err


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--framework", "theano"), "--framework: found 'theano'"),
        (("--purpose", "memory"), "--purpose: not possible with --against or --self-check, which only measure times"),
        (("--threshold", "-3"), "--threshold: found -3"),
        (("--format", "xml"), "--format: found 'xml'"),
        (("--inject", "much"), "--inject: found 'much'"),
        (("--against", "."), "--against: found . beside --self-check"),
        (("--mode", "tuned"), "--mode: found 'tuned' with --against, expected idiomatic"),
        (("--results", "/dev/null/x"), "cannot be written"),
    ],
)
def test_a_mistake_is_said_before_anything_starts(arguments: tuple[str, ...], line: str, levelfield: Command) -> None:
    found = levelfield("run", "--self-check", *arguments)
    assert (found.code, found.out) == (2, "")
    assert line in found.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_plan_is_printed_and_nothing_started(levelfield: Command) -> None:
    found = levelfield("run", "--self-check", "--dry-run")
    assert found.code == 0
    assert "90 cases" in found.out, "18 subjects in five processes"


def test_a_commit_that_takes_turns_in_another_way_is_not_waited_for(levelfield: Command, tmp_path: Path) -> None:
    other = tmp_path / "other" / "bench"
    other.mkdir(parents=True)
    (other / "__main__.py").touch()
    for text, version in (("", "1"), ("PROTOCOL = 77\n", "77")):
        (other / "meeting.py").write_text(text)
        found = levelfield("run", "--against", other.parent, "--results", tmp_path, "--framework", "flax")
        assert found.code == 2
        assert f"{other.parent} has version {version} of the interleaving protocol, expected {PROTOCOL}" in found.err


def test_a_side_that_cannot_run_ends_the_other_and_says_why(levelfield: Command, tmp_path: Path) -> None:
    other = tmp_path / "other" / "bench"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (other / "__main__.py").write_text("raise SystemExit('this one has never heard of turns')")
    (other / "meeting.py").write_text(f"PROTOCOL = {PROTOCOL}\n")
    found = levelfield("run", "--against", other.parent, "--results", tmp_path, "--framework", "flax")
    assert found.code == 1
    assert "other ended with 1: this one has never heard of turns" in found.err


@pytest.mark.parametrize("option", [("--threshold", "10"), ("--format", "json")])
def test_how_verdicts_are_given_is_no_option_of_a_run_that_gives_none(
    option: tuple[str, str], levelfield: Command
) -> None:
    found = levelfield("run", "--dry-run", *option)
    assert found.code == 2
    assert "expected --against or --self-check too" in found.err


def in_turns(results: Path, *, session: str, factors: Sequence[float]) -> tuple[list[Path], list[Path]]:
    """Both sides of a run of one cell: each factor is how much longer the second side's process took in one pair."""
    folders = []
    for is_second, side in enumerate(SIDES):
        run = new_run(results / session / side, machine=ENVIRONMENT.machine)
        for number, factor in enumerate(factors):
            plain = block(32, seed=number)
            calls = tuple(int(call * (factor if is_second else 1)) for call in plain.synchronised_ns)
            timed = replace(
                plain,
                synchronised_ns=calls,
                pipelined_ns=tuple(20 * call for call in calls),
                turns=Turns(session=session, synchronised_calls=4, pipelined_rounds=4),
            )
            measurement = Measurement(blocks=(timed,))
            run.append(record(replicate=number, order=number, run=run.name, measurement=measurement))
        folders.append(run.folder)
    return [folders[0]], [folders[1]]


UNDECIDED = (0.8, 0.9, 1.0, 1.1, 1.25)
EQUAL = (0.99, 0.995, 1.0, 1.005, 1.01, 0.99, 0.995, 1.0, 1.005, 1.01, 1.0, 1.0)


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ((EQUAL,), 0),
        (((1.5, 1.5, 1.51, 1.49, 1.5),), 3),
        ((UNDECIDED, EQUAL), 0),
        ((UNDECIDED, UNDECIDED, UNDECIDED), 4),
    ],
)
def test_what_is_inconclusive_is_measured_again_and_all_pairs_count(
    measured: Sequence[Sequence[float]], code: int, levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = len(measured)
    asked: list[Sequence[Cell]] = []

    def measure(*_: object, only: Sequence[Cell] = (), **__: object) -> tuple[list[Path], list[Path]]:
        asked.append(only)
        return in_turns(tmp_path, session=f"s{len(asked)}", factors=measured[len(asked) - 1])

    monkeypatch.setattr(compare_commits, "measure", measure)
    found = levelfield("run", "--self-check", "--results", tmp_path)
    assert len(asked) == times
    assert [len(only) for only in asked] == [0, 1, 1][:times]
    assert found.code == code, found.out
    assert found.err.count("1 inconclusive cells are measured again") == times - 1


@pytest.mark.parametrize(("ended", "code"), [(1, 4), (130, 130)])
def test_what_was_measured_before_has_a_verdict_where_measuring_again_fails(
    ended: int, code: int, levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object, only: Sequence[Cell] = (), **__: object) -> tuple[list[Path], list[Path]]:
        if only:
            raise SystemExit(ended)
        return in_turns(tmp_path, session="s1", factors=UNDECIDED)

    monkeypatch.setattr(compare_commits, "measure", measure)
    found = levelfield("run", "--self-check", "--results", tmp_path)
    assert found.code == code
    assert "compare the runs so far: levelfield compare" in found.err
    assert ("Verdicts" in found.out) == (code == 4)
