"""What the files of the frameworks share: the checks of names and shapes, with one message for all problems."""

from collections.abc import Iterable, Mapping

Shape = tuple[int, ...]
SHOWN = 4  # problems in a message


def check(given: Mapping[str, Shape], needed: Mapping[str, Shape], *, unnamed: Iterable[str]) -> None:
    """Raise ValueError if weights and layers do not fit each other.

    `given` are the shapes of the weights by name, `needed` those that the layers have, `unnamed` the trainable
    parameters of the model that belong to no named layer.
    """
    problems = [f"{name}: no named layer has this weight" for name in given if name not in needed]
    problems += [f"{name}: the layer has it, the weights do not" for name in needed if name not in given]
    problems += [
        f"{name}: found shape {given[name]} in the weights, the layer has {shape}"
        for name, shape in needed.items()
        if name in given and given[name] != shape
    ]
    problems += [f"{name}: a trainable parameter that belongs to no named layer" for name in unnamed]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise ValueError("; ".join(problems[:SHOWN]) + more)
