"""What a script shall do, and its network as a list of layers that every framework has a word for."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.workload import model_families
from bench.workload.axes import Scenario
from bench.workload.recipe import Recipe

WARM_UP = 20
QUERIES = 200
ROUNDS, STEPS = 10, 24  # steps in a round: a multiple of those in a call
# As `bench.worker.measure.memory.keep_freed_memory`; other C libraries have no mallopt.
KEEP_FREED = """if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
    # glibc keeps what is freed: else the arrays of each {call} may be mapped and cleared anew.
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
    mallopt(-4, 0)  # M_MMAP_MAX
"""
# What torch keeps of programs does not tell those with oneDNN from those without, whose arrays have other strides.
ONEDNN = {
    "on": "torch.backends.mkldnn.enabled = True",
    "off": "torch.backends.mkldnn.enabled = False\n"
    "torch.compiler.config.force_disable_caches = True  # which do not tell oneDNN on from off",
}
CALL_NAMES: Mapping[Scenario, str] = {"training": "step", "inference": "query"}
# As the search goes by them: steps have one wait for a round, queries one each. Of both it takes the median, which a
# busy moment of the machine does not move.
CLOCKS: Mapping[Scenario, str] = {
    "training": """for _ in range({warm_up}):
    {call_once}
{wait}
times = []
for _ in range({rounds}):
    start = time.perf_counter()
    for _ in range({calls}):
        {call_once}
    {wait}
    times.append((time.perf_counter() - start) / {steps_in_a_round})
print(f"{{statistics.median(times) * 1e3:.4f}} ms a step")
""",
    "inference": """times = []
for _ in range({warm_up} + {queries}):
    start = time.perf_counter()
    {call_once}
    {wait}
    times.append(time.perf_counter() - start)
print(f"{{statistics.median(times[{warm_up}:]) * 1e3:.4f}} ms a query")
""",
}
PIN = """if hasattr(os, "sched_setaffinity"):  # as many cores as threads
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{threads}])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A framework, a network, a recipe, and the options with which it is fastest."""

    workload: str
    framework: str
    backend: str | None
    device: str
    precision: str
    threads: int
    scenario: Scenario
    batch_size: int
    family: str
    spec: model_families.Spec
    recipe: Recipe
    options: Mapping[str, str]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a batch, images with their channels last."""
        module = model_families.spec_module(self.family)
        return (self.batch_size, *module.input_shape(self.spec))

    @property
    def has_labels(self) -> bool:
        """Whether targets are whole numbers, one for each sample."""
        return self.recipe.loss == "cross_entropy"

    @property
    def outputs(self) -> int:
        """Numbers that the network answers for a sample."""
        outputs: int = self.spec.outputs
        return outputs

    @property
    def call(self) -> str:
        """The chosen program by its name: `lax.scan of 8 steps, products by cuBLAS`; empty where it is the guide's."""
        return self.options.get("call", "")

    @property
    def ahead(self) -> str:
        """What follows a program of JAX that is compiled ahead of time, for a state and what is fed."""
        return ".lower(state, {fed}).compile()" if "ahead of time" in self.call else ""

    @property
    def compiler_options(self) -> str:
        """What `jax.jit` is told beside its function."""
        return ', compiler_options={"xla_gpu_enable_triton_gemm": False}' if "cuBLAS" in self.call else ""

    @property
    def visible(self) -> str:
        """The line that hides all GPUs, or all but the one that the script is for."""
        kind, _, number = self.device.partition(":")
        return f'os.environ["CUDA_VISIBLE_DEVICES"] = "{number}"\n' if kind == "cpu" or number else ""

    @property
    def steps_per_call(self) -> int:
        """How many steps the chosen program makes: `lax.scan of 8 steps`."""
        found = re.search(r" of (\d+) steps\b", self.call)
        return int(found[1]) if found else 1

    @property
    def clock(self) -> Mapping[str, int]:
        """How often a script calls what it times."""
        return {
            "warm_up": WARM_UP,
            "queries": QUERIES,
            "rounds": ROUNDS,
            "calls": STEPS // self.steps_per_call,
            "steps_in_a_round": STEPS,
        }

    @property
    def title(self) -> str:
        """What the script is about, in a line."""
        who = f"{self.framework}/{self.backend}" if self.backend else self.framework
        how = ", ".join(f"{name} {value}" for name, value in self.options.items()) or "as its guide says"
        what = f"{self.workload}, {self.scenario} at batch {self.batch_size}"
        return f"{what}, {who} on {self.device} in {self.precision}: {how}."


