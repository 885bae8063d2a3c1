"""Checks the options of a run before any process is started, and turns them into a request."""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.analysis.self_check import LEAST, SIDE
from bench.errors import UsageError, unreadable
from bench.plan import proof_peers, serving, several_devices
from bench.plan.cases import Selection, cases
from bench.plan.option_values import (
    Sizes,
    batch_sizes,
    each,
    feed,
    load_workloads,
    modes,
    precisions,
    purposes,
    scenarios,
    split,
)
from bench.plan.options import DEFAULT_SUITE, Options
from bench.records import variables
from bench.records.cell import Cell
from bench.records.environment import available_cores, limits, memory_bytes
from bench.records.measurement import SIDES
from bench.records.shell import shell
from bench.workload import frameworks, places, recipe_checks
from bench.workload.axes import Purpose
from bench.workload.frameworks import Contender
from bench.workload.suite import Suite, load_suite
from bench.workload.workload import Workload, load_workload, shortened, variants

PERCENT = re.compile(r"(?P<number>[+-]?\d+(\.\d+)?) ?%?")
IN_TURNS_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A checked request: what to measure, and how thoroughly.

    - `remarks`: lines for the user, such as frameworks that are not installed;
    - `left_out`: installed frameworks that the suite does not include; empty if the user gave `--framework`;
    - `memory_bytes`: how much memory a search for the largest batch may use; None without such a limit;
    - `injected`: an artificial slowdown of one case in half of its processes, as a share of its time (0.05 is 5 %). A
      negative share makes the case appear faster. 0.0 means none;
    - `turns`: the folder and the side (`base` or `head`) of a run that is interleaved with another run, in slices.
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
        """The time budget of a timed block in seconds.

        It is longer if two runs are interleaved, because then each pair of processes is compared by itself.
        """
        return self.suite.block_seconds if self.turns is None else max(IN_TURNS_S, self.suite.block_seconds)


def check(options: Options) -> Request:
    """The request that the options describe; raises UsageError for a wrong or contradictory option."""
    suite = load_suite(DEFAULT_SUITE if options.suite is None else options.suite)
    selection, sizes, problems = _selection(options, suite)
    workloads = selection.workloads
    if options.grid and "training" not in selection.scenarios:
        raise UsageError(f"--grid: found --scenario {options.scenario}, expected training: --grid trains every variant")
    serving.check(selection)
    several_devices.check(selection, cores=_cores_there(options))
    if options.only is None and not cases(selection):
        raise UsageError(_nothing(selection))
    _check_hardware(options, selection, sizes=sizes, suite=suite)
    for workload in workloads if "training" in selection.scenarios else ():
        _fits(workload, sizes.named if sizes.largest != 1 else (*sizes.named, 1))
    return Request(
        selection=selection,
        suite=suite,
        remarks=(
            *problems,
            *check_variables(selection.places, selection.contenders),
            *dict.fromkeys(remark for item in workloads for remark in item.description.remarks),
            *several_devices.remarks(selection),
            *serving.remarks(selection),
        ),
        left_out=frameworks.left_out(selection.contenders) if options.framework is None else (),
        memory_bytes=sizes.memory_bytes,
        injected=_injected(options, selection),
        turns=_turns(options.turns),
    )


def _check_hardware(options: Options, selection: Selection, *, sizes: Sizes, suite: Suite) -> None:
    """Raise UsageError for what the devices or the memory of this machine do not have."""
    if set(selection.precisions) == {"tf32"} and all(map(places.is_cpu, selection.places)):
        raise UsageError(
            f"--precision: found {options.precision!r} with --device cpu, expected fp32 or bf16: only NVIDIA GPUs have "
            "TF32"
        )
    if not 0 < options.time_limit < math.inf:
        raise UsageError(f"--time-limit: found {options.time_limit:g}, expected a number of seconds greater than 0")
    if sizes.memory_bytes is not None and selection.places != ("cpu",):
        raise UsageError(
            f"--batch-size: found {options.batch_size!r} with --device {options.device}, expected auto or a limit in "
            "samples, such as auto:4096: a limit of memory is for --device cpu only; on a GPU its memory is the limit"
        )
    if options.workload is None and "cpu" in selection.devices and any(item.large for item in selection.workloads):
        raise UsageError(
            f"--suite: found {suite.name!r} with --device {options.device}, expected --device cuda: its workloads are "
            "too large for a CPU; to try one on a CPU anyway, name it with --workload"
        )
    if sizes.memory_bytes is not None and sizes.memory_bytes > memory_bytes():
        raise UsageError(
            f"--batch-size: found {options.batch_size!r}, expected at most {memory_bytes() / 1e9:.1f} GB, the memory "
            f"that this process may use{_why('memory')}"
        )


