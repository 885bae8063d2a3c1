"""Times calls on request of the parent, which interleaves the slices of several processes."""

from collections.abc import Sequence
from statistics import median
from typing import Any, final

import numpy as np

from bench.adapters.base import Model
from bench.analysis.equivalence import misfit
from bench.datasets.base import cycle
from bench.worker.measure import block, inference, training
from bench.worker.measure.dispatch import deviation
from bench.worker.measure.timed_call import Work
from bench.worker.prepared_workload import PreparedWorkload
from bench.workload.axes import FrameworkOptions, Scenario

Message = dict[str, Any]


class WrongError(Exception):
    """Raised if a result is not finite, or was computed in another way than asked for; `outcome` is that of the record.

    Other ways are another precision, and code that was not compiled.
    """

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@final
class Server:
    """Times training steps or queries of one workload with given framework options, at one batch size at a time.

    If the framework compiles several steps into one program, every call runs that program, from the first call on.
    """

    def __init__(self, subject: PreparedWorkload, scenario: Scenario, *, tuning: FrameworkOptions) -> None:
        self.subject, self.scenario, self.tuning = subject, scenario, tuning
        self._works: dict[int, Work] = {}
        self._model: Model | None = None
        self._work: Work | None = None

    def place(self, batch_size: int) -> Message:
        """Make ready for a batch size; returns the nanoseconds of a second call, and how many steps are one program.

        Raises WrongError if the logits of a query do not have the accuracy of this precision, or if a call ran without
        the compilation that its options promise.
        """
        if batch_size not in self._works:
            if self.scenario == "training":  # training changes the model, so each batch size has a new one
                self._works = {batch_size: self._steps(batch_size)}
            else:
                self._works[batch_size] = self._queries(batch_size)
        self._work = work = self._works[batch_size]
        block.timed(work, work.together)  # the first call compiles
        reason = self.subject.adapter.uncompiled()
        if reason is not None:
            raise WrongError("failed", reason)
        return self._called([block.timed(work, work.together)])

    def warm_up(self, limit_ns: int) -> Message:
        """Call until the times no longer fall, at most `limit_ns` long; returns the nanoseconds of a warm call.

        Raises WrongError if a result is not finite then.
        """
        work = self._placed
        once_ns = block.timed(work, work.together)
        round_ns = limit_ns // block.WARM_UP_ROUNDS
        # If one call takes longer than the whole warm-up may, a round of the warm-up has one call.
        calls = 1 if once_ns > limit_ns else block.fitting(block.WARM_UP_CALLS, call_ns=once_ns, limit_ns=round_ns)
        times, _ = block.warmed_up(work, calls=calls, limit_ns=limit_ns, together=work.together)
        result = work.run(work.together)
        work.wait(result)
        if not np.all(np.isfinite(self.subject.adapter.to_numpy(result[-1]))):
            raise WrongError("diverged", "an output or a loss is not a finite number")
        return self._called(times[-calls:])

    def time(self, calls: int, *, pipelined: bool) -> Message:
        """The nanoseconds of each of `calls` calls; pipelined, the nanoseconds of all of them with one wait."""
        waits = [calls] if pipelined else [1] * calls
        return {"elapsed_ns": [block.timed(self._placed, number) for number in waits]}

    @property
    def _placed(self) -> Work:
        if self._work is None:
            raise LookupError("found no batch size, expected `place` before anything is timed")
        return self._work

    def _called(self, times: Sequence[int]) -> Message:
        together = self._placed.together
        return {"call_ns": median(times) / together, "together": together}

    def _steps(self, batch_size: int) -> Work:
        self.subject.build(tuning=self.tuning)
        train = self.subject.encoded(self.subject.split("train"))
        return training.steps(self.subject.adapter, train, batch_size=batch_size, seed=self.subject.seed)

    def _queries(self, batch_size: int) -> Work:
        if self._model is None:
            self._model = self.subject.build(tuning=self.tuning)
        inputs = self.subject.split("test").inputs
        work = inference.queries(self.subject.adapter, inputs, batch_size=batch_size)
        if not self._works:
            found = deviation(self.subject, self._model, inputs[cycle(len(inputs), batch_size)])
            reason = None if found is None else misfit(found, self.subject.precision)
            if reason is not None:
                raise WrongError("failed", reason)
        return work
