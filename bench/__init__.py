"""The harness: it knows how to measure and knows no model."""

__version__ = "0.1.0"
