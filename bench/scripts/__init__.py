"""Writes the configuration that a search chose as a stand-alone script; runs in the parent process."""

from bench.scripts import flax, keras, pytorch
from bench.scripts.task import Task

__all__ = ["Task", "write"]

WRITERS = {"pytorch": pytorch.write, "keras": keras.write, "flax": flax.write}


def write(task: Task) -> str:
    """The text of the script for a task."""
    return WRITERS[task.framework](task)
