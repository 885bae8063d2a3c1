"""Turns numbers into statements: statistics, verdicts, equivalence, budgets; reads no clock and no file."""
