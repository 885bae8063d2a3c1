"""Writes the configuration that a search chose as a stand-alone script; runs in the parent process."""

from bench.scripts import flax, keras, pytorch
from bench.scripts.task import Task
from bench.workload.recipe import Recipe
from bench.workload.update_rules import AdamW, RmsProp, decays

__all__ = ["Task", "unwritten", "write"]

BEYOND = ("schedule", "l2", "class_weights", "label_smoothing", "accumulation")
WRITERS = {"pytorch": pytorch.write, "keras": keras.write, "flax": flax.write}


def unwritten(framework: str, recipe: Recipe) -> tuple[str, ...]:
    """The keys of a recipe that a script in this framework does not have, since no writer has words for them."""
    rule, plain = recipe.optimizer, Recipe(optimizer=recipe.optimizer, batch_size=1, epochs=1)
    found = [key for key in BEYOND if getattr(recipe, key) != getattr(plain, key)]
    if not isinstance(rule, RmsProp) and decays(rule):
        found += ["optimizer.decay"] if rule.decay == "kernels" else []
        found += ["optimizer.weight_decay"] if framework == "keras" and not isinstance(rule, AdamW) else []
    return tuple(found)


def write(task: Task) -> str:
    """The text of the script for a task."""
    return WRITERS[task.framework](task)
