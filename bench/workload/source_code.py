"""Reduces source files to their code, so that comments, docstrings and moved modules do not change a digest.

The code of a file is its syntax tree as text. The tree has no positions, no docstrings, no module paths of the
project's own imports, and not the constants EXAMPLES and PROBES of a spec, which only tests and proofs use. The text is
the same in all supported versions of Python. `ast.dump` is not used, because newer versions of Python add fields to it.
"""

import ast
import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

FORMER = Path(__file__).parent / "former_sources.json"
OWN = ("bench", "models")  # a module of these packages may move without a change of the digest
ASIDE = ("EXAMPLES", "PROBES")  # constants of a spec that do not change what a network computes


def code(path: Path) -> str:
    """The code of one Python file as text, which changes only if the code changes."""
    return _code(path.read_text("utf-8"))


def code_of(paths: Iterable[Path]) -> bytes:
    """The code of several files, joined in the given order."""
    return "\n".join(map(code, paths)).encode()


def identity(paths: Iterable[Path]) -> bytes:
    """The bytes that a digest takes for these files: their code, or a stored text of an earlier version of them.

    Earlier digests were computed from the text of the files, not from their code. FORMER stores that text for each code
    that still does the same work, so that older records, baselines and plans stay comparable.
    """
    found = code_of(paths)
    return former().get(sha256(found).hexdigest()[:16], found)


def digest_today(workload_digest: str) -> str:
    """The current digest of the work that an older record describes; the given digest if it has not changed."""
    today: str = _kept()["digests"].get(workload_digest, workload_digest)
    return today


@cache
def former() -> Mapping[str, bytes]:
    """The earlier text of source files, by the digest of the current code that does the same work."""
    kept = _kept()
    texts = {name: zlib.decompress(base64.b85decode(text)) for name, text in kept["texts"].items()}
    return {digest: b"".join(texts[name] for name in names) for digest, names in kept["sources"].items()}


@cache
def _kept() -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(FORMER.read_text("utf-8"))
    return kept


def _is_aside(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in ASIDE
    return False


@cache
def _code(text: str) -> str:
    with _PARSER:
        tree = ast.parse(text)
    return _dump(tree)


_PARSER = Lock()  # in Python 3.11 `ast.parse` sometimes fails if two threads run it at the same time


def _dump(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_dump, value))}]"
    if isinstance(value, ast.Constant):
        return repr(value.value)
    if not isinstance(value, ast.AST):
        return repr(value)
    present = ((name, getattr(value, name, None)) for name in value._fields)
    named = {name: item for name, item in present if item not in (None, [])}
    if isinstance(value, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        body = value.body[ast.get_docstring(value, clean=False) is not None :]
        named["body"] = [item for item in body if not _is_aside(item)]
    if isinstance(value, ast.JoinedStr):  # Python 3.12.1 ends some f-strings with an empty text
        named["values"] = [item for item in value.values if not (isinstance(item, ast.Constant) and item.value == "")]
    if isinstance(value, ast.ImportFrom) and (value.module or "").partition(".")[0] in OWN:
        del named["module"]  # the imported names are part of the code, the module path is not
    return f"{type(value).__name__}({', '.join(f'{name}={_dump(item)}' for name, item in named.items())})"
