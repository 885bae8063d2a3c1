"""Says what is wrong with the end of a command: anything but a result or one message for people."""

import re
import sys
import traceback
from collections.abc import Collection
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from unittest.mock import patch

from bench.cli import main

# Words of libraries and of Python itself, which tell a user nothing.
LIBRARY = re.compile(
    r"Input should be|Unable to parse|valid tuple|valid dictionary|pydantic|allow_pickle|numpy\.(?!savez)|np\.\w+\(|"
    r"pandas(?! writes)|dtype\('|broadcast|ufunc|jaxtyping|Traceback|NoneType|Errno|codec can|<class|object at 0x|"
    r"has no attribute|not subscriptable|not iterable|unsupported operand|invalid literal|could not convert|unhashable|"
    r"truth value of|must be real|out of bounds|is not in list|embedded null|\w+Error\b|Expecting |Extra data|"
    r"recursion|set_int_max_str_digits"
)
CODE = re.compile(r"`[^`]*\b(?:array|targets)\b[^`]*`")  # what a user is told to write
WRONG = 2
BESIDE = ("warning: ", "also installed", "report: ", "page: ", "changed on purpose")  # lines beside a result


@dataclass(frozen=True)
class End:
    """How a command ended, and what it printed; `crash` is the text of an error that nobody caught."""

    code: int
    out: str
    err: str
    crash: str = ""


def levelfield(*arguments: object) -> End:
    """The end of `levelfield` with these arguments, in this process."""
    out, err = StringIO(), StringIO()
    code, crash = 0, ""
    with patch.object(sys, "argv", ["levelfield", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except Exception:  # noqa: BLE001 (an error that nobody caught is what is looked for)
            crash = traceback.format_exc()
    return End(code=code, out=out.getvalue(), err=err.getvalue(), crash=crash)


def problems(end: End, *, named: str, codes: Collection[int]) -> list[str]:
    """What is wrong with this end; with exit code 2, one message has to name the file `named`.

    `codes` are the other exit codes that are right.
    """
    if end.crash:
        return [end.crash]
    told = CODE.sub("", f"{end.out}{end.err}")
    found = [f"library text {word!r}" for word in LIBRARY.findall(told)]
    if end.code not in {WRONG, *codes}:
        found.append(f"exit code {end.code}")
    lines = end.err.removesuffix("\n").split("\n") if end.err else []
    messages = [line for line in lines if line.startswith("levelfield: ")]
    other = [line for line in lines if line not in messages and not line.startswith(BESIDE)]
    found += [f"a line that is no message: {line!r}" for line in other]
    if end.code == WRONG:
        found += [f"{len(messages)} messages"] * (len(messages) != 1)
        found += [f"no message names {named}"] * (named not in end.err)
        found += ["a result beside exit code 2"] * bool(end.out)
    return found
