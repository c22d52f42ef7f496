"""`up`: the whole world in the foreground until Ctrl-C or SIGTERM; a live table in a terminal, else plain lines."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from mission_control.exits import Exit
from mission_control.fleet.policy_file import read_policy
from mission_control.github import GithubSaysNo, Repository
from mission_control.settings import Settings
from mission_control.terminal.glance import IncidentWatch
from mission_control.world import leftovers, record
from mission_control.world.build import Wish, World
from mission_control.world.processes import NotStarted
from mission_control.world.seed import NotSeeded

log = logging.getLogger("mission_control.world.up")

TICK: Final = 0.1
REDRAW_EVERY: Final = 0.5
TIDY_EVERY: Final = 10.0
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(BaseException):
    """A person or the system asked for the end."""


class Said:
    """Lines for people: printed at once, or kept for the screen while there is one, and always in the log."""

    def __init__(self) -> None:
        self.recent: deque[str] = deque(maxlen=8)
        self._print = True

    def __call__(self, line: str) -> None:
        log.info(line)

    def show(self, line: str) -> None:
        """Take one finished line of the log."""
        self.recent.append(line)
        if self._print:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def on_screen(self) -> None:
        """From now on a screen shows the recent lines."""
        self._print = False

    def off_screen(self) -> None:
        self._print = True


def up(settings: Settings, wish: Wish, plain: bool, ready: Callable[[World], bool] | None = None) -> int:
    """Run the world until told to stop; `ready` is called on every tick once all is up, and ends it by True.

    Exit code: 0 after a stop, 1 when it could not be brought up or another `up` has the state folder. Raises
    BadSettings before anything is started.
    """
    read_policy(settings)
    try:
        lock = record.take(settings.state_dir.resolve())
    except (record.AlreadyRunning, OSError) as error:
        sys.stderr.write(f"mission-control: {error}\n")
        return Exit.ERROR
    said = Said()
    with lock, _logging_to(settings, said):
        world = World(settings, wish, said)
        signals = _Signals(world)
        try:
            return _run(world, said, plain, ready, signals)
        finally:
            signals.close()


def _run(world: World, said: Said, plain: bool, ready: Callable[[World], bool] | None, signals: _Signals) -> int:
    code = Exit.OK
    started = time.monotonic()
    try:
        leftovers.clear(world.state, said)
        world.up()
        said(f"up after {time.monotonic() - started:.1f} s")
        if plain or not sys.stdout.isatty():
            for what, where in addresses(world).items():
                said(f"{what}: {where}")
            _plain(world, ready)
        else:
            _live(world, said, ready)
    except Stop:
        said("stopping")
    except (NotStarted, NotSeeded, GithubSaysNo, OSError, ValueError) as error:
        said(f"could not be brought up: {error}")
        code = Exit.ERROR
    finally:
        signals.disarm()
        _end(world, said)
    return code


def addresses(world: World) -> dict[str, str]:
    """What a person may want to open."""
    at = world.at
    found = {
        "incidents": f"{at.pages}/{at.repo}/issues" if at.pages else None,
        "dashboard": world.dashboard,
        "marketplace": world.marketplace,
        "traces": at.query,
        "kafka": at.kafka,
        "knowledge": at.chroma,
        "containers": at.docker,
        "state": str(world.state),
    }
    return {what: where for what, where in found.items() if where}


def _plain(world: World, ready: Callable[[World], bool] | None) -> None:
    watch = IncidentWatch(_repository(world))
    watch.start()
    known: dict[int, str] = {}
    tidy_at = time.monotonic() + TIDY_EVERY
    try:
        while not (ready and ready(world)):
            world.step()
            now = {incident.number: f"{incident.status}: {incident.title}" for incident in watch.incidents}
            if watch.trouble is None:
                for number in sorted(now.keys() | known.keys()):
                    if now.get(number) != known.get(number):
                        log.info("incident %d: %s", number, now.get(number, "closed"))
                known = now
            if time.monotonic() > tidy_at:
                world.supervisor.tidy()
                tidy_at = time.monotonic() + TIDY_EVERY
            time.sleep(TICK)
    finally:
        watch.stop()


def _live(world: World, said: Said, ready: Callable[[World], bool] | None) -> None:
    from rich.live import Live

    from mission_control.terminal.table import process_rows, screen

    watch = IncidentWatch(_repository(world))
    watch.start()
    said.on_screen()
    redraw_at, tidy_at = 0.0, time.monotonic() + TIDY_EVERY
    try:
        with Live(auto_refresh=False, screen=True, redirect_stdout=False, redirect_stderr=False) as live:
            while not (ready and ready(world)):
                world.step()
                now = time.monotonic()
                if now > redraw_at:
                    where = addresses(world)
                    rows = process_rows(world.supervisor)
                    shown = screen(rows, where, watch.incidents, watch.trouble, said.recent, live.console.width)
                    live.update(shown, refresh=True)
                    redraw_at = now + REDRAW_EVERY
                if now > tidy_at:
                    world.supervisor.tidy()
                    tidy_at = now + TIDY_EVERY
                time.sleep(TICK)
    finally:
        watch.stop()
        said.off_screen()


def _repository(world: World) -> Repository:
    return Repository(world.at.api, world.at.repo, world.at.tokens["fleet"] or "")


def _end(world: World, said: Said) -> None:
    started = time.monotonic()
    world.down()
    leftovers.clear(world.state, said)
    said(f"stopped after {time.monotonic() - started:.1f} s")


class _Signals:
    """The first signal ends the work; one that comes while things are being stopped ends the waiting too."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._armed = True
        self._before = {number: signal.signal(number, self._on_signal) for number in _STOPPING}

    def disarm(self) -> None:
        """From now on no exception is raised."""
        self._armed = False

    def close(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._armed:
            self._world.supervisor.hurry = True
            return
        self._armed = False
        raise Stop


class _Lines(logging.Handler):
    def __init__(self, said: Said) -> None:
        super().__init__(logging.INFO)
        self._said = said
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, entry: logging.LogRecord) -> None:
        self._said.show(self.format(entry))


@contextmanager
def _logging_to(settings: Settings, said: Said) -> Iterator[None]:
    """Mission control's own log goes to people and to logs/mission-control.log."""
    folder = settings.state_dir.resolve() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(folder / "mission-control.log", mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    ours = logging.getLogger("mission_control")
    handlers: tuple[logging.Handler, ...] = (file, _Lines(said))
    ours.setLevel(settings.log_level)
    ours.propagate = False
    for handler in handlers:
        ours.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            ours.removeHandler(handler)
            handler.close()
