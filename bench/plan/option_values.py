"""Parses the values of command line options: comma-separated lists of names, batch sizes and devices."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

from bench.errors import UsageError, unknown
from bench.plan.cases import PURPOSES
from bench.workload import places
from bench.workload.axes import Feed, Load, Mode, Precision, Purpose, Scenario
from bench.workload.workload import Workload, load_workload
from bench.workload.workload_files import workload_names

AUTO = re.compile(r"auto(:(?P<number>\d+)(?P<unit>MB|GB)?)?")
BYTES = {"MB": 10**6, "GB": 10**9}
LARGEST_BATCH = 2**16
MOST_DEVICES = 64
PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16")  # fp64 is used for proofs only


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The batch sizes of the option `--batch-size`.

    - `named`: the numbers in the list;
    - `largest`: the upper limit of the search for the largest batch, in samples; None without `auto`;
    - `memory_bytes`: how much memory a process of this search may use; None if the option gives no such limit.
    """

    named: tuple[int, ...] = ()
    largest: int | None = None
    memory_bytes: int | None = None


def each(*values: Callable[[], Any]) -> list[Any]:
    """The value of each of these functions; raises one UsageError with the texts of all that one of them raised.

    So a user sees all misspelt names of a command at once.
    """
    found, wrong = [], []
    for value in values:
        try:
            found.append(value())
        except UsageError as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError("; ".join(dict.fromkeys(wrong)))
    return found


def load_workloads(text: str) -> tuple[Workload, ...]:
    """The workloads of a comma-separated list of names and TOML files; `all` is the catalogue without large ones.

    Raises UsageError for an unknown workload, and for a name that occurs more than once.
    """
    wanted = split("workload", text)
    names = workload_names() if wanted == ("all",) else wanted
    workloads: tuple[Workload, ...] = tuple(each(*(partial(load_workload, name) for name in names)))
    workloads = tuple(workload for workload in workloads if wanted != ("all",) or not workload.large)
    found = [workload.name for workload in workloads]
    for name in found:
        if found.count(name) > 1:
            raise UsageError(f"--workload: found two workloads with the name {name!r}, expected different names")
    return workloads


def purposes(text: str | None) -> tuple[Purpose, ...]:
    """The purposes of a comma-separated option; empty if it was left out. Raises UsageError for an unknown purpose."""
    wanted = () if text is None else _words("purpose", text, PURPOSES)
    return tuple(name for name in PURPOSES if name in wanted)


def split(option: str, text: str) -> tuple[str, ...]:
    """The parts of a comma-separated option, each once; raises UsageError for an empty part."""
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(parts):
        raise UsageError(f"--{option}: found {text!r}, expected names separated by commas")
    return parts


def batch_sizes(text: str | None) -> Sizes:
    """The batch sizes of a comma-separated option; none if it was left out.

    `auto` searches for the largest batch that fits. `auto:4096` searches up to 4096 samples. `auto:8GB` searches with
    at most 8 GB of memory. Raises UsageError for any other value, and for two searches.
    """
    named: list[int] = []
    searched = Sizes()
    for part in split("batch-size", text) if text is not None else ():
        auto = AUTO.fullmatch(part)
        number = int(auto["number"] or LARGEST_BATCH) if auto else int(part) if part.isdecimal() else 0
        if number == 0:
            raise UsageError(
                f"--batch-size: found {part!r}, expected whole numbers of at least 1, separated by commas; "
                "or auto, auto:4096 (samples), auto:8GB or auto:500MB for a search"
            )
        if auto is None:
            named.append(number)
        elif searched.largest is not None:
            raise UsageError(f"--batch-size: found {text!r}, expected auto at most once: a run makes one search")
        elif auto["unit"]:
            searched = Sizes(largest=LARGEST_BATCH, memory_bytes=number * BYTES[auto["unit"]])
        else:
            searched = Sizes(largest=number)
    return replace(searched, named=tuple(named))


def devices(text: str) -> tuple[str, ...]:
    """The places of a comma-separated option; raises UsageError for an unknown one."""
    found = split("device", text)
    wrong = [repr(part) for part in found if not places.WORD.fullmatch(part)]
    if wrong:
        raise UsageError(f"--device: found {', '.join(wrong)}, expected {places.FORMS}, separated by commas")
    twice = [repr(part) for part in found if len(set(places.read(part).gpus)) < len(places.read(part).gpus)]
    if twice:
        raise UsageError(f"--device: found {', '.join(twice)}, expected each GPU once: it is a single device")
    return found


def single_devices(text: str, *, why: str) -> tuple[str, ...]:
    """The same, where devices cannot train as one; the reason ends the UsageError for a place with several."""
    found = devices(text)
    wrong = [repr(part) for part in found if places.read(part).devices > 1]
    if wrong:
        raise UsageError(f"--device: found {', '.join(wrong)}, expected a single device, such as cpu or cuda:1: {why}")
    return found


def device_counts(text: str | None) -> tuple[int, ...]:
    """How many devices train as one, in ascending order; (1,) if the option was left out."""
    found = ("1",) if text is None else split("devices", text)
    wrong = [repr(part) for part in found if not (part.isdecimal() and 0 < int(part) <= MOST_DEVICES)]
    if wrong:
        raise UsageError(
            f"--devices: found {', '.join(wrong)}, expected whole numbers from 1 to {MOST_DEVICES}, separated by commas"
        )
    return tuple(sorted(set(map(int, found))))


def scenarios(text: str | None) -> tuple[tuple[Scenario, ...], tuple[Load, ...]]:
    """The scenarios of a comma-separated option, and the loads; training and inference if it was left out.

    Raises UsageError for an unknown one.
    """
    usual: tuple[Any, ...] = get_args(Scenario)
    loads: tuple[Any, ...] = get_args(Load)
    found = usual if text is None else _words("scenario", text, (*usual, *loads))
    return tuple(part for part in usual if part in found), tuple(part for part in loads if part in found)


def modes(text: str) -> tuple[Mode, ...]:
    """The modes of a comma-separated option; raises UsageError for an unknown one."""
    known: tuple[Mode, ...] = get_args(Mode)
    found = _words("mode", text, known)
    return tuple(name for name in known if name in found)


def precisions(text: str) -> tuple[Precision, ...]:
    """The precisions of a comma-separated option; raises UsageError for an unknown one."""
    found = _words("precision", text, PRECISIONS)
    return tuple(name for name in PRECISIONS if name in found)


def feed(text: str) -> Feed:
    """Where batches are when the clock starts: `device` or `host`; raises UsageError for any other value."""
    known: tuple[Feed, ...] = get_args(Feed)
    if text not in known:
        raise UsageError(f"--feed: {unknown([text], known)}")
    return known[known.index(text)]


def _words(option: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The words of a comma-separated option; raises UsageError that tells of all that are not known."""
    found = split(option, text)
    if set(found) - set(known):
        raise UsageError(f"--{option}: {unknown(found, known)}")
    return found
