"""A server in virtual time: its services are drawn from a known distribution, so the right answers are known too."""

import math
from dataclasses import dataclass, field

import numpy as np

from bench.analysis import load_runs, queueing
from bench.analysis.load_runs import Asked, Seen, Times
from bench.records.load import LoadRun, Serving, Verdict
from bench.worker.serving import schedule

SERVICE_NS = 1_000_000.0  # the mean
NS = 1e9


@dataclass
class ScriptedServer:
    """A server whose service times are constant or exponential; `queries` come in each run.

    `runs` are those that were made. The generator sends every query `late_ns` after it is due.
    """

    serving: Serving = field(default_factory=lambda: Serving(load="server"))
    is_exponential: bool = False
    service_ns: float = SERVICE_NS
    queries: int = 10_000
    seed: int = 0
    late_ns: int = 0
    runs: list[LoadRun] = field(default_factory=list)

    def run(self, per_s: float, seen: Seen | None = None) -> LoadRun:
        """One run at this rate, with seeds that no other run has."""
        number = 1000 * self.seed + len(self.runs) + 1
        asked = Asked(serving=self.serving, seeds=schedule.seeds(number), queries=self.queries, per_s=per_s)
        due = schedule.arrivals_ns(self.queries, per_s=per_s, seed=asked.seeds[2]).astype(np.float64)
        random = np.random.default_rng(number)
        times = (
            random.exponential(self.service_ns, self.queries)
            if self.is_exponential
            else np.full(self.queries, self.service_ns)
        )
        sent = due + self.late_ns
        begun = sent + queueing.waits(sent, times)
        found = load_runs.load_run(Times(due=due, sent=sent, begun=begun, ended=begun + times), asked, seen or Seen())
        self.runs.append(found)
        return found

    def probe(self, per_s: float) -> Verdict:
        """Whether a run at this rate keeps the limit."""
        verdict = self.run(per_s).verdict
        assert verdict is not None
        return verdict


def right_rate(limit_ns: float, percentile: float) -> float:
    """The highest rate with exponential services: the time in an M/M/1 queue is exponential with rate μ - λ."""
    return NS / SERVICE_NS + math.log(1 - percentile / 100) / (limit_ns / NS)
