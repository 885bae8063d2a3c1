"""The options of a run: each stands here once, with its default and what the command line says of it."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

DEFAULT_SUITE = "quick"


class Help(NamedTuple):
    """What `--help` says of an option, and what stands there for its value; a hidden one is for other programs."""

    text: str
    metavar: str | None = None
    hidden: bool = False


LIST = "LIST"
# Options that other commands have as well.
WORKLOAD = Help("Names of the catalogue, or TOML files; with commas.", LIST)
FRAMEWORK = Help("pytorch, keras (on TensorFlow), keras/jax, flax …, or all; with commas.", LIST)
DEVICE = Help("cpu, cuda, cuda:N; several with commas.", LIST)
PRECISION = Help("fp32 (strict), tf32, bf16 (mixed).", LIST)
SCENARIO = Help("training, inference.", LIST)
THREADS = Help("Threads for every framework; all cores by default.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options as they were given; None where an option was left out. The command line is made of them."""

    suite: Annotated[str | None, Help("A named set of workloads; see `list suites`.")] = None
    workload: Annotated[str | None, WORKLOAD] = None
    framework: Annotated[str | None, FRAMEWORK] = None
    device: Annotated[str, DEVICE] = "cpu"
    mode: Annotated[str, Help("idiomatic (as the guides say), tuned (searched for).", LIST)] = "idiomatic"
    precision: Annotated[str | None, PRECISION] = None
    scenario: Annotated[str | None, SCENARIO] = None
    purpose: Annotated[str | None, Help("timing, learning, memory, capacity.", LIST)] = None
    grid: Annotated[bool, Help("Learn with every choice of a workload's grid, on every fold.")] = False
    batch_size: Annotated[str | None, Help("Batch sizes; auto: the largest that fits.", LIST)] = None
    feed: Annotated[str, Help("Where batches are when the clock starts.", "device|host")] = "device"
    processes: Annotated[int | None, Help("Processes that time each case; 3, or what the suite says.")] = None
    seeds: Annotated[int, Help("How often each network learns, from different first weights.")] = 1
    threads: Annotated[int | None, THREADS] = None
    time_limit: Annotated[float, Help("For each case.", "SECONDS")] = 1800.0
    machine: Annotated[str | None, Help("The name of a class of equal machines.", "NAME")] = None
    save_models: Annotated[bool, Help("Keep what is learnt, for `predict`.")] = False
    tensorboard: Annotated[bool, Help("Write the curves for TensorBoard.")] = False
    inject: Annotated[str | None, Help("Plant a slowdown, with --self-check.", "PERCENT")] = None
    turns: Annotated[str | None, Help("FOLDER:SIDE, where two runs meet.", hidden=True)] = None
    only: Annotated[str | None, Help("A file of cells; nothing else is measured.", hidden=True)] = None

    def command(self) -> str:
        """The command line that asks for the same."""
        return " ".join(("levelfield run", *self.words()))

    def words(self) -> list[str]:
        """Its options, word by word."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        given["suite"] = self.suite or (None if self.workload else DEFAULT_SUITE)
        words: list[str] = []
        del given["turns"], given["only"]  # a place where two runs meet once, and why they do
        for name, value in given.items():
            if value != self.__dataclass_fields__[name].default:
                words.append(f"--{name.replace('_', '-')}")
                words += [] if value is True else [f"{value:g}" if isinstance(value, float) else str(value)]
        return words
