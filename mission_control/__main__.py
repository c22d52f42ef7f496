"""`python -m mission_control`: a worker when asked to run one (without loading the command line), else the commands."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Exits with a code of mission_control/exits.py."""
    if len(sys.argv) == 3 and sys.argv[1] == "run" and not sys.argv[2].startswith("-"):
        from mission_control.fleet.run import run

        sys.exit(run(sys.argv[2]))
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some takes 20 ms, and none is wanted
    gc.set_threshold(50_000, 20, 20)  # what is loaded stays: looking for garbage in it is a tenth of a short command
    from mission_control.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
