"""Holds one module for each data set; the parent process uses their descriptions, the worker process their samples."""
