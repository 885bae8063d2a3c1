"""Environment variables that a run inherits from the shell: those on its records, and what is said of the others.

Frameworks, their libraries and Python read settings from the environment. Such a variable changes what is measured, and
no option of Levelfield shows it. Values may hold paths, addresses and secrets, so only harmless parts are recorded.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

from bench.records.variable_rules import OVERRULED, REFUSED, SET, Refused

ALLOW = "LEVELFIELD_ALLOW"  # names of refused variables, separated by commas, that are recorded instead
PREFIXES = (
    *("TF_", "XLA_", "JAX_", "PJRT_", "FLAX_", "KERAS_", "TORCH", "PYTORCH_", "ATEN_", "TRITON_", "AOT"),
    *("ITEX_", "IPEX_"),
    *("OMP_", "KMP_", "GOMP_", "LIBOMP_", "TBB_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "NVPL_", "ARMPL_", "VECLIB_"),
    *("ONEDNN_", "DNNL_", "ZENDNN_", "LIBXSMM_", "NUMEXPR_", "NPY_"),
    *("NVIDIA_", "CUDA_", "CUBLAS", "CUDNN_", "CUFFT_", "NCCL_"),
    *("HIP_", "HSA_", "ROCR_", "ROCM_", "ROCBLAS_", "MIOPEN_"),
    *("MALLOC_", "JEMALLOC_", "MIMALLOC_", "TCMALLOC_", "GLIBC_TUNABLES", "LD_", "DYLD_", "PYTHON"),
)
NAMES = frozenset({"NPROC", "_RJEM_MALLOC_CONF", "DISABLE_ADDMM_CUDA_LT"})
# Names with these beginnings that are of other programs, or that change nothing that is measured.
UNRELATED = (
    *("TF_VAR_", "TF_TOKEN_", "TF_CLI_", "TF_LOG", "TF_DATA_DIR", "TF_INPUT", "TF_WORKSPACE", "TF_IN_AUTOMATION"),
    *("TF_PLUGIN_", "TF_REGISTRY_", "TF_REATTACH_", "TF_STATE_", "TF_CLOUD_", "TF_HTTP_", "TF_ACC", "TF_IGNORE"),
    *("TF_CONFIG", "TF_GCS_", "TF_USE_LEGACY_KERAS", "JAX_COMPILATION_CACHE_", "JAX_PERSISTENT_CACHE_"),
    *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_", "NVIDIA_PRODUCT_NAME", "TORCH_LOGS"),
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONIOENCODING", "PYTHONUTF8"),
    *("PYTHONNOUSERSITE", "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONBREAKPOINT"),
    *("PYTHONCOERCECLOCALE", "PYTHONHISTORY", "PYTHON_HISTORY", "PYTHON_COLORS", "PYTHON_BASIC_REPL"),
    *("PYTHONINTMAXSTRDIGITS", "PYTHON_VERSION", "PYTHON_PIP_", "PYTHON_GET_PIP", "PYTHON_SETUPTOOLS", "PYTHON_SHA"),
    *("PYTHONINSPECT", "PYTHONCASEOK"),
)
PLACES = ("_HOME", "_CACHE_DIR", "_CACHE_PATH", "_ROOT", "_LOG_PATH")  # endings of names of folders
PARTS = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL", "COOKIE")  # anywhere in a name
WHOLE = ("PASS", "AUTH", "HOST", "HOSTS", "USER", "USERNAME", "ADDR", "ADDRESS", "URL", "URI", "PROXY")
PRIVATE_WORDS = (*PARTS, *WHOLE)
PRIVATE_NAME = re.compile(rf"{'|'.join(PARTS)}|(^|[_-])({'|'.join(WHOLE)})([_-]|$)")
SWITCHES = frozenset(rule.name for rule in REFUSED)  # known to hold no secret, as JAX_DEBUG_KEY_REUSE
SECRET = re.compile(r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{20,}")
ADDRESS = re.compile(r"://|@|\b\d{1,3}(\.\d{1,3}){3}\b|\b[\w-]+(\.[\w-]+)+:\d+\b|\blocalhost\b")
LIBRARY = re.compile(r"lib[\w.+-]*\.so[\d.]*")
HIDDEN = "(not stored)"
NOT_SET, EMPTY = "not set", "(empty)"
LONGEST = 300


def inherited(environ: Mapping[str, str], *, private: Collection[str] = ()) -> dict[str, str]:
    """The variables that go on a record, by name, with the harmless parts of their values.

    `private` are words that no value may show, such as the name of the user. Variables that Levelfield sets or
    overrules are left out, since their values in the shell have no effect.
    """
    return {
        name: safe(name, environ[name], private=private)
        for name in sorted(environ)
        if _counts(name) and name not in SET and name not in OVERRULED
    }


def refused(environ: Mapping[str, str], *, gpu: bool, libraries: Collection[str] | None = None) -> tuple[Refused, ...]:
    """The variables with which nothing is measured, apart from those that the user allowed.

    `libraries` are those that run, as `Contender.library` names them; None means all.
    """
    allowed = _allowed(environ)
    return tuple(
        rule
        for rule in REFUSED
        if rule.name in environ and rule.name not in allowed and (gpu or not rule.on_gpu)
        if libraries is None or not rule.libraries or not set(libraries).isdisjoint(rule.libraries)
        if rule.applies(environ[rule.name])
    )


def refusal(environ: Mapping[str, str], *, gpu: bool, libraries: Collection[str] | None = None) -> str:
    """The error about all variables that are refused, in one line; empty if there is none."""
    found = refused(environ, gpu=gpu, libraries=libraries)
    if not found:
        return ""
    effects: dict[str, list[str]] = {}
    for rule in found:
        effects.setdefault(rule.name, []).append(rule.effect)
    listed = ", ".join(f"{name}={safe(name, environ[name])} ({'; '.join(what)})" for name, what in effects.items())
    them = "it is" if len(effects) == 1 else "they are"
    return (
        f"environment variables: found {listed}, expected that {them} not set: the record would not be true; "
        f"run `unset {' '.join(effects)}` first"
    )


def remarks(environ: Mapping[str, str]) -> Iterator[str]:
    """What to tell the user: which variables have no effect, and what decides in their place."""
    reasons: dict[str, list[str]] = {}
    for name in sorted(environ):
        if reason := OVERRULED.get(name) or SET.get(name):
            reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        yield f"no effect of {', '.join(f'{name}={safe(name, environ[name])}' for name in names)}: {reason}"


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that are overruled."""
    return {name: value for name, value in environ.items() if name not in OVERRULED}


