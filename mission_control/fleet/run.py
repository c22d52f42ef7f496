"""`run AGENT`: one worker in this process, until SIGTERM."""

from __future__ import annotations

import sys

from mission_control.fleet.roster import AGENTS
from mission_control.settings import BadSettings, read_settings


def run(agent: str) -> int:
    """Run `agent`; 0 after a stop, 2 for an unknown name or bad settings."""
    if agent not in AGENTS:
        sys.stderr.write(f"mission-control: no agent {agent!r}; there are {', '.join(AGENTS)}\n")
        return 2
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # structlog would load it: 5 MB a worker, never used
    from mission_control.fleet.worker import run_agent

    try:
        return run_agent(agent, read_settings())
    except BadSettings as bad:
        sys.stderr.write("".join(f"{line}\n" for line in bad.lines))
        return 2
