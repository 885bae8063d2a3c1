"""The project's commands. All sessions share one environment, `.venv`, made once: the frameworks take gigabytes."""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = nox.project.python_versions(PROJECT)
GROUPS = nox.project.dependency_groups(PROJECT, "tests", "lint", "types", "docs", "browser")
CONSTRAINTS = Path("constraints.txt")
ENVIRONMENT = Path(".venv")
PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
STAMP = ENVIRONMENT / "levelfield-installed"
SITE = Path("build", "docs")
# The tests are divided into two halves of about equal time, for the fast ones and for the slow ones.
FIRST_HALF = [f"tests/{name}" for name in ("bench/adapters", "bench/run", "bench/worker", "models")]
FIRST_SLOW_HALF = [f"tests/{name}" for name in ("bench/adapters", "bench/run", "bench/worker", "docs")]


@nox.session
def demo(session: nox.Session) -> None:
    """One small network in three frameworks, in about a minute; what follows `--` goes to `levelfield demo`."""
    _become([_environment(session, "all"), "-m", "bench", "demo", *session.posargs])


@nox.session
def bench(session: nox.Session) -> None:
    """Measure: what follows `--` goes to `levelfield run`; without it, the quick suite."""
    arguments = session.posargs or ["--suite", "quick"]
    _become([_environment(session, _extra(arguments)), "-m", "bench", "run", *arguments])


@nox.session
def calibrate(session: nox.Session) -> None:
    """Measure this machine against itself: five comparisons of equal sides, and what a planted change would do.

    An hour on two cores. `-- --processes 5` makes one comparison in a quarter of it; `--add results/turns-…` adds what
    was measured before.
    """
    _become(
        [_environment(session, "all"), "-m", "bench", "doctor", "--calibrate", "--processes", "25", *session.posargs]
    )


