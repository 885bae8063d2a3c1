"""The fork servers of a run: one for each framework and device, each doing one job at a time."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import final

from bench.run.worker_client import Ending, Job, Message, StartMethod, WorkerClient, WorkerError
from bench.workload.frameworks import Contender

PROBE_LIMIT_S = 60.0
EVERY_GPU = "cuda:all"
UNTIMED_AT_ONCE = 2  # proofs and memory are no timings


def _ignore(_: Message) -> None:
    """For jobs whose news nobody wants."""


@final
class WorkerPool:
    """Launchers that are started together, replaced where they died, and closed together."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._clients: dict[tuple[Contender, str], WorkerClient] = {}
        self._locks: dict[tuple[Contender, str], Lock] = {}
        self._spawned: set[WorkerClient] = set()
        self._beside: dict[tuple[Contender, str, int], WorkerClient] = {}
        self._closed = False
        self._hash_seed = 0

    def start(self, wanted: Iterable[tuple[Contender, str]]) -> None:
        """Start those that are not there yet, all at once: they import their frameworks side by side."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for contender, device in sorted(set(wanted) - self._clients.keys()):
            self._locks[contender, device] = Lock()
            self._clients[contender, device] = self._launch(contender, device)

    def renew(self, hash_seed: int) -> None:
        """Put a new one in the place of each, and wait until they are ready; nothing may be at work.

        Whatever is forked from one fork server shares its addresses and its order of sets. Equal code was slower by
        several percent in every process of one fork server than in those of another; who starts anew draws anew.
        """
        self._hash_seed = hash_seed
        for client in self._clients.values():
            client.close()
        self._clients = {key: self._launch(*key) for key in self._clients}
        with suppress(WorkerError):  # which the first job will say
            self.wait()

    def wait(self) -> None:
        """Return when all are ready, so that no import disturbs what is timed next."""
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
        """Do one job in a process that its fork server makes or is; whatever goes wrong with it is an ending too."""
        try:
            with self._locks[contender, device]:
                client = self._clients[contender, device]
                if not client.alive:
                    client.close()
                    client = self._clients[contender, device] = self._launch(contender, device)
                return client.run(job, limit_s=limit_s, listen=listen)
        except WorkerError as error:
            return _failed(error)

    def run_spawned(self, contender: Contender, device: str, job: Job, *, limit_s: float) -> Ending:
        """Do one job in a process of its own that no fork has touched."""
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
        """So many more of one kind, for processes that are there at the same time; what is there already is kept.

        Where one died there is a new one. They import side by side; raises WorkerError where one cannot.
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
        """End those that are there beside the others, all at once: to leave takes a framework more than a second."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(WorkerClient.close, self._beside.values()))
        self._beside.clear()

    def close(self) -> None:
        """End all of them, and whatever they are doing; a job that still waits in another thread is not begun."""
        self._closed = True
        for client in (*self._clients.values(), *self._spawned, *self._beside.values()):
            client.close()

    def _launch(
        self, contender: Contender, device: str, *, spawned: bool = False, name: str = "fork-server"
    ) -> WorkerClient:
        if self._closed:
            raise WorkerError(f"{contender}: not begun, since the run has ended")
        log = self.logs / f"{name}-{contender}-{device}.log".replace("/", "-").replace(":", "-")
        return WorkerClient(
            contender.framework,
            contender.backend,
            device=device,
            log=log,
            spawned=spawned,
            hash_seed=self._hash_seed,
        )


def probe(contenders: Iterable[Contender], *, logs: Path) -> dict[Contender, Message]:
    """What each framework is and sees with every GPU in its sight; one that cannot say has an outcome and an error."""
    asked = tuple(contenders)
    fleet = WorkerPool(logs)
    try:
        fleet.start((contender, EVERY_GPU) for contender in asked)
        found = {}
        for contender in asked:
            job = {"kind": "probe", "framework": contender.framework, "log": str(logs / "probe.log")}
            found[contender] = fleet.run(contender, EVERY_GPU, job, limit_s=PROBE_LIMIT_S).result
        return found
    finally:
        fleet.close()


def _failed(error: WorkerError, start_method: StartMethod = "fork") -> Ending:
    return Ending(result={"outcome": "failed", "error": str(error)}, startup_s=None, start_method=start_method)
