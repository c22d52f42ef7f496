"""`python -m shared.adapters.model.child`: the model's own process. It reads questions and writes answers.

It is given an endpoint and questions, and nothing else: no environment but what a Python needs, no token, no engine, no
key of the fleet, no arguments. It may write no file. It ends with its stdin.
"""

from __future__ import annotations

import resource
import sys

from shared.adapters.model.wire import MAX_LINE, BadLine, read_ask, read_endpoint

MEMORY = 2 * 1024**3
"""Bytes of address space."""


def main() -> int:
    """0 at the end of stdin, 2 on a line that is not a question."""
    _bind()
    from shared.adapters.model.client import ChatClient

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        client = ChatClient(read_endpoint(requests.readline(MAX_LINE + 1)))
        while line := requests.readline(MAX_LINE + 1):
            answers.write(client.ask(read_ask(line)).line())
            answers.flush()
    except BadLine:
        return 2
    return 0


def _bind() -> None:
    """Give up what is not needed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    sys.exit(main())
