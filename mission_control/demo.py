"""`demo`: a fault, and what the fleet makes of it, seen by witnesses that do not ask the fleet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from mission_control import record
from mission_control.child import LEASH
from mission_control.demo_acts import Result
from mission_control.demo_stage import DemoFailed, Stage
from mission_control.github import GithubSaysNo
from mission_control.processes import STOP_WITHIN
from mission_control.sandbox import choose
from mission_control.settings import Settings
from mission_control.watch import memory, own_memory
from mission_control.witnesses import wait_until
from shared.adapters.sandbox.none import NoSandbox

UP_WITHIN: Final = 60.0
SERVERS: Final = frozenset(("broker", "forge", "traces", "engine", "jules", "deployer"))


def demo(settings: Settings, own_state: bool, json_file: Path | None, tier3: bool = False) -> int:
    """0 when every fault was healed as it should be and nothing was touched without one, else 1.

    `own_state`: the user chose the folder. Otherwise a fresh one is used, because the third fault of a kind within the
    hour is escalated instead of restarted, and that is another demonstration: `tier3`.
    """
    state = settings.state_dir.resolve()
    if not own_state:
        state = state / "demo"
        if record.owner(state) is None:
            shutil.rmtree(state, ignore_errors=True)
    began = time.monotonic()
    say = _Narrator(began)
    with ExitStack() as stack:
        try:
            stack.enter_context(_world(state, say))
            left_out = _no_revert(settings)
            if left_out:
                say(f"without a bad commit: {left_out}")
            stage = Stage(record.read(state), say, stack, left_out, tier3)
            results = stage.perform()
        except (DemoFailed, record.NotRunning, GithubSaysNo) as error:
            say(f"the demonstration cannot go on: {error}")
            return 1
        fleet = _fleet_memory(state)
    took = time.monotonic() - began
    _report(results, fleet, took, left_out)
    if json_file is not None:
        document = {"results": [asdict(one) for one in results], "fleet_mb": fleet, "took_s": round(took, 1)}
        json_file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if not any(one.wrong for one in results) else 1


def _no_revert(settings: Settings) -> str:
    """Why the fleet would not merge by itself here; empty where it would."""
    if settings.merge == "propose" or (settings.merge is None and settings.github_token is not None):
        return "every merge waits for a person (SRE_MERGE)"
    chosen = choose(settings)
    return f"there is no sandbox to prove it in: {chosen.why}" if isinstance(chosen.sandbox, NoSandbox) else ""


class _Narrator:
    """Prints one line a step, with the seconds since the beginning."""

    def __init__(self, began: float) -> None:
        self._began = began

    def __call__(self, line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {line}\n")
        sys.stdout.flush()


@contextmanager
def _world(state: Path, say: _Narrator) -> Iterator[None]:
    """The world that runs on `state`, else one of our own that ends with the demonstration. Raises DemoFailed."""
    if record.owner(state) is not None:
        say(f"the world on {state} is already up")
        yield
        return
    say("starting the marketplace, the fleet and their world")
    state.mkdir(parents=True, exist_ok=True)
    said = state / "up.said"
    with said.open("wb") as out:
        up = (sys.executable, "-P", "-m", "mission_control", "up", "--plain", "--state", str(state))
        process = subprocess.Popen(
            [sys.executable, "-S", str(LEASH), str(os.getpid()), *up],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: b" up after " in said.read_bytes() or process.poll() is not None, UP_WITHIN)
        if process.poll() is not None or b" up after " not in said.read_bytes():
            raise DemoFailed(f"up said:\n{said.read_text(errors='replace')}")
        yield
    finally:
        say("stopping all of it")
        process.terminate()
        try:
            process.wait(STOP_WITHIN * 3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fleet_memory(state: Path) -> dict[str, dict[str, float | None]]:
    """MB of each worker: `rss`, and `own` with shared pages divided among those who share them."""
    workers = {name: pid for name, pid in record.read(state).processes.items() if name not in SERVERS}
    return {name: {"rss": memory(pid), "own": own_memory(pid)} for name, pid in workers.items()}


def _report(results: list[Result], fleet: dict[str, dict[str, float | None]], took: float, left_out: str) -> None:
    from rich.console import Console

    from mission_control.demo_table import table

    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print()
    console.print(table(results))
    own, rss = (sum(one[kind] or 0.0 for one in fleet.values()) for kind in ("own", "rss"))
    each = ", ".join(f"{name} {one['own'] or 0.0:.0f}" for name, one in fleet.items())
    console.print(f"fleet memory: {own:.0f} MB in {len(fleet)} processes ({each}), shared pages counted once;", end=" ")
    console.print(f"{rss:.0f} MB when they are counted for each", highlight=False)
    wrong = sum(len(one.wrong) for one in results)
    verdict = "all healed, nothing touched without a fault" if not wrong else f"{wrong} thing(s) went wrong"
    console.print(f"{verdict}, after {took:.0f} s", highlight=False)
    if left_out:
        console.print(f"not shown is how a bad commit is taken back: {left_out}", highlight=False)
