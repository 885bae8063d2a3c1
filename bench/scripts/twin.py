"""Writes the network of a script from the family's own files: the script holds their source, and needs no other file.

Such a script imports NumPy, pydantic and jaxtyping besides the framework, and what the user's own files import.
"""

import ast
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import resolve_name
from pathlib import Path

from bench.scripts.task import Task
from bench.workload import model_families, own_families

OWN = "own_network"  # the package of a user's folder in a script

MODULES = """import importlib.abc
import importlib.util
import sys

# The source files of the network, by the module names under which they import each other.
SOURCES = {{
{sources}
}}


class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name in SOURCES else None

    def is_package(self, name):
        return any(other.startswith(name + ".") for other in SOURCES)

    def get_source(self, name):
        return SOURCES[name]


sys.meta_path.insert(0, Sources())
own = importlib.import_module("{package}.spec")
network = importlib.import_module("{package}.{framework}")
{weights}weights = {{name: value.astype("float32") for name, value in drawn.items()}}
"""

# A family of Levelfield checks the types of its spec and draws its first weights.
DRAWN = """spec = own.Spec(**{spec})
drawn = own.initial_weights(spec, seed=0)
"""
# The spec of a user is a plain dataclass.
DRAWN_BY_USER = """spec = TypeAdapter(own.Spec).validate_python({spec})
drawn = own.initial_weights(spec, seed=0)
"""
DRAWN_BY_NAMES = """spec = TypeAdapter(own.Spec).validate_python({spec})
initializers = {{name: Initializer(name=form) for name, form in {initializers}.items()}}
drawn = initial_weights(own.parameter_shapes(spec), initializers, seed=0)
"""
CHECKED = "from pydantic import TypeAdapter\n\n"
INITIALIZED = "from models.layers.spec import Initializer, initial_weights\n"
BY = "models.layers.spec"  # what draws the first weights of a user's network


def modules(task: Task) -> str:
    """The part of a script that makes the modules, the spec and its initial weights."""
    package = _package(task)
    names = _with_imports(task, f"{package}.spec") | _with_imports(task, f"{package}.{task.framework}")
    if package == OWN:
        names |= _with_imports(task, BY)
    sources = "\n".join(f'    "{name}": {_quoted(_source(task, name))},' for name in sorted(names))
    return MODULES.format(sources=sources, package=package, framework=task.framework, weights=_weights(task))


def built(task: Task, **options: str) -> str:
    """The call that builds the network with the options that the search chose."""
    forms = {name: value for name, value in task.options.items() if name in _parameters(task)}
    given = "".join(f', {name}="{value}"' for name, value in (options | forms).items())
    return f"network.build(spec, weights, seed=0{given})"


def _weights(task: Task) -> str:
    """The lines that make the spec and draw the first weights."""
    spec = asdict(task.spec)
    if not own_families.is_folder(task.family):
        return DRAWN.format(spec=spec)
    given = own_families.initializers(Path(task.family), task.spec)
    if given is None:
        return CHECKED + DRAWN_BY_USER.format(spec=spec)
    return INITIALIZED + CHECKED + DRAWN_BY_NAMES.format(spec=spec, initializers=dict(given))


def _package(task: Task) -> str:
    return OWN if own_families.is_folder(task.family) else f"models.{task.family}"


def _with_imports(task: Task, name: str, found: frozenset[str] = frozenset()) -> frozenset[str]:
    """The names of a module, of its packages, and of all modules of the network that these import."""
    found |= {name}
    for other in (*_packages(name), *_imported(task, name)):
        if other not in found:
            found = _with_imports(task, other, found)
    return found


def _packages(name: str) -> Iterator[str]:
    words = name.split(".")
    return (".".join(words[:depth]) for depth in range(1, len(words)))


def _imported(task: Task, name: str) -> Iterator[str]:
    """The modules of `models` and of the user's folder that a module imports."""
    path = _file(task, name)
    for node in ast.walk(ast.parse(_source(task, name))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            source = resolve_name("." * node.level + (node.module or ""), package)
            found = [source, *(f"{source}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (item for item in found if item.partition(".")[0] in {"models", OWN} and _is_module(task, item))


def _quoted(source: str) -> str:
    return repr(source) if "'''" in source or source.endswith(("\\", "'")) else f"r'''{source}'''"


def _is_module(task: Task, name: str) -> bool:
    path = _file(task, name)
    return path.name == "__init__.py" or path.is_file()


def _file(task: Task, name: str) -> Path:
    """The file of a module; a package has an `__init__.py`, or no file at all."""
    top, *below = name.split(".")
    place = (Path(task.family) if top == OWN else model_families.FOLDER).joinpath(*below)
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _source(task: Task, name: str) -> str:
    """The source of a module; nothing for the package of the user's folder, whose `__init__.py` is never run."""
    path = _file(task, name)
    return path.read_text("utf-8") if name != OWN and path.is_file() else ""


def _parameters(task: Task) -> set[str]:
    """The keyword arguments of the model's `build`, from its source, since importing it would import the framework."""
    tree = ast.parse(_source(task, f"{_package(task)}.{task.framework}"))
    builds = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "build"]
    return {argument.arg for build in builds for argument in build.args.kwonlyargs}
