"""The Transformer encoder in PyTorch."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.layers import pytorch as layers
from models.layers.spec import Weights
from models.transformer.spec import Block, TransformerSpec, has_last_norm, input_shape


class EncoderBlock(nn.Module):
    def __init__(self, width: int, block: Block) -> None:
        super().__init__()
        self.is_before = block.layer_norm.position == "before"
        self.attention_norm = nn.LayerNorm(width, eps=block.layer_norm.epsilon)
        self.attention = nn.MultiheadAttention(width, block.heads, batch_first=True)
        self.dense_norm = nn.LayerNorm(width, eps=block.layer_norm.epsilon)
        self.expand = nn.Linear(width, block.units)
        self.activation = layers.ACTIVATIONS[block.activation]()
        self.contract = nn.Linear(block.units, width)
        self.dropout = nn.Dropout(block.dropout) if block.dropout else nn.Identity()

    def forward(self, steps: Tensor) -> Tensor:
        if self.is_before:
            steps = steps + self.dropout(self.attend(self.attention_norm(steps)))
            return steps + self.dropout(self.transform(self.dense_norm(steps)))
        steps = self.attention_norm(steps + self.dropout(self.attend(steps)))
        return self.dense_norm(steps + self.dropout(self.transform(steps)))

    def attend(self, steps: Tensor) -> Tensor:
        return self.attention(steps, steps, steps, need_weights=False)[0]

    def transform(self, steps: Tensor) -> Tensor:
        return self.contract(self.activation(self.expand(steps)))


class Transformer(nn.Module):
    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        rows, width = spec.vocabulary, spec.width
        self.embedding = nn.Embedding(rows, width) if rows else nn.Linear(spec.features, width)
        self.position = nn.Parameter(torch.zeros(input_shape(spec)[0], width))
        self.blocks = nn.ModuleList(EncoderBlock(width, block) for block in spec.blocks)
        epsilon = spec.blocks[-1].layer_norm.epsilon
        self.last_norm = nn.LayerNorm(width, eps=epsilon) if has_last_norm(spec) else None
        self.head = nn.Linear(width, spec.outputs)

    def forward(
        self, sequence: Float[Tensor, "batch time features"] | Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch outputs"]:
        steps = self.embedding(sequence) + self.position
        for block in self.blocks:
            steps = block(steps)
        if self.last_norm is not None:
            steps = self.last_norm(steps)
        return self.head(steps.mean(1))


def build(spec: TransformerSpec, weights: Weights, *, seed: int = 0) -> Transformer:
    """The model with these weights, in their precision; `seed` is for dropout."""
    torch.manual_seed(seed)
    model = Transformer(spec).to(torch.tensor(weights["head.bias"]).dtype)
    with torch.no_grad():
        for name, part in variables(model).items():
            part.copy_(torch.tensor(weights[name]))
    return model


def export(model: Transformer) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return layers.to_numpy(variables(model))


def variables(model: Transformer) -> layers.State:
    """Views of all weights in the canonical layout, by their canonical names."""
    found: layers.State = {"position.table": model.position} | _dense("head", model.head)
    if isinstance(model.embedding, nn.Embedding):
        found["embedding.table"] = model.embedding.weight
    else:
        found |= _dense("embedding", model.embedding)
    for number, block in enumerate(model.blocks):
        found |= _of_block(block, number)
    if model.last_norm is not None:
        found |= layers.read_norm(model.last_norm, name="last_norm")
    return found


def kernels(model: Transformer) -> layers.State:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = variables(model).items()
    return {name.removesuffix(".kernel"): value for name, value in found if name.endswith(".kernel")}


def _of_block(block: EncoderBlock, number: int) -> layers.State:
    found = layers.read_norm(block.attention_norm, name=f"attention{number}_norm")
    kernel, bias, width = block.attention.in_proj_weight, block.attention.in_proj_bias, block.attention.embed_dim
    for third, part in enumerate(("query", "key", "value")):
        rows = slice(third * width, (third + 1) * width)
        found |= {f"{part}{number}.kernel": kernel[rows].T, f"{part}{number}.bias": bias[rows]}
    dense = {"attention": block.attention.out_proj, "expand": block.expand, "contract": block.contract}
    for part, layer in dense.items():
        found |= _dense(f"{part}{number}", layer)
    return found | layers.read_norm(block.dense_norm, name=f"dense{number}_norm")


def _dense(name: str, layer: nn.Linear) -> layers.State:
    return {f"{name}.kernel": layer.weight.T, f"{name}.bias": layer.bias}
