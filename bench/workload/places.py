"""Defines places: the device that a case runs on, or several devices that train as one.

A place is written as a word: `cpu`, `cuda`, `cuda:1` (the GPU with this number), `2xcuda` (the first two GPUs),
`cuda:0+3` (these two), `2xcpu` (two CPU devices: two processes, or two virtual devices of one process).
"""

import re
from typing import Literal, NamedTuple

WORD = re.compile(r"cpu|cuda(:\d+(\+\d+)*)?|[1-9]\d*x(cpu|cuda)")
FORMS = "cpu, cuda or cuda:N, or cuda:N+M for several GPUs"


class Place(NamedTuple):
    """One or several devices of one kind; `gpus` are the numbers of its GPUs.

    A word that is no place is one device of an unknown kind: a record may be of another version.
    """

    kind: Literal["cpu", "cuda", "unknown"]
    devices: int = 1
    gpus: tuple[int, ...] = ()


def read(word: str) -> Place:
    """The place that a word means."""
    if not WORD.fullmatch(word):
        return Place("unknown")
    number, _, name = word.rpartition("x")
    kind, _, named = name.partition(":")
    if kind == "cpu":
        return Place("cpu", int(number or 1))
    gpus = tuple(map(int, named.split("+"))) if named else tuple(range(int(number or 1)))
    return Place("cuda", len(gpus), gpus)


def is_cpu(word: str) -> bool:
    """Whether the devices of this place are CPUs."""
    return read(word).kind == "cpu"


def is_virtual(word: str, contender: str) -> bool:
    """Whether the devices are parts of one process on a CPU, so that their speed says nothing.

    PyTorch has a process for each device, with cores of its own.
    """
    found = read(word)
    return found.kind == "cpu" and found.devices > 1 and contender != "pytorch"


def first(word: str) -> str:
    """The first device of a place; a place with one device is itself."""
    found = read(word)
    if found.devices == 1:
        return word
    return "cpu" if found.kind == "cpu" else f"cuda:{found.gpus[0]}"


def alone(word: str) -> tuple[str, ...]:
    """The words for the first device of a place: `cuda` is the GPU with the number 0, so it stands for `cuda:0`."""
    found = read(word)
    return (first(word), "cuda") if found.kind == "cuda" and found.gpus[0] == 0 else (first(word),)


def several(word: str, devices: int) -> str:
    """The place with so many devices of this one: `2xcpu` of `cpu`; the place itself for one device.

    Raises ValueError for a place that names its devices.
    """
    if devices == 1:
        return word
    if word not in {"cpu", "cuda"}:
        raise ValueError(f"found {word!r}, expected cpu or cuda: it already names its devices")
    return f"{devices}x{word}"
