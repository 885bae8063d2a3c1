"""Holds the fork servers of a run: one for each framework and device, each runs one job at a time."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import final

from bench.run.worker_client import Ending, Job, Message, StartMethod, WorkerClient, WorkerError
from bench.workload import places
from bench.workload.frameworks import Contender

UNTIMED_AT_ONCE = 2  # jobs for proofs and memory, which are not timed


def _ignore(_: Message) -> None:
    """Drop the messages of a job."""


@final
class WorkerPool:
    """Fork servers that are started together, replaced if they die, and closed together."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._clients: dict[tuple[Contender, str], WorkerClient] = {}
        self._locks: dict[tuple[Contender, str], Lock] = {}
        self._spawned: set[WorkerClient] = set()
        self._beside: dict[tuple[Contender, str, int], WorkerClient] = {}
        self._closed = False
        self._hash_seed = 0

    def start(self, wanted: Iterable[tuple[Contender, str]]) -> None:
        """Start the fork servers that are missing, all at once, so that they import their frameworks in parallel."""
        self.logs.mkdir(parents=True, exist_ok=True)
        seen = {(contender, _seen(device)) for contender, device in wanted}
        for contender, device in sorted(seen - self._clients.keys()):
            self._locks[contender, device] = Lock()
            self._clients[contender, device] = self._launch(contender, device)

    def renew(self, hash_seed: int) -> None:
        """Replace each fork server by a new one, and wait until all are ready; no job may be running.

        All processes of one fork server share its memory addresses and its order of sets. Because of these, the same
        code was several percent slower in every process of one fork server than in those of another. New fork servers
        draw new addresses.
        """
        self._hash_seed = hash_seed
        _close(self._clients.values())
        self._clients = {key: self._launch(*key) for key in self._clients}
        with suppress(WorkerError):  # the first job of a framework that does not start reports it
            self.wait()

    def wait(self) -> None:
        """Return when all are ready, so that no import slows down the next timing."""
        for client in self._clients.values():
            if client.alive:
                client.wait_until_ready()

    def run(
        self,
        contender: Contender,
        device: str,
        job: Job,
        *,
        limit_s: float,
        listen: Callable[[Message], None] = _ignore,
    ) -> Ending:
        """Run one job in a process of its fork server; errors of the worker are returned as an `Ending`, not raised."""
        try:
            with self._locks[contender, _seen(device)]:
                return self._alive(contender, device).run(job, limit_s=limit_s, listen=listen)
        except WorkerError as error:
            return _failed(error)

    def run_weighed(self, contender: Contender, device: str, job: Job, *, limit_s: float) -> Ending:
        """Run one job whose host memory is measured, in a forked process that counts the pages of its libraries.

        Where the system cannot map these pages again, the process is spawned, which takes an import for each job.
        """
        try:
            with self._locks[contender, _seen(device)]:
                client = self._alive(contender, device)
                client.wait_until_ready()
        except WorkerError as error:
            return _failed(error)
        if client.weighs:
            return self.run(contender, device, {**job, "weighed": True}, limit_s=limit_s)
        return self.run_spawned(contender, device, job, limit_s=limit_s)

    def run_spawned(self, contender: Contender, device: str, job: Job, *, limit_s: float) -> Ending:
        """Run one job in a spawned process of its own; errors of the worker are returned as an `Ending`, not raised."""
        try:
            client = self._launch(contender, device, spawned=True)
        except WorkerError as error:
            return _failed(error, "spawn")
        self._spawned.add(client)
        try:
            return client.run(job, limit_s=limit_s)
        except WorkerError as error:
            return _failed(error, "spawn")
        finally:
            self._spawned.discard(client)
            client.close()

    def beside(self, contender: Contender, device: str, places: int) -> Sequence[WorkerClient]:
        """As many more fork servers of one framework as `places`, for processes that run at the same time.

        Those from an earlier call are reused, and replaced if they died. They import in parallel; raises WorkerError if
        one cannot start.
        """
        keys = [(contender, device, place) for place in range(places)]
        for key in keys:
            if key in self._beside and not self._beside[key].alive:
                self._beside.pop(key).close()
            if key not in self._beside:
                self._beside[key] = self._launch(contender, device, name=f"beside-{key[-1]}")
        for key in keys:
            self._beside[key].wait_until_ready()
        return [self._beside[key] for key in keys]

    def dismiss(self) -> None:
        """End the fork servers made by `beside`."""
        _close(self._beside.values())
        self._beside.clear()

    def close(self) -> None:
        """End all fork servers and their jobs; a job that still waits in another thread is not started."""
        self._closed = True
        _close((*self._clients.values(), *self._spawned, *self._beside.values()))

    def _alive(self, contender: Contender, device: str) -> WorkerClient:
        """The fork server of a framework, or a new one in the place of one that has ended."""
        key = contender, _seen(device)
        client = self._clients[key]
        if not client.alive:
            client.close()
            client = self._clients[key] = self._launch(*key)
        return client

    def _launch(
        self, contender: Contender, device: str, *, spawned: bool = False, name: str = "fork-server"
    ) -> WorkerClient:
        if self._closed:
            raise WorkerError(f"{contender}: not started, since the run has ended")
        log = self.logs / f"{name}-{contender}-{device}.log".replace("/", "-").replace(":", "-")
        return WorkerClient(
            contender.framework,
            contender.backend,
            device=device,
            log=log,
            spawned=spawned,
            hash_seed=self._hash_seed,
        )


def _seen(place: str) -> str:
    """The devices that a fork server for this place sees: all places of CPUs share one."""
    return "cpu" if places.is_cpu(place) else place


def _close(clients: Iterable[WorkerClient]) -> None:
    """End several fork servers in parallel: one that still imports, or runs a job, takes a while to end."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(WorkerClient.close, clients))


def _failed(error: WorkerError, start_method: StartMethod = "fork") -> Ending:
    return Ending(result={"outcome": "failed", "error": str(error)}, startup_s=None, start_method=start_method)
