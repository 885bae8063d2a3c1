"""Variables of the shell that matter are recorded, or overruled, or refused if a record would not be true."""

import pytest

from bench.records import variables
from bench.records.variable_rules import OVERRULED, REFUSED, SET

PATHS = {"PATH": "/usr/bin", "HOME": "/home/somebody", "TERM": "xterm"}


@pytest.mark.parametrize(
    "name",
    [
        "TF_ENABLE_ONEDNN_OPTS",
        "KMP_AFFINITY",
        "XLA_FLAGS",
        "JAX_NUMPY_DTYPE_PROMOTION",
        "TORCHINDUCTOR_MAX_AUTOTUNE",
        "PYTORCH_CUDA_ALLOC_CONF",
        "OMP_PROC_BIND",
        "GOMP_CPU_AFFINITY",
        "MKL_CBWR",
        "DNNL_MAX_CPU_ISA",
        "CUBLAS_WORKSPACE_CONFIG",
        "MALLOC_ARENA_MAX",
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
        "PYTHONFAULTHANDLER",
        "NVIDIA_TF32_OVERRIDE",
        "NCCL_P2P_DISABLE",
    ],
)
def test_a_variable_that_changes_how_frameworks_compute_is_recorded(name: str) -> None:
    assert variables.inherited({**PATHS, name: "1"}) == {name: "1"}


@pytest.mark.parametrize(
    "name", ["TF_VAR_password", "TF_TOKEN_app", "TF_CLI_CONFIG_FILE", "TF_CONFIG", "PYTHONUNBUFFERED", "TORCH_HOME"]
)
def test_variables_of_other_programs_and_places_of_files_are_not_recorded(name: str) -> None:
    assert variables.inherited({name: "1"}) == {}


@pytest.mark.parametrize("name", [*SET, *OVERRULED])
def test_what_the_harness_sets_or_overrules_is_not_listed_as_inherited(name: str) -> None:
    assert variables.inherited({name: "1"}) == {}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true", "--xla_cpu_enable_fast_math=true"),
        ("PYTORCH_CUDA_ALLOC_CONF", "max_split_size_mb:128,backend:native", "max_split_size_mb:128,backend:native"),
        ("KMP_AFFINITY", "granularity=fine,compact,1,0", "granularity=fine,compact,1,0"),
        ("CUBLAS_WORKSPACE_CONFIG", ":4096:8", ":4096:8"),
        ("LD_PRELOAD", "/home/somebody/lib/libjemalloc.so.2", "libjemalloc.so.2"),
        ("LD_PRELOAD", "/a/libjemalloc.so.2:/b/libtcm.so /c/libx.so", "libjemalloc.so.2:libtcm.so libx.so"),
        ("NCCL_TOKEN", "1", "(not stored)"),
        ("XLA_API_KEY", "1", "(not stored)"),
        ("JAX_COORDINATOR_ADDRESS", "10.0.0.1:12", "(not stored)"),
        ("XLA_REMOTE", "https://somebody:word@example.org/x", "(not stored)"),
        ("XLA_REMOTE", "worker.example.org:8476", "(not stored)"),
        ("XLA_FLAGS", "--token=ab --xla_a=1", "(not stored) --xla_a=1"),
        ("XLA_OTHER", "ghp16C7e42F292c6912E7710c838347Ae178B4a", "(not stored)"),
        ("XLA_OTHER", "a\x1b[31mb", "a?[31mb"),
        ("XLA_OTHER", "x" * 400, "x" * 300 + "…"),
        ("XLA_OTHER", "", ""),
    ],
)
def test_a_record_shows_only_harmless_parts_of_a_value(name: str, value: str, shown: str) -> None:
    assert variables.inherited({name: value}) == {name: shown}


