"""Writes the network of a script from the family's own files: the script holds their source, and needs no other file.

Such a script imports NumPy, pydantic and jaxtyping besides the framework.
"""

import ast
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench.scripts.task import Task
from bench.workload import model_families

MODULES = """import sys
from types import ModuleType

# The source files of the network, by the module names under which they import each other.
SOURCES = {{
{sources}
}}
for name, text in SOURCES.items():
    module = sys.modules[name] = ModuleType(name)
    module.__path__ = []
    exec(compile(text, name, "exec"), module.__dict__)
    if "." in name:
        setattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2], module)
own, network = sys.modules["models.{family}.spec"], sys.modules["models.{family}.{framework}"]
spec = own.Spec(**{spec})
weights = {{name: value.astype("float32") for name, value in own.initial_weights(spec, seed=0).items()}}
"""


def modules(task: Task) -> str:
    """The part of a script that makes the modules, the spec and its initial weights."""
    names = dict.fromkeys(_with_imports(f"models.{task.family}.{task.framework}"))
    sources = "\n".join(f'    "{name}": {_quoted(_source(name))},' for name in names)
    spec = asdict(task.spec)
    return MODULES.format(sources=sources, family=task.family, framework=task.framework, spec=spec)


def built(task: Task, **options: str) -> str:
    """The call that builds the network with the options that the search chose."""
    forms = {name: value for name, value in task.options.items() if name in _parameters(task)}
    given = "".join(f', {name}="{value}"' for name, value in (options | forms).items())
    return f"network.build(spec, weights, seed=0{given})"


def _with_imports(name: str) -> Iterator[str]:
    """The names of a module and of the modules of `models` that it imports; imports and packages come first."""
    words = name.split(".")
    yield from (".".join(words[:depth]) for depth in range(1, len(words)))
    for node in ast.walk(ast.parse(_source(name))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models."):
            for imported in (f"{node.module}.{alias.name}" for alias in node.names):
                yield from _with_imports(imported if _file(imported).is_file() else str(node.module))
    yield name


def _quoted(source: str) -> str:
    return repr(source) if "'''" in source else f"r'''{source}'''"


def _file(name: str) -> Path:
    return model_families.FOLDER.joinpath(*name.split(".")[1:]).with_suffix(".py")


def _source(name: str) -> str:
    return _file(name).read_text("utf-8") if _file(name).is_file() else ""  # packages have no code


def _parameters(task: Task) -> set[str]:
    """The keyword arguments of the model's `build`, from its source, since importing it would import the framework."""
    tree = ast.parse(_source(f"models.{task.family}.{task.framework}"))
    build = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "build")
    return {argument.arg for argument in build.args.kwonlyargs}
