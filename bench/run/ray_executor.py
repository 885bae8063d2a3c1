"""Sends parts to the machines of a Ray cluster. Ray places them, and tells when a machine is lost; it measures nothing.

A task takes all processors and GPUs of its node, so that nothing is placed beside it, and is never repeated.
https://docs.ray.io/en/latest/ray-core/scheduling/index.html
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

from bench.errors import UnavailableError, UsageError
from bench.records.environment import environment
from bench.run import part_on_machine
from bench.run.part_on_machine import Job
from bench.run.sender import News, Part
from bench.workload import frameworks

NAMED = "levelfield-machine:"  # a resource of a node by which tests name several machines on one
MONITOR, NICENESS = "RAY_memory_monitor_refresh_ms", "RAY_worker_niceness"
PRELOADED = "LD_PRELOAD"
LARGEST_SKEW_S = 5.0
PREFLIGHT_S = 120.0
ASKED_S = 1.0  # the longest wait for news before an interrupt is noticed

AUTO = "auto"  # the cluster of this machine
START = "start it with `ray start --head`, and join other machines with `ray start --address`"
ANSWER_S = 10.0

Found = Mapping[str, Any]
MakeJob = Callable[[Part, str], Job]


@final
class RayExecutor:
    """See `Executor`. `job` makes the job of a part on a machine; it is set before the first part begins."""

    job: MakeJob

    def __init__(self, address: str) -> None:
        self.ray = _ray()
        _check_answers(address)
        try:
            self.ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except (ConnectionError, RuntimeError) as error:  # nobody there, or another version of Ray
            raise UsageError(
                f"--executor ray: found no cluster at {address!r} that lets this command in ({_reason(error)}), "
                f"expected one: {START}. If it asks for a token, set RAY_AUTH_MODE=token"
            ) from None
        self.nodes: dict[str, Found] = {}
        self.streams: dict[str, Any] = {}

    def preflight(self) -> dict[str, Found]:
        """What each machine of the cluster has, by its name; raises UsageError if one does not answer."""
        asked = []
        for node in self.ray.nodes():
            if node["Alive"]:
                name = next((key.removeprefix(NAMED) for key in node["Resources"] if key.startswith(NAMED)), None)
                asked.append((node, time.time(), self._on(node, look, cores=0).remote(name)))
        for node, sent_s, answer in asked:
            try:
                found = self.ray.get(answer, timeout=PREFLIGHT_S)
            except self.ray.exceptions.RayError as error:
                where = node["NodeManagerAddress"]
                raise UsageError(f"--executor ray: {where}: {_reason(error)}, expected an answer") from None
            machine = found["machine"]
            if machine in self.nodes:
                raise UsageError(f"--executor ray: found two Ray nodes on {machine}, expected one on each machine")
            skew_s = off_by(found["clock_s"], sent_s, time.time())
            self.nodes[machine] = {**found, "clock_s": skew_s, "node": node}
        self.nodes = dict(sorted(self.nodes.items()))
        return self.nodes

    def found(self, machine: str) -> Found:
        """What the preflight has found on a machine."""
        return self.nodes[machine]

    def machines(self) -> Sequence[str]:
        """The names of the machines, after `preflight`."""
        return tuple(self.nodes)

    def start(self, part: Part, machine: str) -> None:
        """Begin a part on a machine, which it has for itself."""
        node = self.nodes[machine]["node"]
        resources = node["Resources"]
        task = self._on(node, run_part, cores=resources.get("CPU", 1), gpus=resources.get("GPU", 0))
        # The part waits until its last news is taken: then everything before is kept, and it may be removed there.
        one_by_one = task.options(num_returns="streaming", _generator_backpressure_num_objects=1)
        self.streams[machine] = one_by_one.remote(asdict(self.job(part, machine)))

    def news(self) -> News:
        """The next news of any machine."""
        while True:
            ready, _ = self.ray.wait([*self.streams.values()], num_returns=1, timeout=ASKED_S, fetch_local=False)
            machine = next((name for name, stream in self.streams.items() if stream in ready), None)
            found = self._given_up() if machine is None else self._next(machine, self.streams[machine])
            if found is not None:
                return found

    def stop(self) -> None:
        """Interrupt all parts: each process gets KeyboardInterrupt, and ends the run that it has started."""
        for stream in self.streams.values():
            self.ray.cancel(stream, force=False)

    def close(self) -> None:
        """Leave the cluster."""
        self.ray.shutdown()

    def _given_up(self) -> News | None:
        """The loss of a machine that does not answer: Ray gives up its node, and its task never ends."""
        alive = {node["NodeID"] for node in self.ray.nodes() if node["Alive"]}
        machine = next((name for name in self.streams if self.nodes[name]["node"]["NodeID"] not in alive), None)
        if machine is None:
            return None
        del self.streams[machine]
        return News(machine=machine, kind="lost", text="Ray has given up its node, which does not answer")

    def _next(self, machine: str, stream: Any) -> News | None:  # noqa: ANN401 (Ray's own)
        try:
            told = dict(self.ray.get(next(stream)))
        except StopIteration:
            del self.streams[machine]
            return None
        except self.ray.exceptions.TaskCancelledError:
            del self.streams[machine]
            return News(machine=machine, kind="ended", code=130, text="interrupted")
        except self.ray.exceptions.RayTaskError as error:  # the part failed, and the machine did not
            del self.streams[machine]
            return News(machine=machine, kind="ended", code=1, text=_reason(error))
        except (self.ray.exceptions.RayError, OSError) as error:
            del self.streams[machine]
            return News(machine=machine, kind="lost", text=_reason(error))
        return News(machine=machine, **told)

    def _on(self, node: Found, function: Callable[..., Any], *, cores: float, gpus: float = 0) -> Any:  # noqa: ANN401 (Ray's own)
        """The function as a task on this node."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        return self.ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=0, scheduling_strategy=there, max_calls=1)(
            function
        )


