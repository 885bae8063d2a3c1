"""The Python API for notebooks: stored runs as pandas frames, as charts and as comparisons."""
