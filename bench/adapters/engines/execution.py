"""Says how steps and queries ran, and whether they were compiled, from what the engine saw."""

from collections.abc import Iterator
from typing import NamedTuple, final

from bench.adapters.engines.base import Engine
from bench.workload.axes import Scenario


class Form(NamedTuple):
    """How an adapter calls a step or a query: the function, and the compiler that it promises; none if it is eager."""

    function: str
    compiler: str = ""
    compiles: bool = True


EAGER = Form("eager", compiles=False)
NAMES: dict[Scenario, str] = {"training": "execution", "inference": "inference"}


@final
class Execution:
    """The scenarios that an adapter has run so far; the adapter sets `trained` and `predicted` when it is called."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.trained = self.predicted = False

    def settings(self, step: Form, query: Form) -> dict[str, str]:
        """How steps (`execution`) and queries (`inference`) ran, each only if there was such a call.

        Examples: `nnx.jit (XLA)`, `nnx.jit, not compiled (JAX_DISABLE_JIT)`.
        """
        return {
            NAMES[scenario]: f"{form.function}, not compiled ({reason})"
            if reason
            else f"{form.function} ({form.compiler})"
            if form.compiler
            else form.function
            for scenario, form, reason in self._called(step, query)
        }

    def uncompiled(self, step: Form, query: Form) -> str | None:
        """What should have been compiled and was not, as an error message; None if everything ran as it should."""
        for scenario, form, reason in self._called(step, query):
            if reason:
                what = "training steps" if scenario == "training" else "queries"
                return f"{what} ran without being compiled by {form.function} ({reason}): unset what disables it"
        return None

    def _called(self, step: Form, query: Form) -> Iterator[tuple[Scenario, Form, str | None]]:
        """Each scenario that ran, its form, and why it was not compiled."""
        scenarios: tuple[tuple[Scenario, Form, bool], ...] = (
            ("training", step, self.trained),
            ("inference", query, self.predicted),
        )
        for scenario, form, called in scenarios:
            if called:
                yield scenario, form, self.engine.uncompiled(scenario) if form.compiles else None
