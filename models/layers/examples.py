"""What the examples of several families share; no digest knows of them."""

from models.layers.spec import BatchNorm

# With constants that no framework has by default.
BEFORE = BatchNorm(position="before", epsilon=1e-2, momentum=0.7)
AFTER = BatchNorm(position="after", epsilon=1e-4, momentum=0.8)
