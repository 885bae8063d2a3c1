"""The page of environment variables: which are refused, which have no effect, and which are recorded."""

from collections.abc import Iterator

from bench.records.variable_rules import OVERRULED, REFUSED, SET
from bench.records.variables import ALLOW, PREFIXES, PRIVATE_WORDS
from reference_pages import markdown
from reference_pages.markdown import code, heading, table, text

LIBRARIES = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
INTRODUCTION = """\
Frameworks, their libraries and Python read settings from the environment. Such a setting changes what is measured, and
no option of Levelfield shows it. Each variable is treated in one of three ways."""

REFUSING = f"""\
With these variables a record would not be true. `run`, `tune`, `verify` and `doctor --calibrate` end with exit code 2
before anything starts, and name all of them at once. `unset NAME` is the remedy. `{ALLOW}=NAME,NAME` allows them by
name. They are then on the record, and the report names them and their effect. A case whose code should be compiled and
is not still fails. A harmless value, such as `0` for a
variable that switches something on, is recorded and not refused. Variables marked *GPU* are refused only if a case runs
on a GPU. A variable that one library reads is refused only if this library is used: by a chosen framework, or by one
without which the proof cannot be made. Keras uses the library of its backend, and Flax uses JAX."""

OVERRULING = """\
Worker processes do not get these variables, because Levelfield decides the same itself. A command that finds one of
them says so once."""

SETTING = """\
Levelfield sets these for each worker process, whatever the shell says. Keras gets a folder of settings of its own
(`KERAS_HOME`), so `~/.keras/keras.json` has no effect. `CUDA_VISIBLE_DEVICES` of the shell still chooses which GPUs
`cuda:0`, `cuda:1` and so on are."""

RECORDING = """\
All other variables whose names begin like these are on every record. The report shows them, and `levelfield compare`
names those that differ between its two sides."""

HIDING = """\
A record can be shown to anybody, so it has only harmless parts of the values. Of a path it has six digits of a hash,
which tell whether two paths are the same. Of a shared library it has the name of the file. Addresses and long random
words are replaced by `(not stored)`. So is every value of a variable whose name has one of these words:"""


def page() -> str:
    """The page: three tables with a reason for each variable, and what is recorded."""
    return markdown.page(
        heading(1, "Environment variables"),
        INTRODUCTION,
        heading(2, "Refused"),
        REFUSING,
        table(("Variable", "Read by", "Effect"), _refused()),
        heading(2, "Without effect"),
        OVERRULING,
        table(("Variable", "What decides"), ((code(name), text(reason)) for name, reason in OVERRULED.items())),
        heading(2, "Set by Levelfield"),
        SETTING,
        ", ".join(map(code, SET)) + ".",
        heading(2, "Recorded"),
        RECORDING,
        ", ".join(map(code, PREFIXES)) + ".",
        HIDING,
        ", ".join(map(code, PRIVATE_WORDS)) + ".",
    )


def _refused() -> Iterator[tuple[str, str, str]]:
    """The rows of the refused variables; the effects of one variable share a row."""
    effects: dict[tuple[str, str], list[str]] = {}
    for rule in REFUSED:
        name = f"{code(rule.name)}{', *GPU*' if rule.on_gpu else ''}"
        effects.setdefault((name, " and ".join(LIBRARIES[library] for library in rule.libraries) or "all"), []).append(
            rule.effect
        )
    for (name, readers), found in effects.items():
        yield name, readers, text("; or ".join(found))
