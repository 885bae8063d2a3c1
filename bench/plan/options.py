"""What the options of a run ask for, checked before anything is started."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from bench.analysis.self_check import LEAST, SIDE
from bench.errors import UsageError
from bench.plan.cases import PURPOSES, Selection
from bench.records.budget import Budget, Budgets
from bench.records.environment import available_cores
from bench.records.measurement import SIDES
from bench.records.timing_metrics import Cell
from bench.workload import frameworks
from bench.workload.axes import Feed, Mode, Precision, Purpose, Scenario
from bench.workload.frameworks import Contender
from bench.workload.suite import Suite, load_suite
from bench.workload.toml_errors import read_toml, refuse
from bench.workload.workload import Workload, load_workload, shortened, variants, workload_names

AUTO = re.compile(r"auto(:(?P<number>\d+)(?P<unit>MB|GB)?)?")
BYTES = {"MB": 10**6, "GB": 10**9}
LARGEST_BATCH = 2**16
PERCENT = re.compile(r"(?P<number>[+-]?\d+(\.\d+)?) ?%?")
DEVICE = re.compile(r"cpu|cuda(:\d+)?")
PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16")  # fp64 is for proofs
IN_TURNS_S = 0.5
DEFAULT_SUITE = "quick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options as they were given; None where an option was left out."""

    suite: str | None = None
    workload: str | None = None
    framework: str | None = None
    device: str = "cpu"
    mode: str = "idiomatic"
    precision: str | None = None
    scenario: str | None = None
    purpose: str | None = None
    grid: bool = False
    batch_size: str | None = None
    feed: str = "device"
    processes: int | None = None
    seeds: int = 1
    threads: int | None = None
    time_limit: float = 1800.0
    machine: str | None = None
    save_models: bool = False
    tensorboard: bool = False
    inject: str | None = None
    turns: str | None = None
    only: str | None = None

    def command(self) -> str:
        """The command line that asks for the same."""
        return " ".join(("levelfield run", *self.words()))

    def words(self) -> list[str]:
        """Its options, word by word."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        given["suite"] = self.suite or (None if self.workload else DEFAULT_SUITE)
        words: list[str] = []
        del given["turns"], given["only"]  # a place where two runs meet once, and why they do
        for name, value in given.items():
            if value != self.__dataclass_fields__[name].default:
                words.append(f"--{name.replace('_', '-')}")
                words += [] if value is True else [f"{value:g}" if isinstance(value, float) else str(value)]
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Batch sizes as they were asked for; `largest` is where a search for the largest that fits ends, if there is one.

    `memory_bytes` is what its processes may hold; None where nothing was said.
    """

    named: tuple[int, ...] = ()
    largest: int | None = None
    memory_bytes: int | None = None


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


def budgets(path: Path) -> tuple[Budget, ...]:
    """The budgets of a TOML file; raises UsageError for a mistake in it: file, key, what was found, what is allowed."""
    try:
        return TypeAdapter(Budgets).validate_python(read_toml(path)).budget
    except ValidationError as error:
        refuse(path, "", error, kind=Budgets)


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


def load_workloads(text: str) -> tuple[Workload, ...]:
    """The workloads of a comma-separated list of names and TOML files; `all` is the catalogue but for large ones."""
    wanted = split("workload", text)
    workloads = tuple(map(load_workload, workload_names() if wanted == ("all",) else wanted))
    workloads = tuple(workload for workload in workloads if wanted != ("all",) or not workload.large)
    names = [workload.name for workload in workloads]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--workload: found {name!r} more than once, expected different names")
    return workloads


def purposes(text: str | None) -> tuple[Purpose, ...]:
    """What processes are for; none where nothing is said. Raises UsageError for an unknown one."""
    wanted = () if text is None else split("purpose", text)
    for name in wanted:
        if name not in PURPOSES:
            raise UsageError(f"--purpose: found {name!r}, expected one of {', '.join(PURPOSES)}")
    return tuple(name for name in PURPOSES if name in wanted)


def split(option: str, text: str) -> tuple[str, ...]:
    """The parts of a comma-separated option; raises UsageError for an empty one."""
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(parts):
        raise UsageError(f"--{option}: found {text!r}, expected names separated by commas")
    return parts


def batch_sizes(text: str | None) -> Sizes:
    """The batch sizes of a comma-separated option, none where it was left out.

    `auto` searches, `auto:4096` for no more than so many samples, `auto:8GB` with no more memory than that.
    """
    named: list[int] = []
    searched = Sizes()
    for part in split("batch-size", text) if text is not None else ():
        auto = AUTO.fullmatch(part)
        number = int(auto["number"] or LARGEST_BATCH) if auto else int(part) if part.isdecimal() else 0
        if number == 0:
            raise UsageError(
                f"--batch-size: found {part!r}, expected whole numbers of at least 1, separated by commas, "
                "and auto, auto:SAMPLES, auto:8GB or auto:500MB"
            )
        if auto is None:
            named.append(number)
        elif searched.largest is not None:
            raise UsageError(f"--batch-size: found {text!r}, expected auto once: there is one search")
        elif auto["unit"]:
            searched = Sizes(largest=LARGEST_BATCH, memory_bytes=number * BYTES[auto["unit"]])
        else:
            searched = Sizes(largest=number)
    return replace(searched, named=tuple(named))


def devices(text: str) -> tuple[str, ...]:
    """The devices of a comma-separated option."""
    found = split("device", text)
    for part in found:
        if not DEVICE.fullmatch(part):
            raise UsageError(f"--device: found {part!r}, expected cpu, cuda or cuda:N, separated by commas")
    return found


def scenarios(text: str | None) -> tuple[Scenario, ...]:
    """The scenarios of a comma-separated option, all where it was left out."""
    known: tuple[Any, ...] = get_args(Scenario)
    found = split("scenario", text) if text is not None else known
    for part in found:
        if part not in known:
            raise UsageError(f"--scenario: found {part!r}, expected {' or '.join(known)}")
    return tuple(part for part in known if part in found)


def modes(text: str) -> tuple[Mode, ...]:
    """The modes of a comma-separated option; raises UsageError for an unknown one."""
    known: tuple[Mode, ...] = get_args(Mode)
    found = split("mode", text)
    for part in found:
        if part not in known:
            raise UsageError(f"--mode: found {part!r}, expected {' or '.join(known)}")
    return tuple(name for name in known if name in found)


def precisions(text: str) -> tuple[Precision, ...]:
    """The precisions of a comma-separated option; raises UsageError for an unknown one."""
    found = split("precision", text)
    for part in found:
        if part not in PRECISIONS:
            raise UsageError(f"--precision: found {part!r}, expected {', '.join(PRECISIONS)}, separated by commas")
    return tuple(name for name in PRECISIONS if name in found)


def feed(text: str) -> Feed:
    """Where batches are when the clock starts."""
    known: tuple[Feed, ...] = get_args(Feed)
    if text not in known:
        raise UsageError(f"--feed: found {text!r}, expected {' or '.join(known)}")
    return known[known.index(text)]


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
