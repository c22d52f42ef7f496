"""Ten Fixers and one directive, in the embedded world; here because ten processes take long to start."""

from __future__ import annotations

import time
from contextlib import ExitStack

import psutil
import pytest

from shared.incident.facts import Applied
from tests.scenario.stack import running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]


def test_ten_fixers_restart_once() -> None:
    with running() as stack, ExitStack() as extras:
        known, since = stack.numbers(), time.time()
        fixers = [extras.enter_context(stack.extra("fixer")) for _ in range(9)]
        wait_for(lambda: all(listens(fixer.pid) for fixer in fixers), 60, "nine more Fixers are at work")
        stack.inject("oom", "user-service")
        number = stack.opened(known)
        incident = stack.closed(number)
        assert len(incident.all(Applied)) == 1
        assert stack.restarts(since) == stack.starts(since) == {"user-service": 1}
        for fixer in fixers:
            fixer.terminate()  # all at once: each takes a while to leave
    assert all(no.reason.startswith("does not follow") for no in incident.rejected), "what lost the race is no fact"
    assert not incident.gaps


def listens(pid: int) -> bool:
    """Whether the worker has come so far as to serve its health page and to talk to the broker."""
    states = {c.status for c in psutil.Process(pid).net_connections("tcp")}
    return {psutil.CONN_LISTEN, psutil.CONN_ESTABLISHED} <= states
