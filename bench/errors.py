"""Defines the errors of the harness. A message says where it happened, what was found, what was expected, what to do.

BenchError
├── UsageError              an option or a workload is wrong: exit 2, before anything is started
├── DataError               a data set is missing, damaged or not what its description says: exit 2
├── NotComparableError      two runs differ in machine or workload: exit 5
├── NothingMeasuredError    there is nothing to show or to compare: exit 6
└── UnavailableError        a framework cannot run a case: the case ends as `unavailable`
"""


class BenchError(Exception):
    """The base of every error that a user can see."""

    exit_code = 1


class UsageError(BenchError):
    """Raised for a wrong option, workload or suite."""

    exit_code = 2


class DataError(BenchError):
    """Raised for a data set that is missing, damaged or malformed."""

    exit_code = 2


class NotComparableError(BenchError):
    """Raised if two runs differ in machine or workload."""

    exit_code = 5


class NothingMeasuredError(BenchError):
    """Raised if there is no record to show or to compare."""

    exit_code = 6


class UnavailableError(BenchError):
    """Raised if a framework cannot run a case; the message is the reason."""
