"""Trains PyTorch on several devices by `DistributedDataParallel`: one process for each device.

The worker is the first process. It forks the others before any device is initialised, and tells them what to do: each
has an adapter of its own, which gets its part of every batch.
https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
"""

import os
import pickle
import socket
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined] # documented there

from bench.adapters.base import Adapter, Facts, parts
from bench.adapters.data_parallel.base import digest
from bench.adapters.data_parallel.other_processes import DONE, OtherProcesses
from bench.adapters.engines.base import Peaks
from bench.errors import UnavailableError
from bench.workload.recipe import Recipe

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
LIMIT = timedelta(minutes=5)  # of one exchange between the processes
INTERFACE = "GLOO_SOCKET_IFNAME"  # gloo would look up the name of the host, which not every network answers
LOOPBACK, HOST = Path("/sys/class/net/lo"), "127.0.0.1"


class Meeting(NamedTuple):
    """How many processes meet, on which kind of device, and with how many threads each."""

    size: int
    device: str
    threads: int


class Member:
    """One process with one device: its network is wrapped, so that gradients are averaged over all processes."""

    wrapped: nn.parallel.DistributedDataParallel

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.module: nn.Module = nn.Identity()
        self.device = torch.device("cpu")
        self.apart = ExitStack()  # `no_sync`, while it is wanted

    def join(self, store: Store, meeting: Meeting) -> None:
        """Meet the other processes; each has its own cores if there are enough."""
        if meeting.device == "cpu":
            _pin(self.rank, meeting.size, threads=meeting.threads)
        else:
            torch.cuda.set_device(self.rank)
        if LOOPBACK.exists():
            os.environ.setdefault(INTERFACE, "lo")
        distributed.init_process_group(
            BACKENDS[meeting.device], store=store, rank=self.rank, world_size=meeting.size, timeout=LIMIT
        )

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model that averages its gradients over all processes."""
        self.device = next(model.parameters()).device
        self.module = self.wrapped = nn.parallel.DistributedDataParallel(model)
        return self.module

    def copy(self) -> str:
        """The digest of the trainable weights of this process."""
        return digest(value.detach().cpu().numpy() for value in self.module.parameters() if value.requires_grad)

    def peaks(self) -> Peaks:
        """The peaks of torch's allocator on the device of this process."""
        if self.device.type == "cpu":
            return Peaks()
        return Peaks(allocated=torch.cuda.max_memory_allocated(), reserved=torch.cuda.max_memory_reserved())

    def synchronise(self, *, wanted: bool) -> None:
        """Average the gradients in the next steps, or leave that out by `no_sync`."""
        self.apart.close()
        if not wanted:
            self.apart.enter_context(self.wrapped.no_sync())

    def adding_up(self) -> AbstractContextManager[None]:
        """Inside it, gradients are added up on this device, and not averaged yet."""
        return self.wrapped.no_sync()


Make = Callable[[Member], Adapter]