def safe(name: str, value: str, *, private: Collection[str] = ()) -> str:
    """The parts of a value that anybody may see.

    A library that is loaded first is shown by its file name. Of other paths six digits of a hash are shown, which tell
    whether two paths are the same. Nothing is shown of secrets, of addresses, and of names that say that they hold one.
    """
    if PRIVATE_NAME.search(name) and name not in SWITCHES:
        return HIDDEN
    shown = " ".join(_safe_word(word, private) for word in value.split())
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def _safe_word(word: str, private: Collection[str]) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in word)
    if (
        SECRET.search(printable)
        or ADDRESS.search(printable)
        or PRIVATE_NAME.search(printable.partition("=")[0].upper())
    ):
        return HIDDEN
    option, equals, rest = printable.rpartition("=")
    if "/" in rest or "\\" in rest or rest.startswith("~"):
        return f"{option}{equals}{_path(rest)}" if not _shows(option, private) else HIDDEN
    return HIDDEN if "/" in option or _shows(printable, private) else printable


def _path(text: str) -> str:
    names = [part.rpartition("/")[2] for part in text.split(":") if part]
    if all(LIBRARY.fullmatch(name) for name in names):
        return ":".join(names)
    return f"(path {hashlib.sha256(text.encode()).hexdigest()[:6]})"


def _shows(text: str, private: Collection[str]) -> bool:
    return any(len(word) > 1 and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in private)


def _counts(name: str) -> bool:
    if name in NAMES:
        return True
    return name.startswith(PREFIXES) and not name.startswith(UNRELATED) and not name.endswith(PLACES)


def _allowed(environ: Mapping[str, str]) -> set[str]:
    return {name.strip() for name in environ.get(ALLOW, "").split(",")}
