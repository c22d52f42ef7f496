"""`python -m mission_control`: a worker when asked to run one (without loading the command line), else the commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Exits with 0 ok, 1 error, 2 usage or settings, 3 degraded."""
    if len(sys.argv) == 3 and sys.argv[1] == "run" and not sys.argv[2].startswith("-"):
        from mission_control.run import run

        sys.exit(run(sys.argv[2]))
    from mission_control.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
