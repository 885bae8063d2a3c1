"""Pauses Python's search for garbage while many objects are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused(*, keep: bool = False) -> Iterator[None]:
    """No search in this block: among many objects that stay, each search takes long and finds nothing.

    With `keep`, later searches leave out all objects of the moment at which the block ends, whoever made them. Only the
    command line may ask for it, since a process of somebody else, such as a notebook, has objects of its own.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if keep:
            gc.freeze()
        if was_on:
            gc.enable()