@nox.session
def compare(session: nox.Session) -> None:
    """Measure another commit and this checkout in turns, and compare: --base REF; the rest goes to `levelfield run`.

    Both sides run on the libraries that are installed here: it is the commits that differ.
    """
    base, arguments = _taken(session, "--base")
    python = str(Path(_environment(session, _extra(arguments))).absolute())
    form = ["--format", "github"] if "GITHUB_ACTIONS" in os.environ else []
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder, "base")
        session.run("git", "worktree", "add", "--quiet", "--detach", checkout, base, external=True)
        try:
            command = [python, "-m", "bench", "run", "--against", str(checkout), *form, *arguments]
            code = subprocess.run(command, check=False).returncode
        finally:
            session.run("git", "worktree", "remove", "--force", checkout, external=True)
    raise SystemExit(code)  # nox has but one code for everything that failed


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, with `-- --slow` those of ten seconds and more; what follows `--` goes to pytest.

    Two processes share them: one has most tests that import frameworks. With other arguments there is one process.
    """
    if session.posargs not in ([], ["--slow"]):
        _run(session, "pytest", *session.posargs)
        return
    command = [_environment(session, _extra(session.posargs)), "-m", "pytest", *session.posargs]
    half = FIRST_SLOW_HALF if session.posargs else FIRST_HALF
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        others = [*command, *(f"--ignore={folder}" for folder in half)]
        beside = subprocess.Popen(others, stdout=output, stderr=subprocess.STDOUT)
        codes = subprocess.run([*command, *half], check=False).returncode, beside.wait()
        output.seek(0)
        sys.stdout.write(output.read())
    if any(codes):
        session.error(f"pytest ended with {codes[0]} and {codes[1]}")


@nox.session
def microbench(session: nox.Session) -> None:
    """Time a step and a query of every family in every framework; what follows `--` goes to pytest-benchmark.

    With `-- --studies` run the long comparisons of tests/benchmarks instead: what the harness and our own rules cost.
    """
    _run(session, "pytest", "--benchmark-only", *session.posargs)


@nox.session
def studies(session: nox.Session) -> None:
    """Run what is too long for CI: hundreds of kills, trials, seeds, damaged files; what follows `--` goes to pytest.

    The long comparisons of tests/benchmarks are `nox -s microbench -- --studies`.
    """
    _run(session, "pytest", "--studies", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Test the interactive pages in Chromium; what follows `--` goes to pytest.

    The browser is the one in `LEVELFIELD_CHROMIUM`, or else an installed Chromium or Chrome.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("LEVELFIELD_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        session.error("no browser found: `apt-get install chromium`, or name one in LEVELFIELD_CHROMIUM")
    session.env["LEVELFIELD_CHROMIUM"] = found
    _run(session, "pytest", "--browser", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style, the format, the directions of the imports, and the workflows."""
    _run(session, "ruff", "check", ".")
    _run(session, "ruff", "format", "--check", ".")
    session.run(PROGRAMS / "lint-imports", external=True)
    session.run(PROGRAMS / "zizmor", "--offline", ".github/workflows", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    _run(session, "mypy", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in build/docs; any warning, broken link or broken anchor fails the build."""
    strict = ("--fail-on-warning", "--keep-going", "--nitpicky")
    _run(session, "sphinx", "--fresh-env", *strict, *session.posargs, "docs", str(SITE))


def _taken(session: nox.Session, option: str) -> tuple[str, list[str]]:
    """The value of an option that is needed, and what else follows `--`."""
    arguments = list(session.posargs)
    if option not in arguments[:-1]:
        session.error(f"{option}: found none in {' '.join(arguments)!r}, expected `{option} VALUE` after `--`")
    at = arguments.index(option)
    return arguments[at + 1], arguments[:at] + arguments[at + 2 :]


def _run(session: nox.Session, module: str, *arguments: str) -> None:
    session.run(_environment(session, _extra(arguments)), "-m", module, *arguments, external=True)


def _environment(session: nox.Session, extra: str) -> str:
    """The Python of `.venv`, which is brought up to date first if anything that decides its content has changed."""
    python = PROGRAMS / "python"
    if not python.exists():
        session.run_install(_interpreter(session), "-m", "venv", "--clear", ENVIRONMENT, external=True)
    wanted = _digest()
    installed = STAMP.read_text().split() if STAMP.exists() else []
    if installed not in ([wanted, extra], [wanted, "cuda"]):  # the extra `cuda` contains all the others
        STAMP.unlink(missing_ok=True)  # an installation that breaks off is not taken for a whole one
        # Some indexes carry PyTorch twice, as 2.13.0 and as 2.13.0+cpu; only `===` refuses the build without CUDA.
        cuda_build = [_pin("torch").replace("==", "===")] if extra == "cuda" else []
        packages = [*cuda_build, *GROUPS, "--editable", f".[{extra}]"]
        install = ("pip", "install", "--constraint", CONSTRAINTS)
        session.run_install(python, "-m", *install, *packages, external=True)
        STAMP.write_text(f"{wanted} {extra}\n")
    return str(python)


def _digest() -> str:
    """A digest of the project's needs, the pins, and the Python that `.venv` was made with."""
    files = (Path("pyproject.toml"), CONSTRAINTS, ENVIRONMENT / "pyvenv.cfg")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _pin(package: str) -> str:
    return next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith(f"{package}=="))


def _interpreter(session: nox.Session) -> str:
    """A Python that the project supports: the one that runs nox if it is one, else the newest on the path."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" in SUPPORTED:
        return sys.executable
    found = next(filter(_starts, (f"python{version}" for version in reversed(SUPPORTED))), None)
    if found is None:
        session.error(f"nox runs on Python {sys.version.split()[0]}; install one of {', '.join(SUPPORTED)} beside it")
    return found


def _starts(program: str) -> bool:
    """Whether the program is there and works; version managers put names on the path that do not."""
    return bool(shutil.which(program)) and subprocess.run([program, "--version"], check=False).returncode == 0


def _extra(arguments: Iterable[str]) -> str:
    """The builds for a GPU where one is asked for and there."""
    return "cuda" if _asks_for_cuda(arguments) and _has_gpu() else "all"


def _asks_for_cuda(arguments: Iterable[str]) -> bool:
    words = " ".join(arguments).replace("=", " ").split()
    values = (after for option, after in itertools.pairwise(words) if option == "--device")
    return any(device.partition(":")[0] == "cuda" for value in values for device in value.split(","))


def _has_gpu() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _become(command: list[str]) -> None:
    """Put the command in the place of nox, so that its exit code and the signals it gets are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        raise SystemExit(subprocess.run(command, check=False).returncode)
    os.execv(command[0], command)
