"""One container as the API sees it: its operations, one at a time."""

from __future__ import annotations

import logging
import signal
import threading

from embedded.engine.errors import ApiError, NotModified
from embedded.engine.lifecycle import Lifecycle

log = logging.getLogger("engine.container")


class Container(Lifecycle):
    """Each operation takes the container's operation lock, but for `kill` and `wait`."""

    def start(self) -> None:
        """Start it. Raises NotModified when it runs, ApiError 400 when the command cannot be started."""
        with self._operation:
            self._refuse_removed()
            if self.state.running and not self.state.restarting:
                raise NotModified
            self._cancel_backoff()
            self._start(manual=True)

    def stop(self, grace: float | None) -> None:
        """SIGTERM (or the stop signal), SIGKILL after `grace` seconds. Raises NotModified when it does not run."""
        with self._operation:
            self._refuse_removed()
            if not self.state.running:
                raise NotModified
            self._stop(self.spec.stop_timeout if grace is None else grace, manual=True)

    def restart(self, grace: float | None) -> None:
        """Stop if running, start, and say `restart`."""
        with self._operation:
            self._refuse_removed()
            if self.state.running:
                self._stop(self.spec.stop_timeout if grace is None else grace, manual=True)
            self._start(manual=True)
            self._m.bus.publish(self.spec, "restart")

    def kill(self, number: int) -> None:
        """Send a signal; SIGKILL goes to the whole process group. Not held up by a stop under way.

        Raises ApiError 409 when it does not run.
        """
        with self.changed:
            if not self.state.running or self.state.restarting or not self._run or not self._run.process:
                raise ApiError(409, f"Cannot kill container: {self.spec.id}: Container {self.spec.id} is not running")
            if number in (signal.SIGKILL, self.spec.stop_signal):
                self.state.manually_stopped = True
            self._send(self._run, number)

    def remove(self, *, force: bool) -> None:
        """Delete it. Raises ApiError 409 while it runs, unless forced."""
        with self._operation:
            self._refuse_removed()
            if self.state.running:
                if not force:
                    raise ApiError(
                        409,
                        f"You cannot remove a running container {self.spec.id}. "
                        "Stop the container before attempting removal or force remove",
                    )
                self._stop(0, manual=True, say_stop=False)
            with self.changed:
                self.removed = True
                self.book.close()
                self._m.store.delete(self.spec.id)
                self._m.bus.publish(self.spec, "destroy")
                self.changed.notify_all()

    def resume(self) -> None:
        """Start it because the engine starts; a command that fails is logged and shown in its state."""
        with self._operation:
            try:
                self._start(manual=False)
            except ApiError as error:
                log.error("container %s does not start again: %s", self.spec.name, error.message)

    def shut_down(self, grace: float) -> None:
        """Stop it because the engine stops: `unless-stopped` will start again with the engine."""
        with self._operation:
            if self.state.running and not self.removed:
                self._stop(grace, manual=False)

    def wait(self, condition: str, cancelled: threading.Event) -> int:
        """Block until `not-running`, `next-exit` or `removed`; the exit code. Returns early when cancelled is set."""
        with self.changed:
            seen = self.exits

            def met() -> bool:
                if cancelled.is_set() or self.removed:
                    return True
                if condition == "removed":
                    return False
                return self.exits > seen or (condition == "not-running" and not self.state.running)

            while not met():
                self.changed.wait(1.0)
            return self.state.exit_code

    def _refuse_removed(self) -> None:
        if self.removed:
            raise ApiError(404, f"No such container: {self.spec.id}")
