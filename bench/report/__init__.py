"""Turns records into tables, charts and pages; it computes no results and runs no framework."""
