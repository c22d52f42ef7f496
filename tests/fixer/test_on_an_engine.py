"""Promise 04 on a running engine: a Fixer killed in the stop phase, and the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.incident.facts import Applied
from shared.incident.parts import Directive
from shared.ports import Transient
from tests.adapters.docker_world import DockerHost, on
from tests.engine.hosts import EngineProcess, Host, actions, has_said_up
from tests.fixer import docker_fixer
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.mark.scenario
def test_a_fixer_killed_in_the_stop_phase_leaves_one_restart(tmp_path: Path) -> None:
    process = EngineProcess()
    address = f"unix://{process.socket}"
    try:
        with on(DockerHost(address, "patient:1", sys.executable, embedded=True)) as world:
            host: Host = world._host
            container = host.create(STUBBORN, "policy", labels={"sre-space.managed": "true"})
            container.start()
            wait_for(lambda: has_said_up(container), what="the patient is up")
            name = world.name("policy")
            directive = Directive(
                id="acme/shop#7/1",
                verb="restart",
                target=name,
                grace_s=2,
                observed=world.engine.inspect(name).observed,
                undo="none needed",
            )
            with host.events() as events:
                command = [sys.executable, docker_fixer.__file__, address, str(tmp_path), directive.canonical()]
                with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}) as fixer:
                    wait_for(lambda: "kill" in actions(events), what="the stop phase has begun")
                    fixer.kill()
                hand = docker_fixer.hand(address, tmp_path, name)
                answer = None
                begun = time.monotonic()
                waited = 0

                def answered() -> bool:
                    nonlocal answer, waited
                    try:
                        answer = hand.carry_out(directive)
                    except Transient:
                        waited += 1
                        return False
                    return True

                wait_for(answered, what="the next Fixer knows")
                assert isinstance(answer, Applied)
                assert answer.settled
                assert waited > 0
                assert time.monotonic() - begun < 5, "settled as soon as it could be known"
                wait_for(lambda: "restart" in actions(events), what="the engine has told of the restart")
                assert actions(events).count("start") == 1
            assert hand.carry_out(directive) == answer
    finally:
        process.close()