def test_the_value_of_a_switch_is_on_the_record_although_its_name_looks_like_one_of_a_secret() -> None:
    """Without its value, a report would say that it was on."""
    assert variables.inherited({"JAX_DEBUG_KEY_REUSE": "0"}) == {"JAX_DEBUG_KEY_REUSE": "0"}
    assert variables.inherited({"JAX_DEBUG_KEY": "0"}) == {"JAX_DEBUG_KEY": "(not stored)"}


def test_no_beginning_of_a_name_is_listed_twice() -> None:
    for listed in (variables.PREFIXES, variables.UNRELATED):
        assert len(set(listed)) == len(listed)


def test_a_path_is_not_shown_and_two_paths_can_be_told_apart() -> None:
    one, same, other = (
        variables.safe("XLA_FLAGS", f"--xla_dump_to={path}")
        for path in ("/home/somebody/a", "/home/somebody/a", "/opt/b")
    )
    assert one == same != other
    assert "somebody" not in one
    assert one.startswith("--xla_dump_to=(path ")
    assert "home" not in variables.safe("LD_LIBRARY_PATH", "/home/somebody/lib:/opt/lib")
    assert "a" not in variables.safe("TORCH_X", "~/a").removeprefix("(path ").strip("0123456789abcdef)")


ON: dict[str, str] = {
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
    "TF_XLA_FLAGS": "--tf_xla_always_defer_compilation=true",
    "JAX_OPTIMIZATION_LEVEL": "O0",
    "PYTHONMALLOC": "pymalloc_debug",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165",
    "XLA_PYTHON_CLIENT_ALLOCATOR": "platform",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "ONEDNN_DEFAULT_FPMATH_MODE": "ANY",
    "DNNL_DEFAULT_FPMATH_MODE": "BF16",
}
# Values of the same variables with which a record is true.
OFF: dict[str, str] = {
    "XLA_FLAGS": "--xla_backend_optimization_level=3 --xla_cpu_multi_thread_eigen=true",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "JAX_OPTIMIZATION_LEVEL": "O3",
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "XLA_PYTHON_CLIENT_ALLOCATOR": "bfc",
    "TF_SET_ONEDNN_FPMATH_MODE": "STRICT",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "DNNL_DEFAULT_FPMATH_MODE": "strict",
}
ALWAYS = {"NVIDIA_TF32_OVERRIDE", "PYTORCH_NO_CUDA_MEMORY_CACHING", "TORCH_SHOW_DISPATCH_TRACE"}
NAMES = sorted({rule.name for rule in REFUSED})


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_with_which_a_record_would_not_be_true_is_refused(name: str) -> None:
    found = variables.refusal({**PATHS, name: ON.get(name, "1")}, gpu=True)
    assert f"{name}={ON.get(name, '1')} (" in found
    assert f"run `unset {name}` first" in found


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALWAYS])
def test_the_same_variable_with_a_harmless_value_is_recorded(name: str) -> None:
    value = OFF.get(name, "0")
    assert variables.refusal({name: value}, gpu=True) == ""
    assert name in variables.inherited({name: value})


@pytest.mark.parametrize("value", ["TRUE", "yes", "On", " 1 "])
def test_every_word_that_switches_something_on_is_understood(value: str) -> None:
    assert variables.refusal({"JAX_DISABLE_JIT": value}, gpu=False)


@pytest.mark.parametrize(
    ("flags", "effect"),
    [
        ("--xla_dump_to=/tmp/a --xla_backend_optimization_level=1", "leaves out most optimisations"),
        ("--xla_disable_all_hlo_passes", "leaves out most optimisations"),
        ("--xla_cpu_multi_thread_eigen=false", "one thread"),
        ("flags.txt", "from a file"),
    ],
)
def test_flags_of_xla_are_read_one_by_one(flags: str, effect: str) -> None:
    assert effect in variables.refusal({"XLA_FLAGS": flags}, gpu=False)


