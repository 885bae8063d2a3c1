"""Lists the cases of a run in the order in which they are measured, and estimates how long each case takes."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.records.cell import Cell, cells
from bench.records.load import Serving
from bench.records.record import Case, Record
from bench.workload import model_families, places
from bench.workload.axes import Feed, Load, Mode, Precision, Purpose, Scenario
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload

# Rough values for estimates of cases that were not measured before. They are the FLOP/s of a small machine and of a
# GPU, the seconds of one call and of a process start, and the trials of a search for the largest batch.
ASSUMED_FLOPS = {"cpu": 50e9, "cuda": 20e12}
ASSUMED_CALL_S = 1e-3
ASSUMED_START_S = 2.0
ASSUMED_TRIALS = 8
PURPOSES: tuple[Purpose, ...] = ("timing", "learning", "memory", "capacity")
# The runs of each load, and the seconds of one run of a fast network.
LOADS: Mapping[Load, tuple[int, float]] = {"single_stream": (6, 1.0), "offline": (1, 4.0), "server": (3, 3.5)}
SEARCH = 16, 3.5
FEWEST_QUERIES = 1_000  # of a run
BLOCKS = 4  # first calls, warm-up, synchronised block and pipelined block; each takes about the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a run measures.

    - `devices`: the places with one device;
    - `data_parallel`: the places whose devices train as one. Only the steps of their training are timed;
    - `batch_sizes`: the batch sizes of inference;
    - `batch_sizes_for_training`: training is timed at these. If it is empty, training is timed at the recipe's
      batch size, or at those of the workload's table `[timing]`, which then hold for inference too;
    - `feed`: where batches are before a timed call, on the device or on the host;
    - `largest_batch`: the upper limit of the search for the largest batch that fits; None without a search;
    - `serving`: how queries arrive, for each kind of load that is asked for; on the places with one device;
    - `serving_threads`: the threads of each framework under load, where the load generator has a core of its own;
    - `only`: if it is given, no other cells are measured.
    """

    workloads: tuple[Workload, ...]
    contenders: tuple[Contender, ...]
    devices: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    batch_sizes: tuple[int, ...]
    batch_sizes_for_training: tuple[int, ...]
    processes: int
    seeds: int
    threads: int
    purposes: tuple[Purpose, ...] = PURPOSES
    modes: tuple[Mode, ...] = ("idiomatic",)
    precisions: tuple[Precision, ...] = ("fp32",)
    feed: Feed = "device"
    largest_batch: int | None = None
    data_parallel: tuple[str, ...] = ()
    serving: tuple[Serving, ...] = ()
    serving_threads: int = 1
    only: frozenset[Cell] | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """All places, those with one device first."""
        return (*self.devices, *self.data_parallel)


def cases(selection: Selection) -> tuple[Case, ...]:
    """All cases in order: memory, the first block of timing, learning, the other blocks, load, the largest batch.

    A block times every case in one process. Within a workload, each framework is measured in all its precisions and
    modes, then the next framework follows. Every second block has the reverse order (ABC, CBA), so that no framework is
    always first. The blocks are spread over the run, so that slow drift of the machine's speed affects all frameworks.
    The searches for the largest batch are last, since they fill the memory.
    """
    memory = [case for scenario in selection.scenarios for case in _lap(selection, scenario, replicate=0)]
    planned = [replace(case, purpose="memory", feed="device") for case in memory]
    for replicate in range(selection.processes):
        planned += _block(selection, replicate)
        planned += _data_parallel(selection, replicate)
        if replicate == 0 and "training" in selection.scenarios:
            planned += _learning(selection)
    under_load = [case for replicate in range(selection.processes) for case in _serving(selection, replicate)]
    if selection.largest_batch is not None:
        planned += [
            replace(case, purpose="capacity", feed="device", batch_sizes=(selection.largest_batch,))
            for case in memory
            if case.mode == "idiomatic"  # a search for tuned options needs a known batch size
        ]
    chosen = [case for case in planned if case.purpose in selection.purposes]
    largest = len(chosen) - sum(case.purpose == "capacity" for case in chosen)
    chosen[largest:largest] = under_load
    if selection.only is not None:
        chosen = [_narrowed(case, selection.only) for case in chosen]
    return tuple(case for case in chosen if case.batch_sizes)


