"""The options of a run: each stands here once, with its type, its default and its help."""

from dataclasses import dataclass
from shlex import quote
from typing import Annotated, NamedTuple

DEFAULT_SUITE = "quick"
PERCENTILE = 99.0

# The groups of `levelfield run --help`, in the order in which they are printed.
WHAT = "What to measure"
HOW = "How to measure"
COMPARE = "Compare"
WHERE = "Where the results go"


class Help(NamedTuple):
    """The help of an option.

    `text` is the sentence in `--help`, `metavar` stands for the value, `shown` for a default that is None. A hidden
    option is for other programs.
    """

    text: str
    metavar: str | None = None
    group: str | None = None
    shown: str | None = None
    hidden: bool = False


LIST = "LIST"
# Options that other commands have too.
WORKLOAD = Help(
    "Workloads by name (see `levelfield list workloads`) or as TOML files. The argument WORKLOAD means the same.",
    LIST,
    WHAT,
    "those of the suite",
)
FRAMEWORK = Help(
    "pytorch, flax, keras/tensorflow (or keras), keras/jax, keras/torch, or all.", LIST, WHAT, "those of the suite"
)
DEVICE = Help("cpu, cuda, cuda:N for one GPU, or cuda:N+M for several that train as one.", LIST, WHAT)
PRECISION = Help("fp32 (strict, TF32 off), tf32, bf16 (mixed precision).", LIST, WHAT, "those of the suite")
SCENARIO = Help(
    "training, inference; or under load: single_stream, offline, server (see --sla).",
    LIST,
    WHAT,
    "training, inference",
)
THREADS = Help("CPU threads of each framework.", "N", HOW, "all cores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options as the user gave them, None where one was left out; the command line is made from this class."""

    suite: Annotated[
        str | None, Help("A named set of workloads (see `levelfield list suites`).", "NAME", WHAT, DEFAULT_SUITE)
    ] = None
    workload: Annotated[str | None, WORKLOAD] = None
    framework: Annotated[str | None, FRAMEWORK] = None
    device: Annotated[str, DEVICE] = "cpu"
    devices: Annotated[
        str | None,
        Help(
            "How many devices train as one. 1,2 compares two with one, at the same batch and at twice the batch.",
            LIST,
            WHAT,
            "1",
        ),
    ] = None
    mode: Annotated[
        str,
        Help(
            "idiomatic (code as in each framework's own guide), tuned (the fastest public options, searched for).",
            LIST,
            WHAT,
        ),
    ] = "idiomatic"
    precision: Annotated[str | None, PRECISION] = None
    scenario: Annotated[str | None, SCENARIO] = None
    purpose: Annotated[
        str | None,
        Help("timing, learning (quality), memory, capacity (the largest batch).", LIST, WHAT, "those of the suite"),
    ] = None
    grid: Annotated[
        bool, Help("Train every combination of the TOML table `grid`, on every fold of the data.", group=WHAT)
    ] = False
    batch_size: Annotated[
        str | None,
        Help(
            "Batch sizes to time, in training and inference alike. auto: the largest that fits.",
            LIST,
            HOW,
            "training: the recipe's; inference: the suite's",
        ),
    ] = None
    sla: Annotated[
        str | None,
        Help("Search for the highest rate of queries whose latency keeps this limit, such as 10ms.", "TIME", HOW),
    ] = None
    percentile: Annotated[float, Help("With --sla: the percentile of latency that keeps the limit.", "P", HOW)] = (
        PERCENTILE
    )
    batching: Annotated[
        str,
        Help(
            "How a server makes batches: none, or 8:2ms for at most 8 queries that wait for 2 ms at most.",
            "none|N:TIME",
            HOW,
        ),
    ] = "none"
    feed: Annotated[
        str,
        Help("device: batches are there when the clock starts. host: their copy is timed too.", "device|host", HOW),
    ] = "device"
    processes: Annotated[
        int | None, Help("Fresh processes that time each figure.", "N", HOW, "that of the suite, mostly 3")
    ] = None
    seeds: Annotated[int, Help("How many times each network is trained, from different first weights.", "N", HOW)] = 1
    threads: Annotated[int | None, THREADS] = None
    executor: Annotated[
        str,
        Help(
            "local, or ray: each workload is sent to a machine of a cluster (see `levelfield machines`).", "NAME", HOW
        ),
    ] = "local"
    time_limit: Annotated[float, Help("Stop a case after so many seconds.", "SECONDS", HOW)] = 1800.0
    inject: Annotated[
        str | None,
        Help("With --self-check: slow down one workload on purpose, to show that it is found.", "PERCENT", COMPARE),
    ] = None
    machine: Annotated[
        str | None,
        Help("Runs with the same NAME count as runs of one machine.", "NAME", WHERE, "this machine's id"),
    ] = None
    save_models: Annotated[bool, Help("Keep the trained networks, for `levelfield predict`.", group=WHERE)] = False
    tensorboard: Annotated[bool, Help("Write the learning curves for TensorBoard.", group=WHERE)] = False
    turns: Annotated[str | None, Help("FOLDER:SIDE, where two runs meet.", hidden=True)] = None
    only: Annotated[str | None, Help("A file of cells; nothing else is measured.", hidden=True)] = None
    unreported: Annotated[bool, Help("Write no report.", hidden=True)] = False

    def command(self) -> str:
        """The command line that asks for the same, as a shell takes it."""
        return " ".join(("levelfield run", *map(quote, self.words())))

    def words(self) -> list[str]:
        """The options of that command line, word by word."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        given["suite"] = self.suite or (None if self.workload else DEFAULT_SUITE)
        words: list[str] = []
        for hidden in ("turns", "only", "unreported"):  # set for the sides of a comparison, and for parts of a run
            del given[hidden]
        for name, value in given.items():
            if value != self.__dataclass_fields__[name].default:
                words.append(f"--{name.replace('_', '-')}")
                words += [] if value is True else [f"{value:g}" if isinstance(value, float) else str(value)]
        return words