def test_a_variable_of_the_gpu_alone_is_recorded_where_nothing_runs_on_one() -> None:
    blocking = {"CUDA_LAUNCH_BLOCKING": "1"}
    assert "the host waits for each kernel" in variables.refusal(blocking, gpu=True)
    assert variables.refusal(blocking, gpu=False) == ""
    assert variables.inherited(blocking) == blocking


def test_all_refused_variables_are_in_one_line_with_what_to_do() -> None:
    found = variables.refusal({"PYTHONMALLOC": "debug", "JAX_DISABLE_JIT": "1", "XLA_FLAGS": "f"}, gpu=False)
    assert "\n" not in found
    assert found == (
        "environment variables: found JAX_DISABLE_JIT=1 (JAX compiles nothing), XLA_FLAGS=f (XLA reads its flags from "
        "a file, which no record shows), PYTHONMALLOC=debug (Python checks each allocation), expected that they are "
        "not set: the record would not be true; run `unset JAX_DISABLE_JIT XLA_FLAGS PYTHONMALLOC` first"
    )


def test_a_refused_variable_can_be_allowed_and_is_then_recorded() -> None:
    shell = {"JAX_DEBUG_NANS": "1", "JAX_DISABLE_JIT": "1", variables.ALLOW: "OTHER, JAX_DEBUG_NANS"}
    assert "JAX_DEBUG_NANS" not in variables.refusal(shell, gpu=False)
    assert "JAX_DISABLE_JIT" in variables.refusal(shell, gpu=False), "which is not allowed"
    assert "JAX_DEBUG_NANS" in variables.inherited(shell)


def test_variables_that_are_overruled_are_told_once_and_not_passed_on() -> None:
    shell = {**PATHS, "OMP_NUM_THREADS": "8", "NPROC": "4", "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "torch"}
    assert list(variables.remarks(shell)) == [
        "no effect of JAX_PLATFORMS=cpu: --device chooses the device",
        "no effect of KERAS_BACKEND=torch: --framework chooses the backend of Keras",
        "no effect of NPROC=4, OMP_NUM_THREADS=8: --threads sets the number of threads",
    ]
    assert variables.passed_on(shell) == {**PATHS, "KERAS_BACKEND": "torch"}, "the harness sets that one itself"
    assert list(variables.remarks(PATHS)) == []


@pytest.mark.parametrize(
    ("name", "value", "readers"),
    [
        ("JAX_DISABLE_JIT", "1", {"jax"}),
        ("XLA_PYTHON_CLIENT_ALLOCATOR", "platform", {"jax"}),
        ("XLA_FLAGS", "--xla_disable_all_hlo_passes", {"jax", "tensorflow"}),
        ("TF_XLA_FLAGS", "--tf_xla_always_defer_compilation=1", {"tensorflow"}),
        ("TF_CPP_MAX_VLOG_LEVEL", "1", {"tensorflow"}),
        ("TORCH_COMPILE_DISABLE", "1", {"torch"}),
        ("PYTORCH_NO_CUDA_MEMORY_CACHING", "1", {"torch"}),
        ("PYTHONMALLOC", "debug", {"jax", "tensorflow", "torch"}),
        ("MALLOC_PERTURB_", "1", {"jax", "tensorflow", "torch"}),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16", {"jax", "tensorflow", "torch"}),
        ("NVIDIA_TF32_OVERRIDE", "0", {"jax", "tensorflow", "torch"}),
    ],
)
def test_a_variable_is_refused_only_if_a_library_that_reads_it_runs(name: str, value: str, readers: set[str]) -> None:
    every = ("jax", "tensorflow", "torch")
    assert {one for one in every if variables.refusal({name: value}, gpu=True, libraries={one})} == readers
    assert variables.refusal({name: value}, gpu=True, libraries=every)
    assert variables.refusal({name: value}, gpu=True), "without libraries all count"


def test_no_variable_is_treated_in_two_ways() -> None:
    assert not OVERRULED.keys() & SET.keys()
    assert not {rule.name for rule in REFUSED} & (OVERRULED.keys() | SET.keys())
