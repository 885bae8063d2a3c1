"""The environment variables that Levelfield refuses or overrules, each with its reason.

A variable is refused if a record would not be true with it: what is measured would be something else than the record
says, and nothing on the record would show it. It is overruled if Levelfield decides the same itself. All others that
matter are recorded (see `variables`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

OFF = frozenset({"", "0", "n", "no", "f", "false", "off"})


def is_set(value: str) -> bool:  # noqa: ARG001 (whatever the value is)
    """Whether the variable is there at all."""
    return True


def is_on(value: str) -> bool:
    """Whether a value switches something on."""
    return value.strip().lower() not in OFF


def is_debugging(value: str) -> bool:
    """Whether a value of PYTHONMALLOC names an allocator with checks."""
    return "debug" in value


def is_not_strict(value: str) -> bool:
    """Whether oneDNN may compute float32 in a lower precision."""
    return value.strip().upper() not in {"", "STRICT"}


def is_lowest(value: str) -> bool:
    """Whether a level of optimisation is 0."""
    return value.strip().upper() in {"0", "O0"}


def is_unpooled(value: str) -> bool:
    """Whether XLA allocates from the device each time."""
    return value.strip().lower() == "platform"


def fills_memory(value: str) -> bool:
    """Whether glibc's tunables make it fill all memory that is allocated or freed."""
    settings = dict(item.partition("=")[::2] for item in value.split(":"))
    return is_on(settings.get("glibc.malloc.perturb", ""))


def optimises_less(value: str) -> bool:
    """Whether flags of XLA turn optimisation off."""
    return any(XLA_OFF[name](setting) for name, setting in _flags(value) if name in XLA_OFF)


def uses_one_thread(value: str) -> bool:
    """Whether flags of XLA keep operations from using several threads."""
    return any(name == "xla_cpu_multi_thread_eigen" and not is_on(setting) for name, setting in _flags(value))


def names_a_file(value: str) -> bool:
    """Whether the text is the name of a file: XLA reads its flags from there if it does not begin with a hyphen."""
    return bool(value.strip()) and not value.strip().startswith("-")


def defers_compilation(value: str) -> bool:
    """Whether TensorFlow's flags keep it from compiling with XLA."""
    return any(name == "tf_xla_always_defer_compilation" and is_on(setting) for name, setting in _flags(value))


def _flags(value: str) -> Iterator[tuple[str, str]]:
    """The names and values of flags in a text; a flag without a value is on."""
    for word in value.split():
        name, equals, setting = word.lstrip("-").partition("=")
        yield name, setting.strip("'\"") if equals else "true"


