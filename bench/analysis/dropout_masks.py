"""Checks dropout by its effect on the loss: the masks themselves cannot agree between frameworks."""

from collections.abc import Mapping

import numpy as np

from bench.analysis.deviations import FORWARD_LIMIT, NO_REFERENCE, Outputs, Trace, against_reference
from bench.records.record import Deviation

STEPS = 128
SAMPLES = 32  # in each step
UNABLE = "unable"  # in a trace: why the framework cannot build the network with its dropout
FORWARD = "float64 forward with dropout"
LOSS_CHECK = "float64 loss with dropout, in standard errors"
MASKS_CHECK = "float64 share of repeated dropout masks"
CHECKS = frozenset({FORWARD, LOSS_CHECK, MASKS_CHECK})
# Dropout masks differ between frameworks, so mean and variance of the losses over many masks are compared. Chance
# exceeds six standard errors about once in a billion proofs. Masks repeat by chance only if few units are dropped, and
# then they repeat about as often in every framework.
LOSS_LIMIT = 6.0
MASKS_LIMIT = 0.4
STILL_LIMIT = 1e-9  # of outputs of two frameworks: their masks differ, so their weights moved by different 1e-12
DIGITS = 9  # losses that agree to as many digits come from the same mask

OFF = "dropout was switched off for the proof of weights and losses"
ALONE = "no other framework can run it with dropout, so its masks are compared with none"
NOTE = f"{OFF}; its masks are compared by mean and variance of the loss over {STEPS} steps"


def refusal(trace: Trace) -> str:
    """Why the framework cannot run the network with its dropout; empty if it can."""
    return str(trace[UNABLE]) if UNABLE in trace else ""


def peers(contender: str, chosen: Mapping[str, Trace], known: Mapping[str, Trace]) -> Mapping[str, Trace]:
    """The traces whose masks this framework is compared with.

    These are the chosen ones that have masks. If there are none, they are all others that have masks.
    """
    able = {name: trace for name, trace in chosen.items() if not refusal(trace)}
    return able or {name: trace for name, trace in known.items() if name != contender and not refusal(trace)}


def notes(contender: str, known: Mapping[str, Trace]) -> list[str]:
    """What a certificate says about dropout, and which frameworks have no masks that could be compared."""
    unable = [name for name, trace in known.items() if refusal(trace)]
    if not unable:
        return [NOTE]
    compared = (
        f"{' and '.join(unable)} cannot build the network with dropout, so they are compared with dropout off alone"
    )
    return [NOTE if peers(contender, {}, known) else f"{OFF}; {ALONE}", compared]


def deviations(trace: Trace, peers: Mapping[str, Trace]) -> list[Deviation]:
    """The checks of a network with dropout: none at inference, and in training as much as in the other frameworks."""
    losses = _losses(trace, peers)
    limit = STILL_LIMIT if NO_REFERENCE in trace else FORWARD_LIMIT
    return [
        *against_reference(Outputs(FORWARD, "dropout_logits", "dropout_reference", limit), trace, peers=peers),
        *(
            Deviation(check=LOSS_CHECK, against=peer, found=errors_apart(*both), allowed=LOSS_LIMIT)
            for peer, both in losses
        ),
        *(
            Deviation(check=MASKS_CHECK, against=peer, found=abs(repeated(mine) - repeated(other)), allowed=MASKS_LIMIT)
            for peer, (mine, other) in losses
        ),
    ]


def _losses(trace: Trace, peers: Mapping[str, Trace]) -> list[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The losses with dropout of this framework and of each peer; NaN where a trace has none."""
    none = np.array([float("nan")])
    mine = trace.get("dropout_losses", none)
    return [(peer, (mine, other.get("dropout_losses", none))) for peer, other in peers.items()]


def errors_apart(first: np.ndarray, second: np.ndarray) -> float:
    """The difference of two means, or of two variances if it is larger, in standard errors.

    0 if neither varies and both are equal to the last digits.
    """
    scale = np.abs(second).max(initial=0.0) or 1.0
    sides = (first / scale, second / scale)
    squares = [(side - side.mean()) ** 2 for side in sides]
    return max(_means_apart(*sides), _means_apart(*squares))


def _means_apart(first: np.ndarray, second: np.ndarray) -> float:
    apart = abs(float(first.mean() - second.mean()))
    error = float(np.sqrt(first.var() / len(first) + second.var() / len(second)))
    if apart <= 10.0**-DIGITS:
        return 0.0
    return apart / error if error else float("inf")


def repeated(losses: np.ndarray) -> float:
    """The share of losses that occurred before, as with a mask that does not change; NaN if a loss is not finite."""
    if not np.isfinite(losses).all():
        return float("nan")
    largest = np.abs(losses).max(initial=0.0) or 1.0
    return 1 - len(np.unique(np.round(losses / largest, DIGITS))) / len(losses)
