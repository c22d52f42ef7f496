"""Follows GitHub: woken by the stream, and every few seconds in any case. Reads only what has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import structlog

from dashboard.doors import Reads, Switches
from dashboard.hub import UNREAD, Hub
from shared.incident.replay import replay
from shared.incident.signing import Keyring
from shared.ports import Permanent, Transient
from shared.runtime.agenda import Agenda
from shared.stream import Event

_log = structlog.get_logger()

LIST_EVERY: Final = 10.0
"""Seconds between two conditional reads of the list of incidents."""
SWITCH_EVERY: Final = 5.0
"""Seconds between two conditional reads of the freeze switch (promise 46)."""
SOURCES_EVERY: Final = 30.0
HORIZON: Final = timedelta(days=30)
"""How far back incidents are read: trust counts a month."""
MOST_READ: Final = 400
"""Of those the open ones and the newest: a start costs two requests each, of the 5,000 an hour that one token has."""
AGAIN_AFTER: Final = 5.0
"""Seconds before an issue that could not be read is read again."""
PARALLEL: Final = 6


class Reader:
    """Runs in threads of its own from `start` to `stop`. `look_at_sources` is called now and then."""

    def __init__(
        self,
        hub: Hub,
        reads: Reads,
        switches: Switches,
        keyring: Keyring,
        monotonic: Callable[[], float],
        look_at_sources: Callable[[], None] = lambda: None,
    ) -> None:
        self._hub, self._reads, self._switches, self._keyring = hub, reads, switches, keyring
        self._monotonic = monotonic
        self._agenda = Agenda(monotonic)
        self._stopping = threading.Event()
        self._switch_due = threading.Event()
        self._chores: dict[str, tuple[float, Callable[[], None]]] = {
            "switch": (SWITCH_EVERY, self._read_switch),
            "list": (LIST_EVERY, self._read_list),
            "sources": (SOURCES_EVERY, look_at_sources),
        }
        self._due = dict.fromkeys(self._chores, 0.0)
        self._under_way: set[str] = set()
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="read")
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self.failure: BaseException | None = None
        """What ended the reading, when it was neither Transient nor Permanent: our bug."""
        self.turned_at = monotonic()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._agenda.poke()
        self._thread.join(5.0)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def on_wakeup(self, event: Event) -> None:
        """A hint of the stream: nothing is believed of it but that there may be something to read."""
        issue = event.data.get("issue")
        if type(issue) is int and 0 < issue < 1 << 31:
            self.look(issue)
        if event.data.get("why") == "freeze":
            self.look_at_switch()

    def look(self, number: int) -> None:
        """Read this issue soon."""
        self._agenda.wake(number)

    def look_at_switch(self) -> None:
        """Read the freeze switch soon."""
        self._switch_due.set()
        self._agenda.poke()

    def resync_soon(self) -> None:
        """Wake-ups may have been lost: read the list soon."""
        self._due["list"] = 0.0
        self._agenda.poke()

    @property
    def behind(self) -> int:
        """Issues that are being read."""
        return self._agenda.busy

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.turned_at = self._monotonic()
                self._periodic()
                wait = min(self._due.values()) - self._monotonic()
                for number in self._agenda.take(max(min(wait, 1.0), 0.01)):
                    self._pool.submit(self._read, number)
        except BaseException as error:
            self.failure = error
            raise

    def _periodic(self) -> None:
        """What is due, each in a thread of its own: an issue that somebody was woken for does not wait for it."""
        if self._switch_due.is_set() and "switch" not in self._under_way:
            self._switch_due.clear()
            self._due["switch"] = 0.0
        now = self._monotonic()
        for name, (every, work) in self._chores.items():
            if now >= self._due[name] and name not in self._under_way:
                self._due[name] = now + every
                self._under_way.add(name)
                self._pool.submit(self._guarded, name, work)

    def _read_switch(self) -> None:
        try:
            self._hub.on_switch(self._switches.now())
        except (Transient, Permanent) as failure:
            self._hub.on_switch({**UNREAD, "why": "the switch cannot be read: the fleet counts as frozen"})
            self._hub.on_source("github", False, str(failure))

    def _read_list(self) -> None:
        try:
            listed = self._reads.incidents(state="all", since=self._reads.now() - HORIZON)
        except (Transient, Permanent) as failure:
            self._hub.on_source("github", False, str(failure))
            return
        ranked = sorted(listed, key=lambda t: (t.closed, -t.number))
        wanted, left = ranked[:MOST_READ], ranked[MOST_READ:]
        changed = [t for t in wanted if self._hub.logs.differs(t.number, t.updated_at, t.closed, t.labels)]
        for thread in changed:
            self._agenda.wake(thread.number)
        if left:
            self._hub.logs.leave_out(max(t.updated_at for t in left))
        many = "1 incident" if len(listed) == 1 else f"{len(listed)} incidents"
        said = [f"{many} in {HORIZON.days} days"]
        said += [f"only the newest {MOST_READ} are read and counted"] if left else []
        said += [f"{len(changed)} to be read"] if changed else []
        self._hub.on_source("github", True, ", ".join(said))

    def _read(self, number: int) -> None:
        try:
            thread = self._reads.thread(number)
            self._hub.on_incident(replay(thread, self._keyring), thread.updated_at)
        except Transient as failure:
            _log.info("an issue is read again", incident=number, why=str(failure))
            self._agenda.after(number, failure.retry_after or AGAIN_AFTER)
        except Permanent as failure:
            _log.info("an issue cannot be read", incident=number, why=str(failure))
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._agenda.done(number)

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._under_way.discard(name)
