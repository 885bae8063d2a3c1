"""Ends a process together with the one that started it, so that nothing of a killed run works on."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2): a signal to this process when its parent dies


def end_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Let the kernel send this signal to this process when its parent dies (on Linux; elsewhere nothing is done).

    The kernel sends it when the *thread* that started this process ends, so that thread must live longer.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
