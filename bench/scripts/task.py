"""Describes what a script has to do, and writes its network layer by layer in the code of a framework."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.workload import model_families
from bench.workload.axes import Scenario
from bench.workload.recipe import Recipe

Word = Callable[[Mapping[str, Any]], str]  # the code of a layer in one framework, from its sizes

WARM_UP = 20
QUERIES = 200
ROUNDS, STEPS = 10, 24  # the steps of a round are a multiple of the steps in one call
# The same as `bench.worker.measure.memory.keep_freed_memory`; only glibc has mallopt.
KEEP_FREED = """if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
    # Make glibc keep freed memory: else the arrays of each {call} may be mapped and cleared again.
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
    mallopt(-4, 0)  # M_MMAP_MAX
"""
# torch's compilation cache does not distinguish code with and without oneDNN, although their strides differ.
ONEDNN = {
    "on": "torch.backends.mkldnn.enabled = True",
    "off": "torch.backends.mkldnn.enabled = False\n"
    "torch.compiler.config.force_disable_caches = True  # the caches do not distinguish oneDNN on and off",
}
CALL_NAMES: Mapping[Scenario, str] = {"training": "step", "inference": "query"}
# The same measure as in the search: training has one wait for each round of steps, inference one for each query. Both
# print the median, which a short disturbance does not change.
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
    """What a script trains or runs: framework, network, recipe, and the options that a search chose."""

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
        """The shape of a batch; images are (batch, height, width, channels)."""
        module = model_families.spec_module(self.family)
        return (self.batch_size, *module.input_shape(self.spec))

    @property
    def vocabulary(self) -> int:
        """How many different integers the inputs may be; 0 if they are numbers of any value."""
        return model_families.vocabulary(self.spec)

    @property
    def has_labels(self) -> bool:
        """Whether targets are integer labels, one for each sample."""
        return self.recipe.loss == "cross_entropy"

    @property
    def outputs(self) -> int:
        """How many outputs the network has for one sample."""
        outputs: int = self.spec.outputs
        return outputs

    @property
    def call(self) -> str:
        """The chosen option `call`, such as `lax.scan of 8 steps, products by cuBLAS`; empty for the default."""
        return self.options.get("call", "")

    @property
    def ahead(self) -> str:
        """The code after `jax.jit(...)` that compiles ahead of time for the arguments `state` and `{fed}`; or empty."""
        return ".lower(state, {fed}).compile()" if "ahead of time" in self.call else ""

    @property
    def compiler_options(self) -> str:
        """The compiler options that `jax.jit` gets after its function; or empty."""
        return ', compiler_options={"xla_gpu_enable_triton_gemm": False}' if "cuBLAS" in self.call else ""

    @property
    def visible(self) -> str:
        """The line that hides all GPUs, or all except the one that the script is for."""
        kind, _, number = self.device.partition(":")
        return f'os.environ["CUDA_VISIBLE_DEVICES"] = "{number}"\n' if kind == "cpu" or number else ""

    @property
    def steps_per_call(self) -> int:
        """How many training steps one call runs: 8 for `lax.scan of 8 steps`, else 1."""
        found = re.search(r" of (\d+) steps\b", self.call)
        return int(found[1]) if found else 1

    @property
    def clock(self) -> Mapping[str, int]:
        """How many calls, queries, rounds and steps a script times."""
        return {
            "warm_up": WARM_UP,
            "queries": QUERIES,
            "rounds": ROUNDS,
            "calls": STEPS // self.steps_per_call,
            "steps_in_a_round": STEPS,
        }

    @property
    def title(self) -> str:
        """One line that names the workload, the framework, the device and the options."""
        name = f"{self.framework}/{self.backend}" if self.backend else self.framework
        options = ", ".join(f"{name} {value}" for name, value in self.options.items()) or "default options"
        work = f"{self.workload}, {self.scenario} at batch {self.batch_size}"
        return f"{work}, {name} on {self.device} in {self.precision}: {options}."


def has_words(task: Task) -> bool:
    """Whether the family has a `script.py` that writes this network; else a script holds the family's own files."""
    module = model_families.script_module(task.family)
    return module is not None and module.network(task.spec) is not None


def layers(task: Task, words: Mapping[str, Word], **about: object) -> list[str]:
    """The code of each layer of the network, by the functions of the framework and those of the family.

    These functions get the sizes of the layer, the options, backend, precision, and everything in `about`.
    """
    module: Any = model_families.script_module(task.family)
    known = {**words, **module.WORDS.get(task.framework, {})}
    how = {"options": task.options, "backend": task.backend, "precision": task.precision, **about}
    return [known[layer.kind]({**layer.sizes, **how}) for layer in module.network(task.spec)]


def helpers(task: Task) -> list[str]:
    """The code of helper functions that the layers of the family need with these options."""
    module = model_families.script_module(task.family)
    known = getattr(module, "HELPERS", {}).get(task.framework, {})
    return [text for (name, value), text in known.items() if task.options.get(name) == value]
