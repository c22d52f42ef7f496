"""`demo`: a fault, and what the fleet makes of it, seen by witnesses that do not ask the fleet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from mission_control.demo.acts import Result
from mission_control.demo.stage import DemoFailed, Stage
from mission_control.demo.witnesses import wait_until
from mission_control.exits import Exit
from mission_control.fleet.sandbox import choose
from mission_control.github import GithubSaysNo
from mission_control.settings import Settings
from mission_control.terminal.console import progress
from mission_control.terminal.glance import memory, own_memory
from mission_control.terminal.printable import printable, printable_lines
from mission_control.world import record
from mission_control.world.child import LEASH
from mission_control.world.processes import STOP_WITHIN
from shared.adapters.sandbox.none import NoSandbox

if TYPE_CHECKING:
    from mission_control.terminal.shapes import ActShape, DemoShape, MemoryShape

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
    say = Narrator(began)
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
            return Exit.ERROR
        fleet = _fleet_memory(state)
    took = time.monotonic() - began
    tell(results, fleet, took, left_out)
    if json_file is not None:
        json_file.write_text(json.dumps(document(results, fleet, took), indent=2) + "\n", encoding="utf-8")
    return Exit.ERROR if any(one.wrong for one in results) else Exit.OK


def document(results: Iterable[Result], fleet: Mapping[str, MemoryShape], took: float) -> DemoShape:
    """What a program reads; `took` in seconds."""
    return {
        "results": [cast("ActShape", asdict(one)) for one in results],
        "fleet_mb": dict(fleet),
        "took_s": round(took, 1),
    }


def _no_revert(settings: Settings) -> str:
    """Why the fleet would not merge by itself here; empty where it would."""
    if settings.merge == "propose" or (settings.merge is None and settings.github_token is not None):
        return "every merge waits for a person (SRE_MERGE)"
    chosen = choose(settings)
    return f"there is no sandbox to prove it in: {chosen.why}" if isinstance(chosen.sandbox, NoSandbox) else ""


class Narrator:
    """Prints one line a step, with the seconds since the beginning."""

    def __init__(self, began: float) -> None:
        self._began = began

    def __call__(self, line: str) -> None:
        sys.stdout.write(printable_lines(f"{time.monotonic() - self._began:6.1f} s  {line}"))
        sys.stdout.flush()


@contextmanager
def _world(state: Path, say: Narrator) -> Iterator[None]:
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
        with progress("starting"):
            wait_until(lambda: b" up after " in said.read_bytes() or process.poll() is not None, UP_WITHIN)
        if process.poll() is not None or b" up after " not in said.read_bytes():
            raise DemoFailed(f"up said:\n{said.read_text(errors='replace')}")
        yield
    finally:
        say("stopping all of it")
        process.terminate()
        try:
            with progress("stopping"):
                process.wait(STOP_WITHIN * 3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fleet_memory(state: Path) -> dict[str, MemoryShape]:
    """MB of each worker: `rss`, and `own` with shared pages divided among those who share them."""
    workers = {name: pid for name, pid in record.read(state).processes.items() if name not in SERVERS}
    return {name: {"rss": memory(pid), "own": own_memory(pid)} for name, pid in workers.items()}


def tell(results: list[Result], fleet: Mapping[str, MemoryShape], took: float, left_out: str) -> None:
    """The same for people; `left_out`: why a bad commit was not shown."""
    from mission_control.demo.table import table
    from mission_control.terminal.console import console

    out = console()
    out.print()
    out.print(table(results))
    own = sum(one["own"] or 0.0 for one in fleet.values())
    rss = sum(one["rss"] or 0.0 for one in fleet.values())
    each = ", ".join(f"{name} {one['own'] or 0.0:.0f}" for name, one in fleet.items())
    lines = [
        f"fleet memory: {own:.0f} MB in {len(fleet)} processes ({each}), shared pages counted once; "
        f"{rss:.0f} MB when they are counted for each"
    ]
    wrong = sum(len(one.wrong) for one in results)
    verdict = "all healed, nothing touched without a fault" if not wrong else f"{wrong} thing(s) went wrong"
    lines.append(f"{verdict}, after {took:.0f} s")
    if left_out:
        lines.append(f"not shown is how a bad commit is taken back: {left_out}")
    for line in lines:
        out.print(printable(line))