def check_variables(wanted: Sequence[str], contenders: Sequence[Contender]) -> tuple[str, ...]:
    """What to tell the user of the variables of the shell; raises UsageError for all that are refused, at once.

    What counts is that a chosen framework reads the variable, or one without which the proof cannot be made.
    """
    gpu = not all(map(places.is_cpu, wanted))
    libraries = {item.library for item in proof_peers.all_that_run(contenders, gpu=gpu)}
    if refusal := variables.refusal(shell(), gpu=gpu, libraries=libraries):
        raise UsageError(refusal)
    return tuple(variables.remarks(shell()))


def check_devices(
    contenders: Sequence[Contender], wanted: Sequence[str], *, seen: Mapping[Contender, Mapping[str, Any]]
) -> None:
    """Raise UsageError if a framework does not see a GPU in `wanted`; the message lists what each framework sees.

    `seen` holds the answer of each framework's worker to a probe: its devices, or an error.
    """
    for device in wanted:
        needed = max(places.read(device).gpus, default=-1) + 1
        blind = [item for item in contenders if needed and len(seen[item].get("devices", [])) < needed + 1]
        if blind:
            lines = (
                f"{item} sees {', '.join(found)}" if found else f"{item} failed: {seen[item]['error']}"
                for item, found in ((item, seen[item].get("devices")) for item in contenders)
            )
            raise UsageError(
                f"--device: found {device!r}, but {', '.join(map(str, blind))} cannot use it: {'; '.join(lines)}. "
                "Run `pip install 'levelfield[cuda]'` on a machine with an NVIDIA GPU, or use --device cpu"
            )


def _selection(options: Options, suite: Suite) -> tuple[Selection, Sizes, tuple[str, ...]]:
    """What is measured, the batch sizes as they were asked for, and a line for each framework that is missing."""
    precise = options.precision
    workloads, (contenders, problems), (alone, together), (what, loads), how, numbers, fed, sizes, _ = each(
        lambda: _workloads(options, suite),
        lambda: _contenders(options, suite),
        lambda: several_devices.split(options.device, options.devices),
        lambda: scenarios(options.scenario),
        lambda: modes(options.mode),
        lambda: suite.precisions if precise is None else precisions(precise),
        lambda: feed(options.feed),
        lambda: batch_sizes(options.batch_size),
        lambda: purposes(options.purpose),
    )
    threads = _threads(options, devices=max((places.read(item).devices for item in together), default=1))
    loaded, serving_threads = each(
        lambda: serving.asked(options, loads), lambda: serving.threads(options, threads, loads)
    )
    selection = Selection(
        workloads=workloads,
        contenders=contenders,
        devices=alone,
        data_parallel=together,
        scenarios=what,
        batch_sizes=sizes.named or suite.batch_sizes,
        batch_sizes_for_training=sizes.named,
        processes=_positive("processes", suite.processes if options.processes is None else options.processes),
        seeds=_positive("seeds", options.seeds),
        threads=threads,
        purposes=("learning",) if options.grid else _purposes(options.purpose, suite, sizes),
        modes=how,
        precisions=numbers,
        feed=fed,
        largest_batch=sizes.largest,
        serving=loaded,
        serving_threads=serving_threads,
        only=None if options.only is None else _only(Path(options.only)),
    )
    return selection, sizes, problems


def _nothing(selection: Selection) -> str:
    """Why a selection has no case."""
    if "capacity" in selection.purposes and "idiomatic" not in selection.modes:
        return (
            "--mode: found tuned, expected idiomatic: the search for the largest batch (--batch-size auto) is made in "
            "mode idiomatic only"
        )
    return (
        f"--purpose: found {', '.join(selection.purposes)} with --scenario {', '.join(selection.scenarios)}, which "
        "leaves nothing to measure: only training has learning; leave out one of the two options"
    )


