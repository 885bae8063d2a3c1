"""Holds the version of Levelfield, which records and `levelfield --version` show."""

__version__ = "0.1.0"
