"""A network in a script as the family's own files write it: the script holds their source, and needs no other file.

Such a script needs NumPy, pydantic and jaxtyping beside the framework.
"""

import ast
from dataclasses import asdict

from bench.scripts.task import Task
from bench.workload import model_families

MODULES = """import sys
from types import ModuleType

# The network's own files, each a module of the name under which the others import it.
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
    """The part of a script that makes the modules, the spec and its first weights."""
    files = [f"models.{folder}.{file}" for folder in ("layers", task.family) for file in ("spec", task.framework)]
    names = ("models", "models.layers", f"models.{task.family}", *files)
    sources = "\n".join(f"    \"{name}\": r'''{_source(name)}'''," for name in names)
    spec = asdict(task.spec)
    return MODULES.format(sources=sources, family=task.family, framework=task.framework, spec=spec)


def built(task: Task, **options: str) -> str:
    """The call that builds the network, in the form that the search chose."""
    forms = {name: value for name, value in task.options.items() if name in _parameters(task)}
    given = "".join(f', {name}="{value}"' for name, value in (options | forms).items())
    return f"network.build(spec, weights, seed=0{given})"


def _source(name: str) -> str:
    path = model_families.FOLDER.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").read_text("utf-8") if path.with_suffix(".py").is_file() else ""


def _parameters(task: Task) -> set[str]:
    """What the `build` of the twin can be told by keyword: its file is read, for it would import the framework."""
    tree = ast.parse(_source(f"models.{task.family}.{task.framework}"))
    build = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "build")
    return {argument.arg for argument in build.args.kwonlyargs}
