"""What a search chose, as a script that runs by itself; the parent process writes it."""

from bench.scripts import flax, keras, pytorch
from bench.scripts.task import Task

__all__ = ["Task", "write"]

WRITERS = {"pytorch": pytorch.write, "keras": keras.write, "flax": flax.write}


def write(task: Task) -> str:
    """The script of a task."""
    return WRITERS[task.framework](task)
