"""Runs a container's health check on its schedule, each probe a process of its own."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping

from embedded.engine.launcher import Launcher, LaunchError
from embedded.engine.spec import Healthcheck
from embedded.engine.state import Probe

MAX_OUTPUT = 4096


class HealthMonitor:
    """Probes one run of a container until stopped; the first probe comes one interval after the start, as in dockerd.

    `report` gets each result on the monitor's thread.
    """

    def __init__(
        self,
        check: Healthcheck,
        launcher: Launcher,
        *,
        env: Mapping[str, str],
        cwd: str,
        cookie: str,
        report: Callable[[Probe], None],
    ) -> None:
        self._check = check
        self._launcher = launcher
        self._env = env
        self._cwd = cwd
        self._cookie = cookie
        self._report = report
        self._stop = threading.Event()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="health", daemon=True).start()

    def stop(self) -> None:
        """No further report after the one under way; does not wait."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stop.wait(self._check.interval):
            probe = self._probe()
            if not self._stop.is_set():
                self._report(probe)

    def _probe(self) -> Probe:
        start = time.time_ns()
        ended: list[int] = []

        def on_exit(code: int) -> None:
            with self._changed:
                ended.append(code)
                self._changed.notify_all()

        with tempfile.TemporaryFile() as output:
            fd = output.fileno()
            try:
                process = self._launcher.start(
                    self._check.argv, self._env, self._cwd, f"probe-{self._cookie}", fd, fd, on_exit
                )
            except LaunchError as error:
                return Probe(start, time.time_ns(), -1, str(error))
            with self._changed:
                self._changed.wait_for(lambda: bool(ended) or self._stop.is_set(), self._check.timeout)
                timed_out = not ended
            if timed_out:
                self._launcher.signal(process, 9, group=True)
            output.seek(0)
            text = output.read(MAX_OUTPUT).decode("utf-8", "replace")
        if timed_out:
            tail = f": {text}" if text else ""
            said = f"Health check exceeded timeout ({self._check.timeout:g}s){tail}"
            return Probe(start, time.time_ns(), -1, said)
        return Probe(start, time.time_ns(), ended[0], text)
