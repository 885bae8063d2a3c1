"""Parts are sent to machines as a whole, one at a time to each, and no record is lost."""

from collections import Counter
from contextlib import suppress
from random import Random

import pytest

from bench.run.sender import News, Part, Sent, send
from tests.bench.run.scripted_machines import ScriptedMachines

WORKLOADS = ("dnn", "cnn", "lstm", "gru", "rnn")
RECORDS = 4


class Kept:
    """What arrives: the lines by machine, and what was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.told: list[str] = []

    def keep(self, news: News) -> None:
        """Store a line."""
        if (news.machine, news.text) not in self.lines:
            self.lines.append((news.machine, news.text))

    def parts(self) -> list[Part]:
        """What is left to measure, each part with the machine that has begun it."""
        counted = Counter((machine, line.split()[0]) for machine, line in self.lines)
        begun = {workload: machine for machine, workload in counted}
        begun |= dict(line.split(": begins on ") for line in self.told if ": begins on " in line)
        return [Part(name, begun.get(name)) for name in WORKLOADS if counted[begun.get(name, ""), name] < RECORDS]


def sent(machines: ScriptedMachines, kept: Kept) -> Sent:
    return send(kept.parts(), machines, keep=kept.keep, tell=kept.told.append)


def test_every_part_runs_as_a_whole_on_one_machine() -> None:
    machines, kept = ScriptedMachines(("a", "b"), records=RECORDS), Kept()
    found = sent(machines, kept)
    assert found.codes == dict.fromkeys(WORKLOADS, 0)
    assert (found.lost, found.left) == ((), ())
    assert len(kept.lines) == len(WORKLOADS) * RECORDS
    assert {len({machine for machine, line in kept.lines if line.startswith(name)}) for name in WORKLOADS} == {1}
    assert {machine for machine, _ in kept.lines} == {"a", "b"}


def test_a_lost_machine_keeps_its_part_and_the_others_go_on() -> None:
    machines, kept = ScriptedMachines(("a", "b"), records=RECORDS, dies={"a": 2}), Kept()
    found = sent(machines, kept)
    (lost,) = found.lost
    assert lost.machine == "a"
    assert found.left == ()
    assert len(found.codes) == len(WORKLOADS) - 1, "the other machine runs all other parts"
    assert not [machine for machine, line in kept.lines if line.startswith(lost.workload) and machine != "a"]
    assert [line for line in kept.told if "a is lost (no heartbeat)" in line]


def test_without_machines_everything_is_left() -> None:
    machines, kept = ScriptedMachines(("a",), records=RECORDS, dies={"a": 0}), Kept()
    found = sent(machines, kept)
    assert len(found.lost) + len(found.left) == len(WORKLOADS)
    assert kept.lines == []


def test_a_part_that_has_begun_waits_for_its_machine() -> None:
    kept = Kept()
    kept.lines = [("gone", "dnn 0")]
    found = sent(ScriptedMachines(("a",), records=RECORDS), kept)
    assert found.left == (Part("dnn", "gone"),)
    assert not [line for machine, line in kept.lines if machine == "a" and line.startswith("dnn")]


def test_an_interrupt_keeps_what_was_measured_and_is_raised_again() -> None:
    machines, kept = ScriptedMachines(("a", "b"), records=RECORDS), Kept()
    machines.interrupt_after = 5
    with pytest.raises(KeyboardInterrupt):
        sent(machines, kept)
    assert machines.stopped
    assert sorted(kept.lines) == sorted(machines.measured)


@pytest.mark.parametrize("seed", range(50))
def test_whatever_is_killed_no_record_is_lost_and_nothing_is_measured_twice(seed: int) -> None:
    random, kept = Random(seed), Kept()  # noqa: S311 (a script)
    machines = ScriptedMachines(("a", "b", "c"), records=RECORDS, seed=seed)
    for _ in range(20):
        if not kept.parts():
            break
        machines.names, machines.stopped = ["a", "b", "c"], False  # lost machines have joined again
        machines.running.clear()
        machines.dies = {name: random.randrange(8) for name in random.sample("abc", random.randrange(3))}
        machines.interrupt_after = random.choice((None, random.randrange(30)))
        with suppress(KeyboardInterrupt):
            sent(machines, kept)
    assert kept.parts() == []
    assert sorted(kept.lines) == sorted(machines.measured)
    assert max(Counter(line for _, line in machines.measured).values()) == 1
