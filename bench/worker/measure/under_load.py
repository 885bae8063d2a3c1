"""Measures a prepared network under load: one query after the other, all at once, or at random times."""

import gc
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from bench.adapters.base import Adapter, Model
from bench.analysis import load_runs, rate_search
from bench.analysis.deviations import relative_deviation
from bench.analysis.equivalence import FORWARD_BOUNDS, misfit
from bench.analysis.load_runs import Asked, Seen, spread
from bench.errors import BenchError
from bench.records.load import Loaded, LoadRun, Serving, Verdict
from bench.worker.measure import block
from bench.worker.measure.clock import now_ns
from bench.worker.measure.timed_call import Work
from bench.worker.prepared_workload import PreparedWorkload
from bench.worker.serving import load_generator, load_log, schedule
from bench.worker.serving.answers import Answers
from bench.worker.serving.load_generator import Driven, Place
from bench.worker.serving.server import Calls
from bench.workload import model_families
from bench.workload.axes import Feed, Load

SAMPLES = 256  # different samples that queries ask for
TURNS = 3  # runs of single_stream, each beside as many calls without a generator
FIRST_CALLS = 3  # at each batch size, before anything is timed
BATCH_CALLS, BATCH_ROUNDS = 4, 3  # at each batch size that is tried for offline
LARGEST_BATCH = 1024
LONGEST_CALL_NS = 1_000_000_000  # of a batch that is tried for offline
SPARE = 0.8  # of the time limit of the case: no run of a search begins that would end later
GAIN = 1.05  # a batch is worth its size if it is at least this much faster than half of it
MOST_OFFLINE = 1_000_000  # queries; fewer than three seconds for the smallest networks
START = 0.5  # of the rate at which single calls follow each other without a pause: the first rate of a search
SHARES = (0.3, 0.6, 0.8)  # of that rate, where no limit is given
WARM_UP_NS = 1_000_000_000
TURN_NS = 500_000_000  # a run of single_stream takes about so long, if it has enough queries
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a network is put under load.

    `feed` is where a sample is when its query arrives. `folder` gets a folder with the logs of each run. `cores` are
    those of the generator. `progress` is called with a message after each run. All runs end within `limit_s`.
    """

    serving: Serving
    device: str
    feed: Feed
    folder: Path
    cores: tuple[int, ...]
    progress: Callable[[dict[str, Any]], None]
    limit_s: float = math.inf


class StoppedError(BenchError):
    """Raised if the load generator fails; `loaded` has the runs that were made before."""

    def __init__(self, message: str, loaded: Loaded) -> None:
        super().__init__(message)
        self.loaded = loaded


def loaded(subject: PreparedWorkload, model: Model, conditions: Conditions) -> Loaded:
    """What the server did under the load of these conditions; the subject has just been built as `model`.

    Raises StoppedError if the load generator does not work.
    """
    bench = _Bench(subject, model, conditions)
    with block.collector_off():
        bench.warm_up()
        try:
            return LOADS[conditions.serving.load](bench)
        except BenchError as error:
            raise StoppedError(str(error), Loaded(runs=tuple(bench.runs))) from error


@final
class _Bench:
    """A network that is ready to serve, and the runs that were made with it."""

    def __init__(self, subject: PreparedWorkload, model: Model, conditions: Conditions) -> None:
        self.subject, self.conditions = subject, conditions
        self.adapter: Adapter = subject.adapter
        self.inputs = subject.split("test").inputs[:SAMPLES]
        self.weights = subject.export(model)
        self.begun_ns = now_ns()
        self.runs: list[LoadRun] = []
        self._right: dict[int, np.ndarray] = {}
        self._placed = [self.adapter.put(self.inputs[number : number + 1]) for number in range(len(self.inputs))]

    def predict(self, samples: np.ndarray) -> Any:  # noqa: ANN401 (a framework's own)
        """The result for these samples, not waited for.

        A single sample is on the device already, unless the host feeds it. A batch is made of the samples that happen
        to wait, so it is always copied; samples are repeated up to the next power of two, since a compiled program has
        a fixed batch size.
        """
        if len(samples) > 1:
            rows = np.resize(samples, 1 << (len(samples) - 1).bit_length())
            return [self.adapter.predict(self.adapter.put(self.inputs[rows]))]
        if self.conditions.feed == "host":
            return [self.adapter.predict(self.adapter.put(self.inputs[samples]))]
        return [self.adapter.predict(self._placed[samples[0]])]

    def work(self, size: int) -> Work:
        """Calls with so many samples, one after the other, without a generator and a queue."""
        turns = np.random.default_rng(0).integers(len(self.inputs), size=(1024, size))
        count = 0

        def run(calls: int) -> Any:  # noqa: ANN401 (a framework's own)
            nonlocal count
            count += calls
            return [self.predict(turns[number % len(turns)])[0] for number in range(count - calls, count)]

        return Work(run=run, wait=self.adapter.wait, feed=list, call=lambda _: run(1), fetch=lambda _: None)

    def warm_up(self) -> None:
        """Compile every batch size that the server may use, and call single samples until times no longer fall."""
        size = 1
        while size < 2 * self.conditions.serving.most:
            for _ in range(FIRST_CALLS):
                block.timed(self.work(size), 1)
            size *= 2
        block.warmed_up(self.work(1), calls=block.WARM_UP_CALLS, limit_ns=WARM_UP_NS)

    def alone(self, calls: int) -> np.ndarray:
        """The times of single calls without a generator; shape (calls,), nanoseconds."""
        work = self.work(1)
        return np.array([block.timed(work, 1) for _ in range(calls)], dtype=np.float64)

    def run(self, queries: int, *, per_s: float | None = None, most: int | None = None) -> LoadRun:
        """One run of the generator, with seeds of its own. `most` samples are predicted together, at most."""
        number = len(self.runs) + 1
        given, folder = self.conditions, self.conditions.folder / str(number)
        asked = Asked(serving=given.serving, seeds=schedule.seeds(number), queries=queries, per_s=per_s)
        answers = Answers(queries, seed=number, outputs_of=self.outputs)
        most = most or given.serving.most
        calls = Calls(predict=self.predict, wait=self.adapter.wait, keep=answers.keep, most=most)
        place = Place(cores=given.cores, device=given.device, samples=len(self.inputs))
        driven = load_generator.drive(asked, calls, place, folder)
        found = load_runs.load_run(driven.times, asked, self._seen(driven, answers, most=most, folder=folder))
        self.runs.append(found)
        gc.collect()  # what a framework has left behind
        given.progress({"load": given.serving.load, "run": number, "per_s": per_s, "verdict": found.verdict})
        return found

    def _seen(self, driven: Driven, answers: Answers, *, most: int, folder: Path) -> Seen:
        samples, outputs = answers.found(driven.samples)
        deviation = relative_deviation(outputs, self.right(samples))
        return Seen(
            dropped=driven.dropped,
            batch=most,
            batches=driven.batches,
            checked=len(samples),
            deviation=deviation,
            misfit=self.misfit(deviation),
            complaints=driven.log.errors,
            by_generator=driven.log.kept,
            generator_p90_ns=driven.log.number(load_log.P90),
            file=f"{folder.parent.name}/{folder.name}",
            use=driven.use,
        )

    def outputs(self, result: Any) -> np.ndarray:  # noqa: ANN401 (a framework's own)
        """The outputs of a call in NumPy."""
        return self.adapter.to_numpy(result[-1])

    def right(self, samples: np.ndarray) -> np.ndarray:
        """The right outputs for these samples: of the NumPy reference, or of direct calls if there is no reference."""
        for number in set(samples.tolist()) - self._right.keys():
            if self.has_reference:
                (found,) = self.subject.reference(self.weights, self.inputs[number : number + 1])
            else:
                found = self.outputs(self.predict(np.array([number])))[0].astype(np.float64)
            self._right[number] = found
        return np.stack([self._right[number] for number in samples.tolist()])

    def misfit(self, deviation: float) -> str | None:
        """Why answers with this deviation are wrong; None if they are right."""
        if self.has_reference:
            return misfit(deviation, self.subject.precision)
        # Direct calls have the same precision, but maybe another batch size.
        _, most = FORWARD_BOUNDS[self.subject.precision]
        return None if deviation <= most else f"the answers deviate by {deviation:.1e} from those of direct calls"

    @property
    def has_reference(self) -> bool:
        """Whether the family of the network has a reference in NumPy."""
        return model_families.has_reference(self.subject.workload.family)

    def has_time(self, seconds: float) -> bool:
        """Whether a run of so many seconds ends before the time limit of the case."""
        return (now_ns() - self.begun_ns) / NANOSECONDS + seconds <= SPARE * self.conditions.limit_s


def _single_stream(bench: _Bench) -> Loaded:
    """Runs of single queries, in turns with the same calls without a generator."""
    once_ns = float(np.median(bench.alone(block.SINGLE_CALLS)))
    queries = max(schedule.FEWEST, int(TURN_NS / once_ns))
    times = []
    for _ in range(TURNS):
        times.append(bench.alone(queries))
        bench.run(queries)
    return Loaded(runs=tuple(bench.runs), alone=spread(np.concatenate(times)))


def _offline(bench: _Bench) -> Loaded:
    """One run in which all queries come at once, with the smallest batch that is about as fast as any."""
    rates = _batch_rates(bench)
    size = min(size for size, rate in rates.items() if rate * GAIN >= max(rates.values()))
    queries = min(MOST_OFFLINE, schedule.queries_for(rates[size]))
    bench.run(-(-queries // size) * size, most=size)
    return Loaded(runs=tuple(bench.runs), batch_rates={str(size): rate for size, rate in rates.items()})


def _batch_rates(bench: _Bench) -> dict[int, float]:
    """Samples per second at batch sizes 1, 2, 4 and so on, until twice the size was twice not worth it, or too much."""
    rates: dict[int, float] = {}
    size, useless = 1, 0
    while size <= LARGEST_BATCH and useless < 2:  # noqa: PLR2004 (one size may be unlucky)
        try:
            rate = _batch_rate(bench, size)
        except Exception:  # a library's own error if there is no memory left
            if not rates:
                raise
            traceback.print_exc()
            break
        useless = useless + 1 if rate < GAIN * max(rates.values(), default=0.0) else 0
        rates[size] = rate
        if size / rate > LONGEST_CALL_NS / NANOSECONDS:
            break
        size *= 2
    return rates


def _batch_rate(bench: _Bench, size: int) -> float:
    """Samples per second at this batch size, by the fastest of some rounds."""
    work = bench.work(size)
    for _ in range(FIRST_CALLS):
        block.timed(work, 1)
    fastest_ns = min(sum(block.timed(work, 1) for _ in range(BATCH_CALLS)) for _ in range(BATCH_ROUNDS))
    return size * BATCH_CALLS / (fastest_ns / NANOSECONDS)


def _server(bench: _Bench) -> Loaded:
    """The search for the highest rate that keeps the limit; without a limit, runs at some rates."""
    full_per_s = NANOSECONDS / float(np.median(bench.alone(block.SINGLE_CALLS)))
    serving = bench.conditions.serving

    def probe(per_s: float) -> Verdict | None:
        queries = schedule.queries_for(per_s, percentile=serving.percentile)
        if bench.runs and not bench.has_time(queries / per_s):
            return None
        return bench.run(queries, per_s=per_s).verdict or "invalid"

    if serving.limit_ns is None:
        for share in SHARES:
            probe(share * full_per_s)
        return Loaded(runs=tuple(bench.runs))
    highest = rate_search.search(probe, start=START * full_per_s)
    return Loaded(runs=tuple(bench.runs), highest=highest)


LOADS: Mapping[Load, Callable[[_Bench], Loaded]] = {
    "single_stream": _single_stream,
    "offline": _offline,
    "server": _server,
}
