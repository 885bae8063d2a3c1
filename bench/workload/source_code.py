"""Source files reduced to their code, so that a digest does not change with a comment, a docstring or a moved module.

What is left of a file is its syntax tree, without positions, docstrings, the paths of the project's own imports, and
what a spec offers to tests and proofs (EXAMPLES, PROBES). It is the same text in all Pythons that the project supports:
`ast.dump` would name fields that newer versions added.
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
OWN = ("bench", "models")  # packages whose modules may move
ASIDE = ("EXAMPLES", "PROBES")  # of a spec: no part of the work that it describes


def code(path: Path) -> str:
    """The code of one Python file as a text that only a change of the code changes."""
    return _code(path.read_text("utf-8"))


def code_of(paths: Iterable[Path]) -> bytes:
    """The code of several files, one after the other."""
    return "\n".join(map(code, paths)).encode()


def identity(paths: Iterable[Path]) -> bytes:
    """What a digest takes for these files: their code, or the text that earlier digests of the same code were made of.

    Until digests were made of code, they were made of the text of the files. FORMER keeps that text for each code that
    still does the same, so that records, baselines and plans from before stay comparable.
    """
    found = code_of(paths)
    return former().get(sha256(found).hexdigest()[:16], found)


def digest_today(workload_digest: str) -> str:
    """The digest that the same work has today, for a record of a time when its code was written otherwise."""
    today: str = _kept()["digests"].get(workload_digest, workload_digest)
    return today


@cache
def former() -> Mapping[str, bytes]:
    """The text of source files as it was, by the digest of the code that does the same today."""
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


_PARSER = Lock()  # in Python 3.11 `ast.parse` fails now and then where two threads are in it


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
    if isinstance(value, ast.JoinedStr):  # Python 3.12.1 ends some with an empty text
        named["values"] = [item for item in value.values if not (isinstance(item, ast.Constant) and item.value == "")]
    if isinstance(value, ast.ImportFrom) and (value.module or "").partition(".")[0] in OWN:
        del named["module"]  # where the names come from: they are part of the code, their place is not
    return f"{type(value).__name__}({', '.join(f'{name}={_dump(item)}' for name, item in named.items())})"
