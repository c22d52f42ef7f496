"""`run AGENT`: one worker in this process, until SIGTERM."""

from __future__ import annotations

import importlib.util
import sys

from mission_control.settings import BadSettings, read_settings


def run(agent: str) -> int:
    """Run `agent`; 0 after a stop, 2 for an unknown name or bad settings, 1 when this copy has no agents."""
    if importlib.util.find_spec("mission_control.wiring") is None:
        sys.stderr.write("mission-control: mission_control/wiring.py is not there: no agent can be run\n")
        return 1
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # structlog would load it: 5 MB a worker, never used
    from mission_control.wiring import AGENTS, run_agent

    if agent not in AGENTS:
        sys.stderr.write(f"mission-control: no agent {agent!r}; there are {', '.join(AGENTS)}\n")
        return 2
    try:
        return run_agent(agent, read_settings())
    except BadSettings as bad:
        sys.stderr.write("".join(f"{line}\n" for line in bad.lines))
        return 2
