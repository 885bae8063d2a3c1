"""What the code says of the keys of a class: type, default and description.

The class is a pydantic dataclass. Descriptions stand in its docstring, below `Attributes:`, one for each key. A class
inherits the descriptions of its parents with their keys.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo

from reference_pages import markdown

SECTION = "\nAttributes:\n"
ENTRY = re.compile(r" {4}(\w+): (.+)")
ACRONYMS = ("Gpu", "Gru", "Lstm", "Rms", "Rnn", "Sgd")
LIMITS = ((Gt, "gt", ">"), (Ge, "ge", "≥"), (Lt, "lt", "<"), (Le, "le", "≤"))


class DescriptionError(ValueError):
    """A key without a description, or a description without a key."""


class Terms(NamedTuple):
    """What a file format calls its types; `null` is what stands for no value, where the format can say that."""

    names: Mapping[type, str]
    null: str | None = None


TOML = Terms({int: "integer", float: "float", str: "string", bool: "boolean", dict: "table", tuple: "array"})
JSON = Terms(
    {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object", tuple: "array"}, null="null"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: its name, its type in Markdown, its default as it is written (None where it is required), its text."""

    name: str
    type: str
    default: str | None
    description: str


def keys(kind: type, terms: Terms) -> list[Key]:
    """The keys of a class in their order. Raises DescriptionError unless there is one description for each."""
    fields, found = _fields(kind), descriptions(kind)
    if fields.keys() != found.keys():
        wrong = ", ".join(sorted(fields.keys() ^ found.keys()))
        raise DescriptionError(f"{kind.__module__}.{kind.__qualname__}: keys and `Attributes:` differ in {wrong}")
    return [
        Key(name=name, type=_type(field, terms), default=_default(field, terms), description=found[name])
        for name, field in fields.items()
    ]


def summary(kind: type) -> str:
    """The docstring of the class without its section `Attributes:`."""
    return _docstring(kind).partition(SECTION)[0].strip()


def descriptions(kind: type) -> dict[str, str]:
    """The description of each key, by its name. The class itself has the last word, after its parents."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        found |= entries(_docstring(owner), "Attributes")
    return found


def entries(docstring: str, section: str) -> dict[str, str]:
    """The entries of one section of a docstring, such as `Attributes:`, by their names."""
    _, _, body = docstring.partition(f"\n{section}:\n")
    return dict(_entries(body.partition("\n\n")[0].splitlines()))


def tables(kind: type) -> list[type]:
    """The classes that stand for tables inside this one, at any depth, in the order of their keys; each once."""
    found: dict[type, None] = {}
    for field in _fields(kind).values():
        for inner in _classes(field.annotation):
            found |= dict.fromkeys((inner, *tables(inner)))
    return list(found)


def title(kind: type) -> str:
    """The name of the class in words: `DenseLayer` becomes "Dense layer"."""
    first, *others = re.split(r"(?<=[a-z])(?=[A-Z][a-z])", kind.__name__)
    return " ".join((first.upper() if first in ACRONYMS else first, *(word.lower() for word in others)))


def _docstring(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    name, words = "", list[str]()
    for line in (*lines, "    end: of the section"):
        entry = ENTRY.fullmatch(line)
        if entry is None:
            words.append(line.strip())
            continue
        if name:
            yield name, " ".join(filter(None, words))
        name, words = entry[1], [entry[2]]


def _fields(kind: type) -> dict[str, FieldInfo]:
    found: dict[str, FieldInfo] = getattr(kind, "__pydantic_fields__", {})
    return found


def _classes(hint: object) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [kind for part in get_args(hint) for kind in _classes(part)]


def _type(field: FieldInfo, terms: Terms) -> str:
    return f"{words(field.annotation, terms)}{_limits(field.metadata)}"


def words(hint: object, terms: Terms) -> str:
    """A type in the words of the file format."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return f"{words(parts[0], terms)}{_limits(parts[1:])}"
    if origin in {Union, UnionType}:
        named = [words(part, terms) for part in parts if part is not NoneType]
        return " or ".join([*named, *([terms.null] if terms.null and NoneType in parts else [])])
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in parts)
    if origin in {tuple, list}:
        inner = dict.fromkeys(words(part, terms) for part in parts if part is not Ellipsis)
        size = "" if Ellipsis in parts or origin is list else f" of {len(parts)}:"
        return f"{terms.names[tuple]}{size or ' of'} {', '.join(inner)}"
    if origin is dict:
        return terms.names[dict] if parts[1] is Any else f"{terms.names[dict]} of {words(parts[1], terms)}"
    return _name(hint, terms)


def _name(hint: object, terms: Terms) -> str:
    if hint is Any:
        return "any value"
    if isinstance(hint, type) and is_dataclass(hint):
        return f"[{title(hint)}](#{markdown.anchor(title(hint))})"
    return terms.names[hint]  # type: ignore[index]  # a type that has no name yet is a KeyError


def _limits(metadata: Iterable[object]) -> str:
    """The limits of a value, behind its type: ` > 0`."""
    found = []
    for item in metadata:
        if isinstance(item, FieldInfo):
            found.append(_limits(item.metadata))
        elif isinstance(item, MinLen):
            found.append(f", at least {item.min_length} item{'s' if item.min_length > 1 else ''}")
        found += [f" {sign} {getattr(item, name)}" for kind, name, sign in LIMITS if isinstance(item, kind)]
    return " and".join(found) if all(limit.startswith(" ") for limit in found) else "".join(found)


def _default(field: FieldInfo, terms: Terms) -> str | None:
    if field.is_required():
        return None
    return written(field.get_default(call_default_factory=True, validated_data={}), terms)


def written(value: object, terms: Terms) -> str:
    """A value as the file format writes it; empty where the format has no value for it."""
    if value is None:
        return terms.null or ""
    if is_dataclass(value) and not isinstance(value, type):
        given = {name: item for name, item in asdict(value).items() if item is not None}
        return f"{{ {', '.join(f'{name} = {json.dumps(item)}' for name, item in given.items())} }}"
    return json.dumps(value)
