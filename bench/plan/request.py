"""What the options of a run ask for, checked before anything is started."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bench.analysis.self_check import LEAST, SIDE
from bench.errors import UsageError
from bench.plan.cases import Selection
from bench.plan.option_values import (
    Sizes,
    batch_sizes,
    devices,
    feed,
    load_workloads,
    modes,
    precisions,
    purposes,
    scenarios,
    split,
)
from bench.plan.options import DEFAULT_SUITE, Options
from bench.records.cell import Cell
from bench.records.environment import available_cores
from bench.records.measurement import SIDES
from bench.workload import frameworks
from bench.workload.axes import Purpose
from bench.workload.frameworks import Contender
from bench.workload.suite import Suite, load_suite
from bench.workload.workload import Workload, load_workload, shortened, variants

PERCENT = re.compile(r"(?P<number>[+-]?\d+(\.\d+)?) ?%?")
IN_TURNS_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A checked request: what to measure and how thoroughly; `remarks` are for the user.

    `left_out` are the installed contenders that the suite does not name, where the user did not say which are meant.
    `memory_bytes` is what a process that looks for the largest batch may hold; None where nothing was said. `injected`
    is by which share one case shall seem slower in half of its processes, or faster where it is below 0.
    """

    selection: Selection
    suite: Suite
    remarks: tuple[str, ...]
    left_out: tuple[Contender, ...] = ()
    memory_bytes: int | None = None
    injected: float = 0.0
    turns: Mapping[str, str] | None = None

    @property
    def block_seconds(self) -> float:
        """How long a timed block lasts at most: longer in turns, where a single pair of processes has to show more."""
        return self.suite.block_seconds if self.turns is None else max(IN_TURNS_S, self.suite.block_seconds)


def check(options: Options) -> Request:
    """The request that the options stand for; raises UsageError for whatever is wrong with them."""
    suite = load_suite(DEFAULT_SUITE if options.suite is None else options.suite)
    workloads = _workloads(options, suite)
    names = suite.frameworks if options.framework is None else split("framework", options.framework)
    contenders, problems = frameworks.choose(names)
    if not contenders:
        raise UsageError("--framework: " + "; ".join(problems))
    sizes = batch_sizes(options.batch_size)
    training = sizes.named
    selection = Selection(
        workloads=workloads,
        contenders=contenders,
        devices=devices(options.device),
        scenarios=scenarios(options.scenario),
        batch_sizes=sizes.named or suite.batch_sizes,
        batch_sizes_for_training=training,
        processes=_positive("processes", suite.processes if options.processes is None else options.processes),
        seeds=_positive("seeds", options.seeds),
        threads=_threads(options.threads),
        purposes=("learning",) if options.grid else _purposes(options.purpose, suite, sizes),
        modes=modes(options.mode),
        precisions=suite.precisions if options.precision is None else precisions(options.precision),
        feed=feed(options.feed),
        largest_batch=sizes.largest,
        only=None if options.only is None else _only(Path(options.only)),
    )
    if options.grid and "training" not in selection.scenarios:
        raise UsageError("--grid: found --scenario inference, expected training: a grid is about learning")
    if set(selection.precisions) == {"tf32"} and set(selection.devices) == {"cpu"}:
        raise UsageError(
            f"--precision: found {options.precision!r} with --device cpu, expected fp32 or bf16: TF32 is a mode of "
            "NVIDIA GPUs"
        )
    if not 0 < options.time_limit < math.inf:
        raise UsageError(f"--time-limit: found {options.time_limit:g}, expected seconds above 0")
    if sizes.memory_bytes is not None and selection.devices != ("cpu",):
        raise UsageError(
            f"--batch-size: found {options.batch_size!r} with --device {options.device}, expected a limit in samples: "
            "the memory of a GPU is a limit by itself"
        )
    if options.workload is None and "cpu" in selection.devices and any(workload.large for workload in workloads):
        raise UsageError(
            f"--suite: found {suite.name!r} with --device {options.device}, expected --device cuda: these workloads "
            "fill a GPU; name one with --workload to try it on a CPU"
        )
    for workload in workloads if "training" in selection.scenarios else ():
        _fits(workload, training)
    return Request(
        selection=selection,
        suite=suite,
        remarks=problems,
        left_out=frameworks.left_out(contenders) if options.framework is None else (),
        memory_bytes=sizes.memory_bytes,
        injected=_injected(options, selection),
        turns=_turns(options.turns),
    )


