"""Checks what is asked of several devices that train as one: their places, their batches, and their networks."""

from collections.abc import Iterator
from dataclasses import replace

from bench.errors import UsageError
from bench.plan.cases import Selection, cases
from bench.plan.option_values import device_counts, devices
from bench.records.record import Case
from bench.workload import data_parallel, places


def split(device: str, counts: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The places with one device, and those whose devices train as one, of the options `--device` and `--devices`."""
    numbers = device_counts(counts)
    try:
        found = [places.several(word, number) for word in devices(device) for number in numbers]
    except ValueError as error:
        raise UsageError(f"--device with --devices {counts}: {error}") from None
    return (
        tuple(word for word in found if places.read(word).devices == 1),
        tuple(word for word in found if places.read(word).devices > 1),
    )


def check(selection: Selection, *, cores: int) -> None:
    """Raise UsageError for what several devices cannot do, and for batches or cores that cannot be split among them."""
    if selection.data_parallel:
        _check_what(selection)
        _check_cores(selection, cores)
        _check_parts(selection)


def _check_what(selection: Selection) -> None:
    """Raise UsageError if nothing that is asked for is measured on several devices."""
    where = ", ".join(selection.data_parallel)
    needs = {
        "--scenario": (selection.scenarios, "training"),
        "--mode": (selection.modes, "idiomatic"),
        "purposes of the run": (selection.purposes, "timing"),
        "--feed": ((selection.feed,), "device"),
    }
    for option, (found, needed) in needs.items():
        if needed not in found:
            raise UsageError(
                f"{option}: found {', '.join(found)} with several devices ({where}), expected {needed}: only training "
                "steps are timed there, in mode idiomatic, with batches on the devices"
            )


def _check_cores(selection: Selection, cores: int) -> None:
    """Raise UsageError if CPU devices have more threads together than this process has cores."""
    threads = selection.threads
    wrong = [word for word in selection.data_parallel if places.is_cpu(word)]
    wrong = [word for word in wrong if places.read(word).devices * threads > cores]
    if wrong:
        each = "1 thread" if threads == 1 else f"{threads} threads"
        raise UsageError(
            f"--devices: found {', '.join(wrong)} with {each} for each device, expected at most {cores} in all, one "
            "for each core that this process may use: take fewer devices or fewer --threads. For a proof without "
            f"times, use `levelfield verify --device {wrong[0]}`"
        )


def _check_parts(selection: Selection) -> None:
    """Raise UsageError if a global batch cannot be split into equal parts, one for each device."""
    wrong = [
        f"{case.workload}: batch {size} on {case.device}"
        for case in _cases(selection)
        for size in case.batch_sizes
        if size % places.read(case.device).devices
    ]
    if wrong:
        raise UsageError(
            f"--devices: found {'; '.join(dict.fromkeys(wrong))}, expected a batch that splits into equal parts, one "
            "for each device: use another --batch-size"
        )


def remarks(selection: Selection) -> Iterator[str]:
    """What a user must know before several devices run: what is left out, and which networks do other work there."""
    if not selection.data_parallel:
        return
    where = ", ".join(selection.data_parallel)
    yield f"{where}: only training steps are timed there, in mode idiomatic, with batches on the devices"
    unpaired = [word for word in selection.data_parallel if not set(places.alone(word)) & set(selection.devices)]
    if unpaired:
        yield f"{', '.join(unpaired)}: no efficiency, since no single device is timed: {_pairing(unpaired[0])}"
    yield from _left_out(selection)
    for workload in selection.workloads:
        names = [str(item) for item in selection.contenders if data_parallel.unequal(workload, str(item))]
        if names:
            yield f"{workload.name} {', '.join(names)}: {data_parallel.BATCH_NORM}, and there is no rank"


def _pairing(word: str) -> str:
    """The option by which a place is compared with its first device."""
    if word[0].isdecimal():
        return f"use --devices 1,{places.read(word).devices}"
    return f"use --device {places.first(word)},{word}"


def _left_out(selection: Selection) -> Iterator[str]:
    """The batches that are too large for the training data, and so are not timed on several devices."""
    samples = {item.name: item.description.train for item in selection.workloads}
    for case in _cases(selection):
        devices, most = places.read(case.device).devices, samples[case.workload]
        large = [str(size * devices) for size in case.batch_sizes if size * devices > most]
        if large:
            yield (
                f"{case.workload} on {case.device}: no weak efficiency at batch {' and '.join(large)}, since there are "
                f"only {most} training samples"
            )


def _cases(selection: Selection) -> tuple[Case, ...]:
    """A timed case for each workload and place, with the batch sizes of one device."""
    usual = replace(selection, devices=selection.data_parallel, data_parallel=(), contenders=selection.contenders[:1])
    once = replace(
        usual, serving=(), scenarios=("training",), modes=("idiomatic",), precisions=selection.precisions[:1]
    )
    return cases(replace(once, purposes=("timing",), processes=1, only=None))