def look(name: str | None) -> dict[str, Any]:
    """What this machine is and has: it runs there."""
    import ray

    known = frameworks.every_contender()
    here = environment({}, machine=name)
    return {
        "machine": here.machine,
        "given": name,
        "cores": here.cores,
        "memory_bytes": here.memory_bytes,
        "python": here.python,
        "ray": ray.__version__,
        "levelfield": here.levelfield,
        "commit": here.commit or "",
        "versions": {str(item): frameworks.versions(item) for item in filter(frameworks.is_installed, known)},
        "monitor": _shell().get(MONITOR, ""),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "clock_s": time.time(),
    }


def run_part(job: dict[str, Any]) -> Iterator[part_on_machine.Told]:
    """Run a part on this machine, in the shell that Ray was started from."""
    yield from part_on_machine.run(Job(**{**job, "lines": tuple(job["lines"])}), environment=_shell(without_ray=True))


def off_by(clock_s: float, sent_s: float, received_s: float) -> float:
    """The seconds by which a clock is surely off: it was read between two times of this machine."""
    return clock_s - min(max(clock_s, sent_s), received_s)


def differences(found: Mapping[str, Found]) -> list[str]:
    """Why these machines cannot share a run: each difference with the machines that have it.

    This command makes the plan, so its own code counts too.
    """
    here, lines = {"this command": look(None)}, list[str]()
    for what in ("python", "ray", "levelfield", "commit", "versions"):
        values: dict[str, list[str]] = {}
        also = here if what in {"levelfield", "commit"} else {}
        for machine, item in (*found.items(), *also.items()):
            values.setdefault(str(item[what]), []).append(machine)
        if len(values) > 1:
            lines.append(f"{what}: " + "; ".join(f"{', '.join(names)} has {value}" for value, names in values.items()))
    watched = [name for name, item in found.items() if item["monitor"] != "0"]
    if watched:
        lines.append(
            f"memory monitor: on {', '.join(watched)} Ray may kill a measurement at 95 % of the memory, expected "
            f"{MONITOR}=0 in the shell of `ray start`"
        )
    nice = [f"{name} runs parts at niceness {item['niceness']}" for name, item in found.items() if item["niceness"] > 0]
    if nice:
        lines.append(f"niceness: {', '.join(nice)}, expected {NICENESS}=0 in the shell of `ray start`")
    late = [
        f"{name} is off by {item['clock_s']:.0f} s"
        for name, item in found.items()
        if abs(item["clock_s"]) > LARGEST_SKEW_S
    ]
    if late:
        lines.append(f"clock: {', '.join(late)}, expected at most {LARGEST_SKEW_S:g} s")
    return lines


def _check_answers(address: str) -> None:
    """Refuse an address at which nobody listens: Ray would wait for minutes."""
    if address == AUTO:
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        raise UsageError(f"RAY_ADDRESS: found {address!r}, expected HOST:PORT, as `ray start --head` prints it")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise UsageError(f"RAY_ADDRESS: nobody answers at {address} ({error}), expected a cluster: {START}") from None


def _shell(*, without_ray: bool = False) -> dict[str, str]:
    """The variables of the process that started this one: Ray changes those of its workers, such as OMP_NUM_THREADS.

    The memory allocator that Ray loads into its own processes is left out: it would change what is measured.
    """
    try:
        content = Path("/proc", str(os.getppid()), "environ").read_bytes().decode("utf-8", "replace")
        found = dict(line.split("=", 1) for line in content.split("\0") if "=" in line)
    except OSError:
        found = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if "/ray/core/" in found.get(PRELOADED, ""):
        del found[PRELOADED]
    return {name: value for name, value in found.items() if not (without_ray and name.startswith("RAY_"))}


def _reason(error: BaseException) -> str:
    """The first line of an error; of an error in a task, its kind and what it says itself."""
    cause = getattr(error, "cause", None)
    kind = f"{type(cause).__name__}: " if cause is not None else ""
    return kind + next(iter(str(cause or error).strip().splitlines()), type(error).__name__)


def _ray() -> Any:  # noqa: ANN401 (a module)
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UnavailableError("--executor ray: Ray is not installed: pip install 'levelfield[ray]'") from None
    return ray
