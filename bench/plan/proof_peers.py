"""Which frameworks a proof adds to the chosen ones, so that two can be compared."""

from collections.abc import Callable, Container, Mapping, Sequence

from bench.analysis.equivalence import PEERS
from bench.records import variables
from bench.records.shell import shell
from bench.workload import frameworks
from bench.workload.frameworks import Contender

PAIR = 2


def second(
    contenders: Sequence[Contender],
    *,
    refused: Container[str] = (),
    gpu: bool = False,
    environ: Mapping[str, str] | None = None,
    able: Callable[[Contender], bool] = lambda _: True,
) -> tuple[Contender, ...]:
    """The frameworks to add to the chosen ones; those in `refused` cannot run the work, as those that are not `able`.

    A framework that a variable of the shell would spoil is not added.
    """
    given = shell() if environ is None else environ
    known = {str(item): item for item in frameworks.every_contender()}
    peers = [known[name] for name in PEERS if name in known]  # sorted by start-up time, the fastest first
    missing = PAIR - sum(item in contenders and str(item) not in refused and able(item) for item in peers)
    others = [
        item
        for item in peers
        if item not in contenders and able(item) and frameworks.is_installed(item)
        if not variables.refused(given, gpu=gpu, libraries=(item.library,))
    ]
    return tuple(others[: max(0, missing)])


def all_that_run(contenders: Sequence[Contender], *, gpu: bool) -> tuple[Contender, ...]:
    """The chosen frameworks, and those without which there is no proof of them.

    Where too few others are left that no variable of the shell spoils, the proof would need those that it spoils.
    """
    here, elsewhere = second(contenders, gpu=gpu), second(contenders, gpu=gpu, environ={})
    return (*contenders, *(here if len(here) == len(elsewhere) else elsewhere))
