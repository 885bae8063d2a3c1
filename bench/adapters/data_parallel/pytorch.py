"""Trains PyTorch on several devices by `DistributedDataParallel`: one process for each device.

The worker is the first process. It forks the others before any device is initialised, and tells them what to do: each
has an adapter of its own, which gets its part of every batch.
https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
"""

import gc
import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import numpy as np
import torch
from torch import distributed, nn

from bench.adapters.base import Adapter, Facts, parts
from bench.adapters.data_parallel.base import digest
from bench.adapters.engines.base import Peaks
from bench.errors import BenchError, UnavailableError
from bench.workload.recipe import Recipe

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
LIMIT = timedelta(minutes=5)  # of one exchange between the processes
INTERFACE = "GLOO_SOCKET_IFNAME"  # gloo would look up the name of the host, which not every network answers
LOOPBACK = Path("/sys/class/net/lo")


class Member:
    """One process with one device: its network is wrapped, so that gradients are averaged over all processes."""

    wrapped: nn.parallel.DistributedDataParallel

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.module: nn.Module = nn.Identity()
        self.device = torch.device("cpu")
        self.apart = ExitStack()  # `no_sync`, while it is wanted

    def join(self, folder: str, size: int, *, device: str, threads: int) -> None:
        """Meet the other processes; each has its own cores if there are enough."""
        if device == "cpu":
            _pin(self.rank, size, threads=threads)
        else:
            torch.cuda.set_device(self.rank)
        if LOOPBACK.exists():
            os.environ.setdefault(INTERFACE, "lo")
        meeting = Path(folder, "store").as_uri()
        distributed.init_process_group(
            BACKENDS[device], init_method=meeting, rank=self.rank, world_size=size, timeout=LIMIT
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


Make = Callable[[Member], Adapter]


@final
class Leader:
    """See `DataParallel`. The first process, which leads the others; `member` is its own part.

    `make` returns the adapter of another process; it is called there.
    """

    def __init__(self, size: int, *, device: str, threads: int, make: Make) -> None:
        if "fork" not in multiprocessing.get_all_start_methods():
            raise UnavailableError("several devices of PyTorch need processes that can be forked: Linux or macOS")
        self.method = f"DistributedDataParallel of {size} processes, {BACKENDS[device]}"
        self.member = Member(0)
        self.numbers: dict[int, int] = {}
        self.kept: list[Any] = []
        self.folder = TemporaryDirectory(prefix="levelfield-", ignore_cleanup_errors=True)
        self.links: list[Connection] = []
        self.size = size
        context = multiprocessing.get_context("fork")
        for rank in range(1, size):
            mine, theirs = context.Pipe()
            process = context.Process(
                target=_run, args=(rank, theirs, [*self.links, mine], make, self._meeting(device, threads)), daemon=True
            )
            process.start()
            theirs.close()
            self.links.append(mine)
        self.member.join(self.folder.name, size, device=device, threads=threads)

    def _meeting(self, device: str, threads: int) -> dict[str, Any]:
        return {"folder": self.folder.name, "size": self.size, "device": device, "threads": threads}

    def prepare(self, model: nn.Module, recipe: Recipe, facts: Facts) -> None:
        """Give every process this network, which has not been moved or wrapped, and forget all batches."""
        self.numbers, self.kept = {}, []
        try:
            content = pickle.dumps((model, recipe, facts))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UnavailableError(f"the network cannot be sent to the processes of other devices: {error}") from error
        self._tell("prepare", content)

    def split(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of this process; the other processes get theirs."""
        mine, *theirs = parts((inputs, targets), self.size)
        for link, part in zip(self.links, theirs, strict=True):
            link.send(("put", part))
        return mine

    def remember(self, placed: object) -> None:
        """The part of this process that was made of the last batch, by which the batch is found again."""
        self.numbers[id(placed)] = len(self.kept)
        self.kept.append(placed)  # else another object could get its id

    def train(self, placed: Sequence[object]) -> None:
        """Let the other processes train on their parts of these batches."""
        self._tell("train", tuple(self.numbers[id(item)] for item in placed))

    def wait(self) -> None:
        """Return when every process has finished its steps."""
        self._asked("wait")

    def copies(self) -> list[str]:
        """A digest of the trainable weights on each device."""
        return [self.member.copy(), *self._asked("copy")]

    def peaks(self) -> list[Peaks]:
        """The peaks of the allocator of each device."""
        return [self.member.peaks(), *(Peaks(*found) for found in self._asked("peaks"))]

    @contextmanager
    def without_communication(self) -> Iterator[None]:
        """Leave out the averages over all processes, as `no_sync` does."""
        self._synchronise(wanted=False)
        try:
            yield
        finally:
            self._synchronise(wanted=True)

    def _synchronise(self, *, wanted: bool) -> None:
        self._tell("synchronise", wanted)
        self.member.synchronise(wanted=wanted)

    def _tell(self, what: str, *given: object) -> None:
        for link in self.links:
            link.send((what, *given))

    def _asked(self, what: str) -> list[Any]:
        """The answers of the other processes, in the order of their devices; raises BenchError if one has ended."""
        try:
            self._tell(what)
            return [link.recv() for link in self.links]
        except (EOFError, OSError) as error:
            raise BenchError("a process of another device has ended; its error is in the log") from error


def _run(rank: int, link: Connection, others: Sequence[Connection], make: Make, meeting: dict[str, Any]) -> None:
    """Serve in another process until the first process ends."""
    for other in others:
        other.close()
    gc.disable()  # as in the first process while it measures
    member = Member(rank)
    try:
        member.join(**meeting)
        _serve(member, make(member), link)
    except (EOFError, KeyboardInterrupt):
        pass
    except Exception:  # noqa: BLE001 (the first process sees the closed pipe; the reason is in the log)
        traceback.print_exc()
    finally:
        os._exit(0)  # the objects of the first process are not ended here


def _serve(member: Member, adapter: Adapter, link: Connection) -> None:
    """Do what the first process says; raises EOFError when it has ended."""
    batches: list[Any] = []
    losses: list[Any] = []
    while True:
        what, *given = link.recv()
        if what == "prepare":
            model, recipe, facts = pickle.loads(given[0])  # noqa: S301 (from the first process)
            adapter.prepare(model, recipe, facts=facts)
            batches = []
        elif what == "put":
            batches.append(adapter.put(*given[0]))
        elif what == "train":
            losses = adapter.train(batches[number] for number in given[0])
        elif what == "synchronise":
            member.synchronise(wanted=given[0])
        elif what == "wait":
            adapter.wait(losses)
            link.send(None)
        else:
            link.send(member.copy() if what == "copy" else tuple(member.peaks()))


def _pin(rank: int, size: int, *, threads: int) -> None:
    """Give each process cores of its own, if there are enough."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    own = cores[rank * threads : (rank + 1) * threads]
    if len(cores) >= size * threads:
        os.sched_setaffinity(0, own)
