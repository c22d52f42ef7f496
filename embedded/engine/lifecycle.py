"""How a container's process starts, ends, exceeds its memory and is found healthy: every change of its state."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

from embedded.engine.errors import ApiError
from embedded.engine.events import EventBus
from embedded.engine.health import HealthMonitor
from embedded.engine.launcher import Launcher, LaunchError, Process, environment
from embedded.engine.logbook import LogBook
from embedded.engine.memory import MemoryWatch, Watched
from embedded.engine.pump import LogPump
from embedded.engine.restart_policy import next_delay, should_restart
from embedded.engine.spec import ContainerSpec
from embedded.engine.state import ContainerState, Health, Probe
from embedded.engine.store import Store

log = logging.getLogger("engine.lifecycle")
KILL_WAIT = 10.0
"""Seconds a SIGKILLed process may take to be gone before the operation is given up with 500."""


@dataclass(frozen=True, slots=True)
class Machinery:
    """What all containers share."""

    launcher: Launcher
    pump: LogPump
    memory: MemoryWatch
    bus: EventBus
    store: Store


@dataclass(eq=False, slots=True)
class _Run:
    """One life of the main process."""

    started: float
    pipes: list[Any]
    process: Process | None = None
    watched: Watched | None = None
    health: HealthMonitor | None = None
    oom: bool = False


class Lifecycle:
    """The state and the process of one container; Container adds the operations of the API.

    Operations are serialised by one lock; the state by another, never held while waiting for a process to end.
    """

    def __init__(self, spec: ContainerSpec, state: ContainerState, machinery: Machinery) -> None:
        self.spec = spec
        self.state = state
        self.book = LogBook(machinery.store.folder(spec.id))
        self.removed = False
        self.exits = 0
        self.changed = threading.Condition()
        """Guards `state`, `removed` and `exits` (exits so far); notified whenever they change."""
        self._m = machinery
        self._operation = threading.RLock()
        self._run: _Run | None = None
        self._stopping: _Run | None = None
        self._backoff: threading.Timer | None = None
        self._delay = 0.0

    def _save(self) -> None:
        self._m.store.save(self.spec.id, self.state)
        self.changed.notify_all()

    def _start(self, *, manual: bool) -> None:
        with self.changed:
            out, err, pipes = self._m.pump.attach(self.book)
            run = _Run(time.monotonic(), pipes)
            env = environment(self.spec.env, self.spec.id[:12])
            try:
                run.process = self._m.launcher.start(
                    self.spec.argv, env, self.spec.working_dir, self.spec.id, out, err, lambda c: self._on_exit(run, c)
                )
            except LaunchError as error:
                self._m.pump.drain(pipes)
                self.state.running = self.state.restarting = False
                self.state.error, self.state.exit_code = str(error), 127
                self._save()
                raise ApiError(400, f"failed to start container {self.spec.name}: {error}") from error
            finally:
                os.close(out)
                os.close(err)
            self._run = run
            state = self.state
            state.running, state.restarting, state.pid = True, False, run.process.pid
            state.exit_code, state.error, state.started_at = 0, "", time.time_ns()
            state.manually_stopped = False
            if manual:
                state.restart_count, self._delay = 0, 0.0
            if self.spec.memory:
                run.watched = self._m.memory.watch(state.pid, self.spec.memory, lambda used: self._on_oom(run, used))
            if self.spec.healthcheck:
                state.health = Health(log=state.health.log if state.health else [])
                run.health = HealthMonitor(
                    self.spec.healthcheck,
                    self._m.launcher,
                    env=env,
                    cwd=self.spec.working_dir,
                    cookie=self.spec.id,
                    report=lambda probe: self._on_probe(run, probe),
                )
            self._save()
            self._m.bus.publish(self.spec, "start")

    def _stop(self, grace: float, *, manual: bool, say_stop: bool = True) -> None:
        with self.changed:
            self._cancel_backoff()
            run = self._run
            if manual:
                self.state.manually_stopped = True
            if self.state.running and run and run.process:
                stopping = run
                self._stopping = run
                if grace > 0:
                    self._send(run, self.spec.stop_signal)
                    self.changed.wait_for(lambda: self._run is not stopping, grace)
                if self._run is stopping:
                    self._send(run, signal.SIGKILL)
                    if not self.changed.wait_for(lambda: self._run is not stopping, KILL_WAIT):
                        raise ApiError(500, f"container {self.spec.id} did not end within {KILL_WAIT:g} s of SIGKILL")
            if say_stop:
                self._m.bus.publish(self.spec, "stop")

    def _send(self, run: _Run, number: int) -> None:
        assert run.process is not None  # noqa: S101
        if self._m.launcher.signal(run.process, number, group=number == signal.SIGKILL):
            self._m.bus.publish(self.spec, "kill", signal=str(int(number)))

    def _on_exit(self, run: _Run, code: int) -> None:
        self._m.pump.drain(run.pipes)
        with self.changed:
            if self._run is not run:
                return
            self._run = None
            self.exits += 1
            if run.watched:
                self._m.memory.forget(run.watched)
            if run.health:
                run.health.stop()
            ran_for = time.monotonic() - run.started
            again = should_restart(
                self.spec.restart,
                exit_code=code,
                restarts=self.state.restart_count,
                manually_stopped=self.state.manually_stopped or run is self._stopping,
            )
            state = self.state
            state.running = state.restarting = again
            state.pid, state.exit_code, state.finished_at = 0, code, time.time_ns()
            state.oom_killed = run.oom
            if state.health:
                state.health.status = "unhealthy"  # moby: a stopped monitor reads unhealthy, without an event
            if again:
                state.restart_count += 1
                self._delay = next_delay(self._delay, ran_for)
                self._backoff = threading.Timer(self._delay, self._start_again)
                self._backoff.daemon = True
                self._backoff.start()
            self._save()
            attributes = {"exitCode": str(code), "execDuration": str(int(ran_for))}
            self._m.bus.publish(self.spec, "die", **attributes)
            self.book.end_follow()

    def _start_again(self) -> None:
        timer = threading.current_thread()
        with self._operation:
            if self._backoff is not timer or not self.state.restarting or self.removed:
                return
            self._backoff = None
            try:
                self._start(manual=False)
            except ApiError as error:
                log.error("container %s does not start again: %s", self.spec.name, error.message)

    def _cancel_backoff(self) -> None:
        """Leave the back-off, if in one, for the state exited."""
        with self.changed:
            if self._backoff:
                self._backoff.cancel()
                self._backoff = None
            if self.state.restarting:
                self.state.running = self.state.restarting = False
                self._save()

    def _on_oom(self, run: _Run, used: int) -> None:
        with self.changed:
            if self._run is not run or run.process is None:
                return
            log.info("container %s uses %d of %d bytes: killed", self.spec.name, used, self.spec.memory)
            run.oom = self.state.oom_killed = True
            self._m.launcher.signal(run.process, signal.SIGKILL, group=True)
            self._m.bus.publish(self.spec, "oom")

    def _on_probe(self, run: _Run, probe: Probe) -> None:
        with self.changed:
            check, health = self.spec.healthcheck, self.state.health
            if self._run is not run or check is None or health is None:
                return
            in_start_period = probe.start - self.state.started_at < check.start_period * 1e9
            if health.record(probe, retries=check.retries, in_start_period=in_start_period):
                self._save()
                self._m.bus.publish(self.spec, f"health_status: {health.status}")
