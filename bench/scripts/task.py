"""What a script shall do, and its network in the words of a framework."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.workload import model_families
from bench.workload.axes import Scenario
from bench.workload.recipe import Recipe

Word = Callable[[Mapping[str, Any]], str]  # what a framework calls a layer, by its sizes

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


def has_words(task: Task) -> bool:
    """Whether the family says itself how a script writes its network; else the script holds the family's own files."""
    return model_families.script_module(task.family) is not None


def layers(task: Task, words: Mapping[str, Word], **about: object) -> list[str]:
    """The network layer by layer, in the words of the writer and those of the family.

    `about` is what words may ask for beside sizes, options, backend and precision.
    """
    module: Any = model_families.script_module(task.family)
    known = {**words, **module.WORDS.get(task.framework, {})}
    how = {"options": task.options, "backend": task.backend, "precision": task.precision, **about}
    return [known[layer.kind]({**layer.sizes, **how}) for layer in module.network(task.spec)]


def helpers(task: Task) -> list[str]:
    """The functions that the family's words need with these options."""
    module = model_families.script_module(task.family)
    known = getattr(module, "HELPERS", {}).get(task.framework, {})
    return [text for (name, value), text in known.items() if task.options.get(name) == value]