class Layer(NamedTuple):
    """One layer by the word for it, and its sizes."""

    kind: str
    sizes: dict[str, Any]


def network(task: Task) -> Iterator[Layer]:
    """The layers in their order."""
    yield from FAMILIES[task.family](task.spec)


def _dnn(spec: Any) -> Iterator[Layer]:  # noqa: ANN401 (a spec)
    yield from _dense(spec.features, spec.hidden, spec.outputs)


def _cnn(spec: Any) -> Iterator[Layer]:  # noqa: ANN401 (a spec)
    height, width, channels = spec.height, spec.width, spec.channels
    for layer in spec.convolutions:
        sizes = {"inputs": channels, "outputs": layer.filters, "kernel": layer.kernel, "padding": layer.padding}
        yield Layer("convolution", sizes)
        yield from _tail(layer.filters, layer, axes=2)
        if layer.pool > 1:
            yield Layer("pool", {"size": layer.pool})
        yield from _dropout(layer.dropout)
        lost = layer.kernel - 1 if layer.padding == "valid" else 0
        height, width, channels = (height - lost) // layer.pool, (width - lost) // layer.pool, layer.filters
    yield Layer("flatten", {})
    yield from _dense(height * width * channels, spec.dense, spec.outputs)


def _recurrent(kind: str, spec: Any) -> Iterator[Layer]:  # noqa: ANN401 (a spec)
    inputs = spec.features
    for number, layer in enumerate(spec.layers):
        last = number == len(spec.layers) - 1
        sizes = {"inputs": inputs, "units": layer.units, "activation": layer.activation, "last": last}
        yield Layer(kind, sizes)
        if layer.batch_norm:
            yield Layer("batch_norm", {"channels": layer.units, "axes": 0 if last else 1, **_constants(layer)})
        yield from _dropout(layer.dropout)
        inputs = layer.units
    yield Layer("dense", {"inputs": inputs, "outputs": spec.outputs})


def _dense(inputs: int, layers: Any, outputs: int) -> Iterator[Layer]:  # noqa: ANN401 (of a spec)
    for layer in layers:
        yield Layer("dense", {"inputs": inputs, "outputs": layer.units})
        yield from _tail(layer.units, layer, axes=0)
        yield from _dropout(layer.dropout)
        inputs = layer.units
    yield Layer("dense", {"inputs": inputs, "outputs": outputs})


def _tail(channels: int, layer: Any, *, axes: int) -> Iterator[Layer]:  # noqa: ANN401 (of a spec)
    norm = [Layer("batch_norm", {"channels": channels, "axes": axes, **_constants(layer)})] if layer.batch_norm else []
    activation = [Layer("activation", {"name": layer.activation})] if layer.activation != "linear" else []
    before = bool(layer.batch_norm) and layer.batch_norm.position == "before"
    yield from (norm + activation if before else activation + norm)


def _constants(layer: Any) -> dict[str, float]:  # noqa: ANN401 (of a spec)
    return {"epsilon": layer.batch_norm.epsilon, "momentum": layer.batch_norm.momentum}


def _dropout(rate: float) -> Iterator[Layer]:
    if rate:
        yield Layer("dropout", {"rate": rate})


FAMILIES: dict[str, Callable[[Any], Iterator[Layer]]] = {
    "dnn": _dnn,
    "cnn": _cnn,
    "lstm": lambda spec: _recurrent("lstm", spec),
    "rnn": lambda spec: _recurrent("rnn", spec),
}
