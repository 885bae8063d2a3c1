"""Turns the options of a run into a checked list of cases, in the parent process, before any case is started."""