@final
class Leader:
    """See `DataParallel`. The first process, which leads the others; `member` is its own part.

    `make` returns the adapter of another process; it is called there.
    """

    def __init__(self, size: int, *, device: str, threads: int, make: Make) -> None:
        self.method = f"DistributedDataParallel of {size} processes, {BACKENDS[device]}"
        self.size = self.processes = size
        self.member, meeting = Member(0), Meeting(size, device, threads)
        self._forget()
        self.others = OtherProcesses(size, partial(_join_and_serve, make=make, meeting=meeting))
        store = _store(size)  # it starts a thread, so it is made after the forks
        self.others.tell("meet", store.port)
        with self.others.blaming():
            self.member.join(store, meeting)

    def _forget(self) -> None:
        """Begin to count the batches."""
        self.turns = count()
        self.numbers: dict[int, int] = {}  # of the batches that are still there, by the id of this process's part
        self.dropped: list[int] = []  # those that the other processes still have

    def prepare(self, model: nn.Module, recipe: Recipe, facts: Facts) -> None:
        """Give every process this network, which has not been moved or wrapped, and forget all batches."""
        self._forget()
        try:
            content = pickle.dumps((model, recipe, facts))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UnavailableError(f"the network cannot be sent to the processes of other devices: {error}") from error
        self.others.tell("prepare", content)

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model that averages its gradients over all processes."""
        with self.others.blaming():
            return self.member.wrap(model)

    def split(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of this process; the other processes get theirs, and drop the batches that this one has dropped."""
        mine, *theirs = parts((inputs, targets), self.size)
        self.number, dropped = next(self.turns), tuple(self.dropped)
        self.dropped.clear()
        self.others.tell_each("put", theirs, self.number, dropped)
        return mine

    def remember(self, placed: object) -> None:
        """The part of this process that was made of the last batch, by which the batch is found again."""
        self.numbers[id(placed)] = self.number
        weakref.finalize(placed, _drop, self.numbers, self.dropped, id(placed)).atexit = False

    @contextmanager
    def training(self, placed: Sequence[object]) -> Iterator[None]:
        """Let the other processes train on their parts of these batches, while this one trains on its own."""
        self.others.tell("train", tuple(self.numbers[id(item)] for item in placed))
        with self.others.blaming():
            yield

    def wait(self) -> None:
        """Return when every other process has finished its steps."""
        self.others.asked("wait")

    def copies(self) -> list[str]:
        """A digest of the trainable weights on each device."""
        return [self.member.copy(), *self.others.asked("copy")]

    def peaks(self) -> list[Peaks]:
        """The peaks of the allocator of each device."""
        return [self.member.peaks(), *(Peaks(*found) for found in self.others.asked("peaks"))]

    @contextmanager
    def without_communication(self) -> Iterator[None]:
        """Leave out the averages over all processes, as `no_sync` does."""
        self._synchronise(wanted=False)
        try:
            yield
        finally:
            self._synchronise(wanted=True)

    def _synchronise(self, *, wanted: bool) -> None:
        self.others.tell("synchronise", wanted)
        self.member.synchronise(wanted=wanted)


def _drop(numbers: dict[int, int], dropped: list[int], name: int) -> None:
    """Note that the part with this id is gone, and with it its batch."""
    dropped.append(numbers.pop(name))


def _store(size: int) -> TCPStore:
    """Where the processes meet: at a free port that only this machine can reach."""
    listening = socket.create_server((HOST, 0))
    port, number = listening.getsockname()[1], listening.detach()
    return TCPStore(HOST, port, size, is_master=True, timeout=LIMIT, wait_for_workers=False, master_listen_fd=number)


def _join_and_serve(rank: int, link: Connection, *, make: Make, meeting: Meeting) -> None:
    """Meet the first process, and do what it says; raises EOFError when it has ended."""
    member = Member(rank)
    _, port = link.recv()
    member.join(TCPStore(HOST, port, meeting.size, timeout=LIMIT), meeting)
    _serve(member, make(member), link)


def _serve(member: Member, adapter: Adapter, link: Connection) -> None:
    """Do what the first process says; raises EOFError when it has ended."""
    batches: dict[int, Any] = {}
    losses: list[Any] = []
    while True:
        what, *given = link.recv()
        if what == "prepare":
            model, recipe, facts = pickle.loads(given[0])  # noqa: S301 (from the first process)
            adapter.prepare(model, recipe, facts=facts)
            batches = {}
        elif what == "put":
            part, number, dropped = given
            for old in dropped:
                del batches[old]
            batches[number] = adapter.put(*part)
        elif what == "train":
            losses = adapter.train(batches[number] for number in given[0])
        elif what == "synchronise":
            member.synchronise(wanted=given[0])
        elif what == "wait":
            adapter.wait(losses)
            link.send((DONE, None))
        else:
            link.send((DONE, member.copy() if what == "copy" else tuple(member.peaks())))


def _pin(rank: int, size: int, *, threads: int) -> None:
    """Give each process cores of its own, if there are enough."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    own = cores[rank * threads : (rank + 1) * threads]
    if len(cores) >= size * threads:
        os.sched_setaffinity(0, own)
