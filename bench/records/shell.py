"""The environment variables that the shell gave to a command, without those that libraries set later.

An import can set variables: scikit-learn sets two of OpenMP. They are not of the shell, and workers must not get them.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_given: list[dict[str, str]] = []


@contextmanager
def remembered() -> Iterator[None]:
    """Keep the variables of now as those of the shell, for as long as the context lasts."""
    _given.append(dict(os.environ))
    try:
        yield
    finally:
        _given.pop()


def shell() -> Mapping[str, str]:
    """The variables that the shell gave to this command; outside of a command those of this process."""
    return _given[-1] if _given else os.environ