def check_devices(
    contenders: Sequence[Contender], wanted: Sequence[str], *, seen: Mapping[Contender, Mapping[str, Any]]
) -> None:
    """Raise UsageError, with what each framework sees, where one does not see a GPU that is wanted.

    `seen` is what a worker of each framework answered to a probe.
    """
    for device in (device for device in wanted if device != "cpu"):
        number = int(device.partition(":")[2] or 0)
        blind = [item for item in contenders if len(seen[item].get("devices", [])) < number + 2]
        if blind:
            lines = (
                f"{item} sees {', '.join(seen[item].get('devices') or [seen[item]['error']])}" for item in contenders
            )
            raise UsageError(
                f"--device: found {device!r}, but {', '.join(map(str, blind))} cannot use it: {'; '.join(lines)}. "
                "Install the extra `cuda` on a machine with an NVIDIA GPU, or use --device cpu"
            )


def _workloads(options: Options, suite: Suite) -> tuple[Workload, ...]:
    """The workloads that were named, or those of the suite, for its epochs; with a grid every choice and fold."""
    workloads = tuple(map(load_workload, suite.workloads))
    if options.workload is not None:
        workloads = load_workloads(options.workload)
    if suite.epochs is not None:
        workloads = tuple(shortened(workload, epochs=suite.epochs) for workload in workloads)
    if not options.grid:
        return workloads
    made = {workload.source: variants(workload) for workload in workloads}
    for source, choices in made.items():
        if len(choices) == 1:
            raise UsageError(f"--grid: {source}: found no [grid] and no dataset.folds, expected a choice")
    return tuple(choice for choices in made.values() for choice in choices)


def _purposes(text: str | None, suite: Suite, sizes: Sizes) -> tuple[Purpose, ...]:
    """What was asked for; a search is one more thing, and the only one where no batch size is named beside it."""
    wanted = purposes(text)
    if sizes.largest is None:
        if "capacity" in wanted:
            raise UsageError("--purpose: found capacity, expected --batch-size auto with it: where would it end?")
        return wanted or suite.purposes
    if wanted and "capacity" not in wanted:
        raise UsageError(
            f"--batch-size: found auto for {text}, expected numbers: auto is a search for the largest batch, where "
            "capacity is among the purposes of `run`"
        )
    if wanted:
        return wanted
    return (*suite.purposes, "capacity") if sizes.named else ("capacity",)


def _fits(workload: Workload, training: tuple[int, ...]) -> None:
    samples = workload.description.train
    for size in training:
        if size > samples:
            raise UsageError(
                f"--batch-size: found {size}, but {workload.name} has only {samples} training samples; "
                "expected a batch that they fill, or --scenario inference"
            )


def _positive(option: str, value: int) -> int:
    if value < 1:
        raise UsageError(f"--{option}: found {value}, expected at least 1")
    return value


def _injected(options: Options, selection: Selection) -> float:
    if options.inject is None:
        return 0.0
    found = PERCENT.fullmatch(options.inject)
    share = float(found["number"]) / 100 if found else 0.0
    if not 0 < abs(share) < 1:
        raise UsageError(f"--inject: found {options.inject!r}, expected a change as 5% or -5%, above 0% and below 100%")
    least = LEAST if options.turns is None else 1
    if selection.processes < least or "timing" not in selection.purposes:
        raise UsageError(
            f"--inject: found {selection.processes} processes for {', '.join(selection.purposes)}, expected at least "
            f"{least} for timing: --purpose timing --processes {2 * SIDE}"
        )
    return share


def _turns(text: str | None) -> Mapping[str, str] | None:
    if text is None:
        return None
    folder, _, side = text.rpartition(":")
    if side not in SIDES or not Path(folder).is_dir():
        raise UsageError(f"--turns: found {text!r}, expected FOLDER:base or FOLDER:head, and a folder that is there")
    return {"folder": str(Path(folder).resolve()), "side": side}


def _only(path: Path) -> frozenset[Cell]:
    """The cells in a file that another run of this program has written."""
    try:
        return frozenset(TypeAdapter(list[Cell]).validate_json(path.read_text("utf-8")))
    except (OSError, ValidationError) as error:
        raise UsageError(f"--only: found {path}, expected a file of cells: {error}") from None


def _threads(asked: int | None) -> int:
    available = available_cores()
    if asked is not None and not 1 <= asked <= available:
        raise UsageError(f"--threads: found {asked}, expected 1 to {available}, the cores of this machine")
    return asked or available
