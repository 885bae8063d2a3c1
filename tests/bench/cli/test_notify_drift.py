"""A message tells why a command ended: drift, a mistake in its arguments, or a fault of its own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cli import drift_data, notify
from bench.cli.notify import announced
from bench.cli.verdicts import plainly
from tests.bench.cli.conftest import Command
from tests.bench.cli.message_server import Server, serving

SECRET = "T0-B0-hunter2"  # noqa: S105 (of no real place)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A webhook, and a folder with two tables, of which the second has drifted."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(notify, "BACKOFF_S", 0.0)
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).normal(size=1_000)
    pd.DataFrame({"x": values}).to_csv("before.csv", index=False)
    pd.DataFrame({"x": values + 1}).to_csv("after.csv", index=False)
    with serving() as found:
        yield found


def target(server: Server) -> list[str]:
    return ["--notify", f"{server.address}/{SECRET}"]


def test_drift_sends_what_has_changed_and_nothing_if_nothing_has(levelfield: Command, server: Server) -> None:
    assert levelfield("drift", "before.csv", "before.csv", *target(server)).code == 0
    assert server.requests == []
    assert levelfield("drift", "before.csv", "after.csv", *target(server)).code == 3
    (request,) = server.requests
    assert request.content["exit_code"] == 3
    assert any(line.startswith("Have the data changed? yes: x (effect 1.0") for line in request.content["lines"])


def test_the_reason_of_a_mistake_is_sent(levelfield: Command, server: Server) -> None:
    done = levelfield("drift", "before.csv", "after.csv", "--by", "y", *target(server))
    assert done.code == 2
    (request,) = server.requests
    assert "--by: found 'y', expected one of x" in request.content["lines"]
    assert SECRET not in done.err + str(request.content)


def test_a_fault_of_our_own_is_sent_and_still_shown(
    levelfield: Command, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(drift_data, "later", broken)
    with pytest.raises(ZeroDivisionError):
        levelfield("drift", "before.csv", "after.csv", *target(server))
    (request,) = server.requests
    assert request.content["exit_code"] == 1
    assert request.content["lines"] == ["internal error: ZeroDivisionError"]


def test_addresses_are_shown_without_passwords_and_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plainly([f"https://user:{SECRET}@host/results/run?sig={SECRET}"]) == "run"
    monkeypatch.setattr("sys.argv", ["levelfield", "check", "b.toml", "--results", f"https://h/x?sig={SECRET}"])
    assert notify.command() == "levelfield check b.toml --results https://h/x"


def test_a_target_is_checked_before_anything_is_done(server: Server) -> None:
    with pytest.raises(Exception, match="--notify"), announced("nowhere", "title"):
        pytest.fail("the command has begun")
    assert server.requests == []
