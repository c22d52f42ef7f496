"""`python -S leash.py PARENT COMMAND…`: becomes COMMAND, which the kernel kills as soon as its parent is gone.

Linux only (prctl PR_SET_PDEATHSIG, `man 2 prctl`); elsewhere it becomes COMMAND and no more. The signal is bound to the
parent's spawning thread: start processes from the thread that lives longest.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then exec. Exits 127 when there is no such command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor was gone before this process began")
    try:
        os.execvp(command[0], command)  # noqa: S606 - a list, no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