def estimate_s(case: Case, workload: Workload, *, block_seconds: float, known: Mapping[Case, float]) -> float:
    """A rough estimate of the seconds that a case takes: its last measured duration, or an estimate from its FLOPs."""
    if case.subject in known:
        return known[case.subject]
    if model_families.has_parts(workload.family):
        flops = model_families.flops_per_sample(workload.family, workload.spec)
    else:
        flops = 2 * model_families.parameters(workload.family, workload.spec)
    sample_s = flops / ASSUMED_FLOPS.get(places.read(case.device).kind, ASSUMED_FLOPS["cpu"])
    if case.purpose == "memory":
        return 2 * ASSUMED_START_S
    if case.purpose == "capacity":
        return ASSUMED_TRIALS * ASSUMED_START_S + ASSUMED_TRIALS * _call_s(3 * sample_s, max(case.batch_sizes))
    if case.serving is not None:
        return ASSUMED_START_S + _load_s(case.serving, sample_s)
    if case.purpose == "learning":
        recipe = workload.recipe
        steps = recipe.epochs * workload.description.train / recipe.batch_size
        return ASSUMED_START_S + steps * _call_s(3 * sample_s, recipe.batch_size)
    passes = 3 if case.scenario == "training" else 1  # the backward pass costs about twice the forward pass
    calls = [max(block_seconds, 64 * _call_s(passes * sample_s, size)) for size in case.batch_sizes]
    return ASSUMED_START_S + BLOCKS * sum(calls)


def known_durations(records: Sequence[Record]) -> dict[Case, float]:
    """The seconds that each case took when it was last measured successfully, by the case's `subject`."""
    return {record.case.subject: record.duration_s for record in records if record.outcome == "ok"}


def _load_s(serving: Serving, sample_s: float) -> float:
    """The seconds of all runs of a load: a few for each run, or as long as its 1 000 queries need."""
    runs, seconds = SEARCH if serving.limit_ns else LOADS[serving.load]
    return runs * max(seconds, FEWEST_QUERIES * sample_s)


def _narrowed(case: Case, only: frozenset[Cell]) -> Case:
    """The case at those of its batch sizes that `only` contains, possibly none."""
    return replace(case, batch_sizes=tuple(cell.batch_size for cell in cells(case) if cell in only))


def _block(selection: Selection, replicate: int) -> Iterator[Case]:
    for scenario in selection.scenarios:
        yield from _lap(selection, scenario, replicate=replicate)


def _data_parallel(selection: Selection, replicate: int) -> Iterator[Case]:
    """Training steps on each place with several devices: at the batch of one device, and at as many times this batch.

    The first batch gives strong scaling, the second one weak scaling. A batch that has more samples than the training
    data is left out.
    """
    if "training" not in selection.scenarios:
        return
    usual = replace(selection, modes=tuple(mode for mode in selection.modes if mode == "idiomatic"), feed="device")
    for device in selection.data_parallel:
        number = places.read(device).devices
        for case in _lap(replace(usual, devices=(device,)), "training", replicate=replicate):
            samples = _workload(selection, case).description.train
            both = {size * factor for size in case.batch_sizes for factor in (1, number)}
            yield replace(case, batch_sizes=tuple(sorted(size for size in both if size <= samples)))


def _serving(selection: Selection, replicate: int) -> Iterator[Case]:
    """Every kind of load in one process each; the search for the highest rate is made once, since it repeats itself."""
    usual = replace(selection, threads=selection.serving_threads)
    for serving in selection.serving:
        if replicate == 0 or serving.limit_ns is None:
            for case in _lap(usual, "inference", replicate=replicate):
                yield replace(case, purpose="serving", serving=serving, batch_sizes=(1,))


def _lap(selection: Selection, scenario: Scenario, *, replicate: int) -> Iterator[Case]:
    """Every workload on every device, once for each framework, precision and mode; odd replicates in reverse order."""
    order = tuple(itertools.product(selection.contenders, selection.precisions, selection.modes))
    for workload in selection.workloads:
        sizes = _sizes(selection, workload, scenario)
        for device in selection.devices:
            for contender, precision, mode in order if replicate % 2 == 0 else order[::-1]:
                yield Case(
                    workload=workload.name,
                    framework=contender.framework,
                    backend=contender.backend,
                    mode=mode,
                    precision=precision,
                    device=device,
                    scenario=scenario,
                    # In ascending order: a memory peak that cannot be reset then belongs to the current batch size.
                    batch_sizes=tuple(sorted(set(sizes))),
                    threads=selection.threads,
                    feed=selection.feed,
                    seed=workload.recipe.seed,
                    replicate=replicate,
                )


def _sizes(selection: Selection, workload: Workload, scenario: Scenario) -> tuple[int, ...]:
    if workload.batch_sizes and not selection.batch_sizes_for_training:
        return workload.batch_sizes
    if scenario == "training":
        return selection.batch_sizes_for_training or (workload.recipe.batch_size,)
    return selection.batch_sizes


def _learning(selection: Selection) -> Iterator[Case]:
    for number in range(selection.seeds):
        for case in _lap(selection, "training", replicate=number):
            recipe = _workload(selection, case).recipe
            yield replace(
                case,
                purpose="learning",
                batch_sizes=(recipe.batch_size,),
                seed=recipe.seed + number,
                replicate=0,
                feed="device",
            )


def _workload(selection: Selection, case: Case) -> Workload:
    return next(item for item in selection.workloads if item.name == case.workload)


def _call_s(sample_s: float, batch_size: int) -> float:
    return ASSUMED_CALL_S + sample_s * batch_size
