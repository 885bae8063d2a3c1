"""The source stays small: few packages, few import directions between them, no import cycles, short functions.

A room is a folder or a module directly in `bench/`, or `models`. An arrow leads from a room to a room that it imports,
at any place in a file. `pytest -s` shows the arrows.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from math import ceil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Levels from the top, split by `;`: a room imports only from lower levels. `__init__` is the file of `bench` itself,
# which offers what is in `api`. That other rooms may import it is not counted.
ORDER = (
    "__main__; cli; __init__; api; run worker; plan; report export scripts; analysis adapters; records; workload; "
    "datasets; errors cache version; models"
)
LEVEL = {room: level for level, rooms in enumerate(ORDER.split(";")) for room in rooms.split()}

MOST_LOOSE_MODULES, MOST_ARROWS, LONGEST_FILE, LONGEST_FUNCTION = 5, 60, 350, 60
MOST, LONGEST_OF_MOST = 0.9, 18  # this share of all functions has at most so many lines
SENTENCE = re.compile(r"(?!.*\. ).+\.")  # one sentence in one line
Import = tuple[str, str]  # the importing module, and the imported one


def test_the_arrows_between_rooms_are_shown() -> None:
    shown = drawn(ROOT)
    print(f"\n{shown}")  # noqa: T201 (this is what `pytest -s` is for)
    assert "cli -> run: " in shown


def test_each_arrow_is_shown_with_the_number_of_its_imports(tmp_path: Path) -> None:
    late = "import bench.run.b\ndef f():\n    from bench.run import a, b"
    write(tmp_path, {"bench/cli/a.py": late, "bench/run/b.py": "from models import a\nimport bench"} | RUN | MODEL)
    assert drawn(tmp_path).splitlines() == ["cli -> run: 2", "run -> models: 1", "2 arrows"]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def modules(root: Path) -> dict[str, Path]:
    """The files of `bench` and `models`, by their module names."""
    files = [path for folder in ("bench", "models") for path in sorted((root / folder).rglob("*.py"))]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports(root: Path) -> list[Import]:
    """All imports of these files by each other, each once, at any place in a file."""
    known = modules(root)
    found = ((name, target) for name, path in known.items() for target in _imported(name, path, known))
    return sorted({(name, target) for name, target in found if target in known})


def _imported(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names = (f"{source}.{alias.name}" for alias in node.names)
            yield from (item if item in known else source for item in names)


def room(module: str) -> str:
    """The room that a module is in."""
    top, _, below = module.partition(".")
    return top if top == "models" else below.partition(".")[0] or "__init__"


def apart(root: Path) -> list[Import]:
    """The imports from another room. `bench` itself is left out, since every room may import it."""
    return [(name, target) for name, target in imports(root) if room(target) not in {room(name), "__init__"}]


def arrows(root: Path) -> Counter[Import]:
    """How many imports lead from one room to another."""
    return Counter((room(name), room(target)) for name, target in apart(root))


def drawn(root: Path) -> str:
    """A line for each arrow, from the top level down, and the number of arrows."""
    found = sorted(arrows(root).items(), key=lambda item: [(LEVEL.get(name, -1), name) for name in item[0]])
    lines = [f"{above} -> {below}: {number}" for (above, below), number in found]
    return "\n".join([*lines, f"{len(lines)} arrows"])


def every_file(root: Path) -> list[Path]:
    """All Python files of `bench`, `models`, `docs` and `tests`."""
    beside = [path for folder in ("docs", "tests") for path in sorted((root / folder).rglob("*.py"))]
    return [*modules(root).values(), *beside]


def functions(root: Path, paths: Iterable[Path]) -> dict[str, int]:
    """The number of lines of each function in these files, from its `def` to its end."""
    return {
        f"{path.relative_to(root)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in paths
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def loose_modules(root: Path) -> list[str]:
    found = sorted(path.name for path in (root / "bench").glob("*.py"))
    return found if len(found) > MOST_LOOSE_MODULES else []


def unexplained_folders(root: Path) -> list[str]:
    files = sorted({path.with_name("__init__.py") for path in (root / "bench").rglob("*.py")})
    texts = {path: (ast.get_docstring(parsed(path)) if path.exists() else None) or "" for path in files}
    return [str(path.parent.relative_to(root)) for path, text in texts.items() if not SENTENCE.fullmatch(text)]


def too_many_arrows(root: Path) -> list[str]:
    number = len(arrows(root))
    return [f"{number} arrows"] if number > MOST_ARROWS else []


def wrong_imports(root: Path) -> list[str]:
    levels = ((item, [LEVEL.get(room(name)) for name in item]) for item in apart(root))
    return [" -> ".join(item) for item, (above, below) in levels if above is None or below is None or above >= below]


def circles(root: Path) -> list[str]:
    graph: TopologicalSorter[str] = TopologicalSorter()
    for name, target in imports(root):
        graph.add(name, target)
    try:
        graph.prepare()
    except CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def long_functions(root: Path) -> list[str]:
    lengths = functions(root, every_file(root))
    return [f"{name}: {lines}" for name, lines in lengths.items() if lines > LONGEST_FUNCTION]


def usual_functions(root: Path) -> list[str]:
    lengths = sorted(functions(root, modules(root).values()).values())
    found = lengths[ceil(MOST * len(lengths)) - 1] if lengths else 0
    return [f"{found} lines"] if found > LONGEST_OF_MOST else []


def long_files(root: Path) -> list[str]:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in every_file(root)}
    return [f"{path.relative_to(root)}: {lines}" for path, lines in lengths.items() if lines > LONGEST_FILE]


Rule = Callable[[Path], list[str]]
CLI, RUN, MODEL = ({f"{folder}/a.py": ""} for folder in ("bench/cli", "bench/run", "models"))
FOLDERS = {"bench/__init__.py": '"""One."""', "bench/cli/__init__.py": '"""One. Two."""'}
LATE, TYPES = "def f():\n    import bench.cli.a", "if TYPE_CHECKING:\n    from bench.run import a"
CIRCLE = {"bench/run/a.py": "from . import b", "bench/run/b.py": TYPES}
SHORT, LONG = "def f(): pass\n", "def f():\n" + "    pass\n" * 18
# A rule, files that break it, and what the rule returns for them.
OFFENCES: list[tuple[Rule, dict[str, str], list[str]]] = [
    (loose_modules, {f"bench/{name}.py": "" for name in "abcdef"}, [f"{name}.py" for name in "abcdef"]),
    (unexplained_folders, FOLDERS | RUN, ["bench/cli", "bench/run"]),
    (too_many_arrows, {f"bench/r{n}/a.py": "import models.a" for n in range(61)} | MODEL, ["61 arrows"]),
    (wrong_imports, {"bench/run/b.py": LATE} | CLI, ["bench.run.b -> bench.cli.a"]),
    (wrong_imports, {"bench/worker/b.py": TYPES} | RUN, ["bench.worker.b -> bench.run.a"]),
    (wrong_imports, {"models/b.py": "import bench.run.a"} | RUN, ["models.b -> bench.run.a"]),
    (wrong_imports, {"bench/cli/b.py": "import bench.a", "bench/a.py": ""}, ["bench.cli.b -> bench.a"]),
    (circles, CIRCLE, ["bench.run.a <- bench.run.b <- bench.run.a"]),
    (long_functions, {"tests/a.py": SHORT + LONG + "    pass\n" * 42}, ["tests/a.py:2 f: 61"]),
    (usual_functions, {"bench/a.py": LONG + SHORT * 8}, ["19 lines"]),
    (long_files, {"tests/test_a.py": "\n" * 351}, ["tests/test_a.py: 351"]),
]
RULES = tuple(dict.fromkeys(rule for rule, _, _ in OFFENCES))


@pytest.mark.parametrize("rule", RULES)
def test_the_source_follows_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == [], drawn(ROOT)


@pytest.mark.parametrize(("rule", "files", "said"), OFFENCES)
def test_broken_rules_are_found(rule: Rule, files: dict[str, str], said: list[str], tmp_path: Path) -> None:
    assert rule(tmp_path) == []
    write(tmp_path, files)
    assert rule(tmp_path) == said


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
