"""A process that does not outlive the one that started it, however that one ends."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
LOOK_EVERY_SECONDS = 0.5
# In the environment of a process, the one that started it, which may end before this one has asked to end with it.
PARENT_VARIABLE = "ENDS_WITH_PROCESS"


def end_with_parent() -> None:
    """End this process when its parent ends, also by SIGKILL.

    On Linux the kernel sends SIGKILL; elsewhere a thread looks for the parent twice a second.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    parent = int(os.environ.pop(PARENT_VARIABLE, os.getppid()))
    if sys.platform != "linux" or ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()
    elif os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_SECONDS)
    os._exit(1)
