"""Checks a network that was built with random weights, after another one was trained in the same process.

Initial weights hide faults. Biases are zero and batch norm has mean 0 and variance 1, so a loader may forget or
exchange them. And the first training of a process cannot show whether an optimizer begins anew.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench.analysis.deviations import (
    FLOAT32_LIMIT,
    FORWARD_LIMIT,
    Outputs,
    Trace,
    against_reference,
    relative_deviation,
)
from bench.records.record import Deviation

STEPS = 4  # of the second training
FORWARD = "forward with random weights"
LOADED_CHECK, AGAIN_CHECK = "load and export", "float64 losses of a second training"
LOADED = "loaded/"  # prefix of how much each tensor changed while it was loaded and exported
LOADED_LIMIT = 1e-15  # of each tensor: a copy has no rounding error
AGAIN_LIMIT = 1e-9


def deviations(
    exact: Trace, rounded: Trace, peers: Mapping[str, Trace], *, rounded_peers: Mapping[str, Trace]
) -> list[Deviation]:
    """The deviations of its outputs, of the weights that it exports, and of its first losses.

    `peers` are the traces of other frameworks in float64, `rounded_peers` those in float32.
    """
    forward = {"float64": (exact, FORWARD_LIMIT, peers), "float32": (rounded, FLOAT32_LIMIT, rounded_peers)}
    return [
        *(
            line
            for precision, (trace, limit, others) in forward.items()
            for line in against_reference(
                Outputs(f"{precision} {FORWARD}", "random_logits", "random_reference", limit), trace, peers=others
            )
        ),
        max(_loaded(exact), _loaded(rounded), key=lambda line: (not line.holds, line.found)),
        *(
            Deviation(check=AGAIN_CHECK, against=peer, found=_again(exact, other), allowed=AGAIN_LIMIT)
            for peer, other in peers.items()
        ),
    ]


def _loaded(trace: Trace) -> Deviation:
    """How much the worst tensor changes between the weights given to a model and the weights that it exports."""
    changes = {name: float(value) for name, value in trace.items() if name.startswith(LOADED)}
    worst = max(changes, key=lambda name: (np.isnan(changes[name]), changes[name]), default=None)
    found = float("inf") if worst is None else changes[worst]
    line = Deviation(check=LOADED_CHECK, against="given weights", found=found, allowed=LOADED_LIMIT)
    return line if line.holds or worst is None else replace(line, tensor=worst.removeprefix(LOADED))


def _again(trace: Trace, other: Trace) -> float:
    """The deviation of the losses of a second training; infinite if one of the traces has none."""
    both = "losses_again" in trace and "losses_again" in other
    return relative_deviation(trace["losses_again"], other["losses_again"]) if both else float("inf")
