"""How a command ends: expected failures are one plain line on stderr and an exit code, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Outcome:
    """The exit code of a command."""

    code: int = 0


@contextmanager
def told() -> Iterator[Outcome]:
    """Turn what may go wrong into words. What is not expected stays a traceback: that is our bug."""
    import click

    outcome = Outcome()
    try:
        yield outcome
    except click.exceptions.Exit as end:
        outcome.code = end.exit_code
    except click.ClickException as error:
        error.show()
        outcome.code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        outcome.code = 130
    except BrokenPipeError:
        outcome.code = 1
    except Exception as error:
        code = _expected(error)
        if code is None:
            raise
        sys.stderr.write("".join(f"{line}\n" for line in str(error).splitlines()))
        outcome.code = code


def _expected(error: Exception) -> int | None:
    from mission_control.github import GithubSaysNo
    from mission_control.record import NotRunning
    from mission_control.settings import BadSettings

    if isinstance(error, BadSettings):
        return 2
    return 1 if isinstance(error, GithubSaysNo | NotRunning) else None