XLA_OFF: dict[str, Callable[[str], bool]] = {
    "xla_backend_optimization_level": lambda value: value in {"0", "1"},
    "xla_disable_all_hlo_passes": is_on,
    "xla_llvm_disable_expensive_passes": is_on,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A variable that is refused, with what it does.

    - `on_gpu`: whether it matters on a GPU alone;
    - `libraries`: the libraries that read it, as `Contender.library` names them. Without any, every process reads it.
    """

    name: str
    applies: Callable[[str], bool]
    effect: str
    on_gpu: bool = False
    libraries: tuple[str, ...] = ()


CHECKS = "JAX makes checks for debugging, which take time"
PRINTS = "the library prints a line for each operation while it is timed"
JAX, TENSORFLOW, TORCH = ("jax",), ("tensorflow",), ("torch",)
XLA = (*JAX, *TENSORFLOW)
LOW = "oneDNN may compute float32 in bfloat16"
REFUSED = (
    Refused("JAX_DISABLE_JIT", is_on, "JAX compiles nothing", libraries=JAX),
    Refused("JAX_NO_EXECUTION", is_on, "JAX computes nothing", libraries=JAX),
    Refused("JAX_DISABLE_MOST_OPTIMIZATIONS", is_on, "XLA leaves out most optimisations", libraries=JAX),
    Refused("JAX_OPTIMIZATION_LEVEL", is_lowest, "XLA leaves out most optimisations", libraries=JAX),
    Refused("JAX_DEBUG_NANS", is_on, "JAX waits for every result and checks it for NaN", libraries=JAX),
    Refused("JAX_DEBUG_INFS", is_on, "JAX waits for every result and checks it for infinity", libraries=JAX),
    Refused("JAX_CHECK_TRACER_LEAKS", is_on, CHECKS, libraries=JAX),
    Refused("JAX_ENABLE_CHECKS", is_on, CHECKS, libraries=JAX),
    Refused("JAX_DEBUG_KEY_REUSE", is_on, CHECKS, libraries=JAX),
    Refused("XLA_FLAGS", optimises_less, "XLA leaves out most optimisations", libraries=XLA),
    Refused("XLA_FLAGS", uses_one_thread, "XLA uses one thread, whatever --threads says", libraries=XLA),
    Refused("XLA_FLAGS", names_a_file, "XLA reads its flags from a file, which no record shows", libraries=XLA),
    Refused("TF_XLA_FLAGS", defers_compilation, "TensorFlow compiles nothing with XLA", libraries=TENSORFLOW),
    Refused("TF_SET_ONEDNN_FPMATH_MODE", is_not_strict, LOW, libraries=TENSORFLOW),
    Refused("ONEDNN_DEFAULT_FPMATH_MODE", is_not_strict, LOW),
    Refused("DNNL_DEFAULT_FPMATH_MODE", is_not_strict, LOW),
    Refused("TORCHDYNAMO_DISABLE", is_on, "torch.compile compiles nothing", libraries=TORCH),
    Refused("TORCH_COMPILE_DISABLE", is_on, "torch.compile compiles nothing", libraries=TORCH),
    Refused("TORCHDYNAMO_SUPPRESS_ERRORS", is_on, "torch.compile silently falls back to eager", libraries=TORCH),
    Refused("ONEDNN_VERBOSE", is_on, PRINTS),
    Refused("DNNL_VERBOSE", is_on, PRINTS),
    Refused("MKL_VERBOSE", is_on, PRINTS),
    Refused("TF_CPP_MAX_VLOG_LEVEL", is_on, PRINTS, libraries=TENSORFLOW),
    Refused("TORCH_SHOW_DISPATCH_TRACE", is_set, PRINTS, libraries=TORCH),
    Refused("PYTHONOPTIMIZE", is_on, "Python leaves out assertions, those of the frameworks too"),
    Refused("PYTHONDEVMODE", is_on, "Python makes checks for debugging, which take time"),
    Refused("PYTHONMALLOC", is_debugging, "Python checks each allocation"),
    Refused("PYTHONTRACEMALLOC", is_on, "Python traces each allocation"),
    Refused("MALLOC_PERTURB_", is_on, "glibc fills all memory that is allocated or freed"),
    Refused("GLIBC_TUNABLES", fills_memory, "glibc fills all memory that is allocated or freed"),
    Refused("NVIDIA_TF32_OVERRIDE", is_set, "it decides about TF32, which --precision decides", on_gpu=True),
    Refused(
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        is_on,
        "PyTorch uses TF32 whatever --precision says",
        on_gpu=True,
        libraries=TORCH,
    ),
    Refused(
        "PYTORCH_NO_CUDA_MEMORY_CACHING",
        is_set,
        "PyTorch allocates from the driver each time",
        on_gpu=True,
        libraries=TORCH,
    ),
    Refused(
        "XLA_PYTHON_CLIENT_ALLOCATOR",
        is_unpooled,
        "JAX allocates from the driver each time",
        on_gpu=True,
        libraries=JAX,
    ),
    Refused("CUDA_LAUNCH_BLOCKING", is_on, "the host waits for each kernel", on_gpu=True),
    Refused("HIP_LAUNCH_BLOCKING", is_on, "the host waits for each kernel", on_gpu=True),
)

THREADS = "--threads sets the number of threads"
DEVICE = "--device chooses the device"
PRECISION = "--precision sets the precision"
KERAS = "Levelfield sets up Keras itself"
# Worker processes do not get these variables. The reason says what decides in their place.
OVERRULED = {
    **dict.fromkeys(
        (
            *("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_DYNAMIC", "KMP_ALL_THREADS", "KMP_DEVICE_THREAD_LIMIT"),
            *("KMP_TEAMS_THREAD_LIMIT", "MKL_NUM_THREADS", "MKL_DOMAIN_NUM_THREADS", "MKL_DYNAMIC"),
            *("GOTO_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS"),
            *("VECLIB_MAXIMUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC", "PJRT_NPROC"),
        ),
        THREADS,
    ),
    **dict.fromkeys(("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "JAX_DEFAULT_DEVICE", "KERAS_TORCH_DEVICE"), DEVICE),
    **dict.fromkeys(("JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION"), PRECISION),
    **dict.fromkeys(("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED"), KERAS),
}
# Levelfield sets these for each worker process. The user is told of those that have a reason.
SET = {
    "OPENBLAS_NUM_THREADS": THREADS,
    "KERAS_BACKEND": "--framework chooses the backend of Keras",
    **dict.fromkeys(
        (
            *("PYTHONPATH", "PYTHONHASHSEED", "TF_CPP_MIN_LOG_LEVEL", "TF_FORCE_GPU_ALLOW_GROWTH"),
            *("XLA_PYTHON_CLIENT_PREALLOCATE", "JAX_ENABLE_COMPILATION_CACHE", "PYTORCH_NVML_BASED_CUDA_CHECK"),
            *("KERAS_HOME", "CUDA_VISIBLE_DEVICES", "TORCHINDUCTOR_CACHE_DIR"),
        ),
        "",
    ),
}
