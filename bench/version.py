"""The version of Levelfield, as records and `levelfield --version` say it."""

__version__ = "0.1.0"
