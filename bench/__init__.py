"""The harness: it knows how to measure and knows no model."""
