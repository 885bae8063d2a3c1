"""Recipes with every key are proven equal from end to end, in all frameworks that offer their rules."""

import json
from pathlib import Path

import pytest

from tests.bench.cli.conftest import Command
from tests.contenders import CONTENDERS

# Momentum, decay of kernels, a schedule by step, class weights that are counted, penalties of single layers.
SEQUENCES = """
name = "recipe-of-sequences"
dataset = { name = "synthetic", shape = [4, 3], classes = 3, train = 96, test = 12 }
[model]
family = "gru"
layers = [{ units = 5, batch_norm = { position = "after" } }, { units = 4 }]
[recipe]
optimizer.name = "sgd"
optimizer.learning_rate = 0.1
optimizer.momentum = 0.9
optimizer.nesterov = true
optimizer.weight_decay = 0.01
optimizer.decay = "kernels"
batch_size = 12
epochs = 20
validation_fraction = 0.25
class_weights = "balanced"
schedule = { name = "cosine", final = 0.1, warm_up = 10, by = "step" }
l2 = { layer0 = 0.01, head = 0.002 }
clipping = { norm = 1.0, scope = "global" }
early_stopping = { patience = 3, min_delta = 0.01 }
"""
# Accumulation with a batch norm and dropout, Adam with coupled decay, smoothing, a schedule by epoch.
IMAGES = """
name = "recipe-of-images"
dataset = { name = "synthetic", shape = [6, 5, 2], classes = 3, train = 100, test = 12 }
[model]
family = "cnn"
convolutions = [{ filters = 3, padding = "same", pool = 2, batch_norm = {} }]
dense = [{ units = 5, dropout = 0.3 }]
[recipe]
optimizer = { name = "adam", weight_decay = 0.01, decay = "kernels" }
batch_size = 12
epochs = 10
last_batch = "drop"
label_smoothing = 0.1
accumulation = 3
schedule = { name = "step", every = 2, factor = 0.5, warm_up = 2 }
l2 = { all = 0.001 }
"""
# RMSprop with epsilon inside the root, which PyTorch does not have.
NUMBERS = """
name = "recipe-of-numbers"
dataset = { name = "synthetic", shape = [6], classes = 2, train = 96, test = 12 }
[model]
family = "dnn"
hidden = [{ units = 5, batch_norm = {} }]
[recipe]
optimizer = { name = "rmsprop", learning_rate = 1e-3, epsilon_place = "inside" }
batch_size = 12
epochs = 10
loss = "binary_cross_entropy"
class_weights = [0.5, 2.0]
schedule = { name = "cosine" }
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "missing"),
    [(SEQUENCES, []), (IMAGES, []), (NUMBERS, ["pytorch"])],
    ids=["sequences", "images", "numbers"],
)
def test_a_recipe_with_many_keys_is_proven_equal_in_all_frameworks(
    levelfield: Command, recipe: str, missing: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(recipe)
    found = levelfield("verify", path, "--framework", ",".join(CONTENDERS), "--format", "json")
    certificates = {item["framework"]: item["passed"] for item in json.loads(found.out)["certificates"]}
    proven = [name for name in CONTENDERS if name not in missing]
    assert [name for name in CONTENDERS if certificates.get(name)] == proven, found.err
