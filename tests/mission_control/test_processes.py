"""The supervisor keeps its processes alive and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mission_control.world import child
from mission_control.world.child import Program, State
from mission_control.world.processes import NotStarted, Supervisor, environment
from tests.machine import ROOT, clean_environment
from tests.waiting import wait_for

SLEEPER = "import signal; signal.pause()"
READY = "import json, signal; print(json.dumps({'ready': True, 'url': 'here', 'pid': 1}), flush=True); signal.pause()"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path / "logs")
    yield one
    one.kill()


def python(name: str, code: str, *, ready_line: bool = False, within: float = 10.0) -> Program:
    return Program(name, (sys.executable, "-c", code), dict(os.environ), ready_line, within)


def step_until(supervisor: Supervisor, name: str, state: State, restarts: int = 0) -> None:
    def there() -> bool:
        supervisor.step()
        one = supervisor.children[name]
        return one.state is state and one.restarts >= restarts

    wait_for(there)


def test_a_process_counts_as_up_only_when_it_says_so(supervisor: Supervisor) -> None:
    supervisor.start([python("server", READY, ready_line=True)])
    assert supervisor.children["server"].ready == {"ready": True, "url": "here"}


def test_what_is_not_awaited_holds_nobody_up_and_is_up_when_it_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    flag = tmp_path / "now"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.01)\n{READY}"
    slow = replace(python("slow", code, ready_line=True), awaited=False)
    supervisor.start([slow, python("server", READY, ready_line=True)])
    assert supervisor.children["slow"].state is State.STARTING
    assert "slow" in supervisor.pids()
    flag.touch()
    step_until(supervisor, "slow", State.UP)


def test_a_process_that_never_gets_ready_is_told_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    broken = python("server", "raise SystemExit('no such database')", ready_line=True)
    with pytest.raises(NotStarted, match="no such database"):
        supervisor.start([broken], within=1.0)


def test_a_killed_process_is_started_again_and_the_change_is_reported(tmp_path: Path) -> None:
    told: list[dict[str, int]] = []
    one = Supervisor(tmp_path, lambda: told.append(one.pids()))
    try:
        one.start([python("worker", SLEEPER)])
        first = one.pids()["worker"]
        os.kill(first, signal.SIGKILL)
        step_until(one, "worker", State.UP, restarts=1)
        assert one.children["worker"].last_end == "killed by SIGKILL"
        assert told[-1]["worker"] not in (first, None)
    finally:
        one.kill()


def test_the_pause_doubles_with_each_death_up_to_its_limit_and_is_forgiven_after_a_long_life(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LONGEST_PAUSE", 0.3)
    supervisor.start([python("worker", SLEEPER)])
    one = supervisor.children["worker"]
    for expected in (0.3, 0.3):
        os.kill(one.pid or 0, signal.SIGKILL)
        step_until(supervisor, "worker", State.WAITING)
        assert one.pause == expected
        step_until(supervisor, "worker", State.UP)
    monkeypatch.setattr(child, "FORGIVEN_AFTER", 0.0)
    os.kill(one.pid or 0, signal.SIGKILL)
    died_at = time.monotonic()
    step_until(supervisor, "worker", State.WAITING)
    assert one.start_again_at - died_at < 0.3


def test_a_server_that_comes_back_elsewhere_is_not_accepted(supervisor: Supervisor, tmp_path: Path) -> None:
    flag = tmp_path / "second"
    code = (
        "import json, pathlib, signal\n"
        f"flag = pathlib.Path({str(flag)!r})\n"
        "print(json.dumps({'ready': True, 'url': 'there' if flag.exists() else 'here'}), flush=True)\n"
        "signal.pause()"
    )
    supervisor.start([python("server", code, ready_line=True)])
    flag.touch()
    os.kill(supervisor.pids()["server"], signal.SIGKILL)

    def refused() -> bool:
        supervisor.step()
        return "came back at" in supervisor.children["server"].last_end

    wait_for(refused)
    flag.unlink()
    step_until(supervisor, "server", State.UP)
    assert supervisor.children["server"].ready["url"] == "here"


def test_stop_asks_first_and_kills_what_does_not_listen_with_all_its_children(supervisor: Supervisor) -> None:
    stubborn = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        'print(\'{"ready": true, "grandchild": %d}\' % grandchild.pid, flush=True)\n'
        "signal.pause()"
    )
    supervisor.start([python("polite", SLEEPER), python("stubborn", stubborn, ready_line=True)])
    pids = [*supervisor.pids().values(), supervisor.children["stubborn"].ready["grandchild"]]
    supervisor.stop(within=0.5)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert supervisor.pids() == {}


def test_kill_9_of_the_supervisor_takes_its_processes_along(tmp_path: Path) -> None:
    code = (
        "import os, sys, json, pathlib, signal\n"
        "from mission_control.world.processes import Supervisor\n"
        "from mission_control.world.child import Program\n"
        "s = Supervisor(pathlib.Path(sys.argv[1]))\n"
        f"s.start([Program(str(n), (sys.executable, '-c', {SLEEPER!r}), dict(os.environ)) for n in range(3)])\n"
        "print(json.dumps(list(s.pids().values())), flush=True)\n"
        "signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env=clean_environment(), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    with process.stdout:
        pids = json.loads(process.stdout.readline())
    wait_for(lambda: all("leash.py" not in " ".join(psutil.Process(pid).cmdline()) for pid in pids))
    process.kill()
    process.wait()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_a_log_is_kept_within_its_bound(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MAX_LOG", 1000)
    noisy = (
        "import signal, sys; sys.stderr.write('x' * 1500); sys.stderr.flush(); print('{\"ready\": true}', flush=True)"
    )
    supervisor.start([python("noisy", noisy + "; signal.pause()", ready_line=True)])
    supervisor.tidy()
    one = supervisor.children["noisy"]
    assert one.log_file.stat().st_size == 0
    assert one.log_file.with_suffix(".log.1").stat().st_size == 1500


def test_a_process_is_told_nothing_of_the_users_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    told = environment(tmp_path, ONE="1", NONE=None)
    assert "hush" not in told.values()
    assert told["ONE"] == "1"
    assert "NONE" not in told
    assert "127.0.0.1" in told["NO_PROXY"]
