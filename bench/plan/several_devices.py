"""Checks what is asked of several devices that train as one: their places, their batches, and their networks."""

from collections.abc import Iterator
from dataclasses import replace

from bench.errors import UsageError
from bench.plan.cases import Selection, cases
from bench.plan.option_values import device_counts, devices
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


def check(selection: Selection) -> None:
    """Raise UsageError if a global batch cannot be split into equal parts, one for each device."""
    parallel = replace(selection, devices=(), purposes=("timing",), processes=1, only=None)
    wrong = [
        f"{case.workload}: batch {case.batch_sizes[0]} on {case.device}"
        for case in cases(parallel)
        if case.batch_sizes[0] % places.read(case.device).devices
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
    for workload in selection.workloads:
        names = [str(item) for item in selection.contenders if data_parallel.unequal(workload, str(item))]
        if names:
            yield f"{workload.name} {', '.join(names)}: {data_parallel.BATCH_NORM}, and there is no rank"