def _contenders(options: Options, suite: Suite) -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    """The frameworks that are installed, and a line for each that is not; raises UsageError if none is."""
    names = suite.frameworks if options.framework is None else split("framework", options.framework)
    contenders, problems = frameworks.choose(names)
    if not contenders:
        raise UsageError("--framework: " + "; ".join(problems))
    return contenders, problems


def _workloads(options: Options, suite: Suite) -> tuple[Workload, ...]:
    """The named workloads, or those of the suite, with at most the suite's epochs; with --grid, all their variants."""
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
            raise UsageError(
                f"--grid: {source}: found no table [grid] and no dataset.folds, expected at least one of them; add "
                "one, or leave out --grid"
            )
    return tuple(choice for choices in made.values() for choice in choices)


def _purposes(text: str | None, suite: Suite, sizes: Sizes) -> tuple[Purpose, ...]:
    """The purposes of the run; `--batch-size auto` adds `capacity`, or replaces the others if it names no number."""
    wanted = purposes(text)
    if sizes.largest is None:
        if "capacity" in wanted:
            raise UsageError(
                "--purpose: found capacity without --batch-size auto, expected both; add --batch-size auto, which "
                "searches for the largest batch"
            )
        return wanted or suite.purposes
    if wanted and "capacity" not in wanted:
        raise UsageError(
            f"--batch-size: found auto for {text}, expected numbers: auto searches for the largest batch, and only "
            "`levelfield run` with capacity among its purposes does that"
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
                f"expected at most {samples}, or --scenario inference"
            )
    norms = recipe_checks.norms_over_one_value(workload.family, workload.spec) if 1 in training else []
    if norms:
        raise UsageError(
            f"--batch-size: found 1, but {workload.name} has a batch norm in {' and '.join(norms)}, which needs two "
            "values or more of each feature, and PyTorch refuses a training step of one sample; expected at least 2, "
            "or --scenario inference"
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
        raise UsageError(
            f"--inject: found {options.inject!r}, expected a change such as 5% or -5%, above 0% and below 100%"
        )
    least = LEAST if options.turns is None else 1
    if selection.processes < least or "timing" not in selection.purposes:
        raise UsageError(
            f"--inject: found {selection.processes} processes for {', '.join(selection.purposes)}, expected at least "
            f"{least} for timing; use --purpose timing --processes {2 * SIDE}"
        )
    return share


def _turns(text: str | None) -> Mapping[str, str] | None:
    if text is None:
        return None
    folder, _, side = text.rpartition(":")
    if side not in SIDES or not Path(folder).is_dir():
        raise UsageError(f"--turns: found {text!r}, expected FOLDER:base or FOLDER:head with an existing folder")
    return {"folder": str(Path(folder).resolve()), "side": side}


def _only(path: Path) -> frozenset[Cell]:
    """The cells in a file that another levelfield process has written."""
    try:
        return frozenset(TypeAdapter(list[Cell]).validate_json(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(f"--only: {path}: {unreadable(error)}, expected a JSON file with a list of cells") from None


def _threads(options: Options, *, devices: int) -> int:
    """The threads of each framework; the default shares the cores among several CPU devices."""
    asked, available = options.threads, available_cores()
    if asked is not None and not 1 <= asked <= _cores_there(options):
        whose = "the number of cores of this machine"
        if why := _why("processors"):
            whose = f"the cores that this process may use{why}"
        most = f"1 to {available}" if available > 1 else "1"
        raise UsageError(f"--threads: found {asked}, expected {most}, {whose}")
    return asked or max(1, available // devices)


def _cores_there(options: Options) -> int:
    """The cores on which a process may run; no limit for other machines, which check their own."""
    return available_cores() if options.executor == "local" else sys.maxsize


def _why(what: str) -> str:
    """What limits the processors or the memory of this process, in parentheses; empty if nothing does."""
    found = "; ".join(line for line in limits() if what in line)
    return f" ({found})" if found else ""
