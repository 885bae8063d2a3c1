"""Changes one place in the content of a TOML or JSON file: a key is missing or misspelt, or its value is wrong."""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DataObject

Tree = Any  # of dictionaries, lists and values
Change = Callable[[DataObject, Any, int | str], None]

VALUES: tuple[Any, ...] = (
    *(True, False, 0, 1, -1, 2, 7, 1000, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(0.0, -0.0, 0.5, -0.5, 1.0, 1.5, 95.0, 1e-320, 1e300, math.nan, math.inf, -math.inf),
    *("", " ", "yes", "true", "1", "0.5", "nan", "1,5", "none", "null"),
    *("../up", "/", ".", "ä€🙂", "a\nb", "$", "x" * 300),
    *("\x00", "[bold]", "2024-01-01", "cpu", "digits", "adam", "relu", "flax", "r2", "accuracy", "training", "csv"),
    *([], {}, [[]], [{}], [1], [1, 1], [-1], ["a"], ["a", "a"], [True], [1.5], [math.nan], [1, "a"], [[1, 2], [3]]),
    *({"name": "adam"}, {"name": "sgd"}, {"name": 3}, {"": 1}, {"a": {"b": {"c": 1}}}, [[[[[[[[1]]]]]]]]),
)


def places(tree: Tree) -> list[tuple[Any, int | str]]:
    """The places in the tree, as their table or list and their key there; of a list only the first and last items."""
    if isinstance(tree, dict):
        items: list[tuple[Any, Any]] = list(tree.items())
    else:
        items = [*enumerate(tree)][:: max(len(tree) - 1, 1)] if isinstance(tree, list) else []
    found = [(tree, key) for key, _ in items]
    return found + [place for _, value in items for place in places(value)]


def removed(_: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401 (a table or a list)
    """The key is missing."""
    del table[key]


def misspelt(data: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """One letter of the key is wrong, or the key has another case; an item of a list is there twice."""
    if isinstance(key, int):
        table.insert(key, deepcopy(table[key]))
        return
    names = [key[1:], f"{key}s", key.upper(), key.replace("_", "-"), f" {key}", f"{key[:1]}{key}", ""]
    table[data.draw(st.sampled_from(names))] = table.pop(key)


def of_another_kind(data: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """The value is of another kind, or far out of its range."""
    table[key] = deepcopy(data.draw(st.sampled_from(VALUES)))


def in_quotes(_: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """The value is a text."""
    table[key] = str(table[key])


def nested(data: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """The value stands in a list or a table, or is taken out of one."""
    value = table[key]
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    table[key] = data.draw(st.sampled_from([[value], [value, deepcopy(value)], {"name": value}, *inner[:3]]))


def beside_another(data: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """A key that nobody knows stands beside it."""
    if isinstance(table, dict):
        table[data.draw(st.sampled_from(["extra", "name", "kind", "fold", "value", "", "a.b", "ä", "__class__"]))] = (
            deepcopy(data.draw(st.sampled_from(VALUES)))
        )
    else:
        table.append(deepcopy(table[int(key)]))


def scaled(data: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """A number is negative, enormous, or not whole."""
    value = table[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        factor = data.draw(st.sampled_from([-1, 0, 0.5, 1.0, 2, 1000, 10**12, 10**40, 1e300, math.nan]))
        table[key] = value * factor if abs(value) < 1e15 else factor  # a product of floats would overflow


# Values of the same type, most of which nobody can have measured.
ALIKE: tuple[tuple[type, tuple[Any, ...]], ...] = (
    (bool, (True, False)),
    (int, (0, -1, 1, 10**6, 10**18, 2**70)),
    (float, (0.0, -1.0, 1e308, 1e-320, math.nan, math.inf, -math.inf)),
    (str, ("", "x" * 300, "$\\frac", "a|b\n*c*", "[bold]", "../up", "<b>", "ä🙂", " ")),
    (dict, ({},)),
    (type(None), (0, 1.5, "text", -1, [], math.nan)),
)


def of_the_same_type(data: DataObject, table: Any, key: int | str) -> None:  # noqa: ANN401
    """The value has the right type, but nobody can have meant or measured it."""
    value = table[key]
    if isinstance(value, list):
        table[key] = data.draw(st.sampled_from([[], value[:1], value + value, value[::-1]]))
        return
    known = next((values for kind, values in ALIKE if isinstance(value, kind)), ())
    if known:
        table[key] = deepcopy(data.draw(st.sampled_from(known)))


CHANGES: tuple[Change, ...] = (
    removed,
    misspelt,
    of_another_kind,
    of_another_kind,
    of_the_same_type,
    of_the_same_type,
    of_the_same_type,
    in_quotes,
    nested,
    beside_another,
    scaled,
)


def changed(data: DataObject, tree: Tree, *, most: int = 3) -> Tree:
    """A copy of the tree with one change or several."""
    tree = deepcopy(tree)
    for change in data.draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=most)):
        if found := places(tree):
            change(data, *data.draw(st.sampled_from(found)))
    return tree


def exchanged(data: DataObject, tree: Tree) -> Tree:
    """A copy of the tree in which two values have changed places."""
    tree = deepcopy(tree)
    found = places(tree)
    (one, its), (other, key) = (data.draw(st.sampled_from(found)) for _ in range(2))
    first, second = deepcopy(one[its]), deepcopy(other[key])
    one[its] = second
    if other is one or (other, key) in places(tree):
        other[key] = first
    return tree
