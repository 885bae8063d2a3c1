"""Norms for the examples of several families; they are not part of any digest."""

from models.layers.spec import BatchNorm, LayerNorm

# Their constants are not the defaults of any framework.
BEFORE = BatchNorm(position="before", epsilon=1e-2, momentum=0.7)
AFTER = BatchNorm(position="after", epsilon=1e-4, momentum=0.8)
NORM_BEFORE = LayerNorm(position="before", epsilon=1e-2)
NORM_AFTER = LayerNorm(position="after", epsilon=1e-3)
