"""What can go wrong, as one tree; the message says where, what was found, what was expected, what to do.

BenchError
├── UsageError              an option or a workload is wrong: exit 2, before anything is started
├── DataError               a data set is missing, damaged or not what its description says: exit 2
├── NotComparableError      two runs differ in machine or workload: exit 5
├── NothingMeasuredError    there is nothing to show or to compare: exit 6
└── UnavailableError        a framework cannot do what a case asks for: the case ends as `unavailable`
"""


class BenchError(Exception):
    """The base of every error that a user can meet."""

    exit_code = 1


class UsageError(BenchError):
    """A wrong option, workload or suite."""

    exit_code = 2


class DataError(BenchError):
    """A data set that is missing, damaged or malformed."""

    exit_code = 2


class NotComparableError(BenchError):
    """Two runs that differ in machine or workload."""

    exit_code = 5


class NothingMeasuredError(BenchError):
    """No record to work with."""

    exit_code = 6


class UnavailableError(BenchError):
    """A case that a framework cannot run, with the reason."""
