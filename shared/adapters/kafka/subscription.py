"""One consumer in a thread of its own: each event is handled, then committed; what cannot be handled is set aside."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Literal

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_STORED,
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)

from shared.adapters.kafka import link
from shared.adapters.kafka.hand import Hand
from shared.adapters.kafka.link import Link, nothing, on_error
from shared.adapters.kafka.settings import CONSUMER, Membership
from shared.adapters.kafka.share import Share
from shared.ports import Transient
from shared.stream import Event, Poison, Unreadable, decode

log = logging.getLogger(__name__)

OnEvent = Callable[[str, Event], None]
"""(topic, event). Returns when the effect is done; raises Poison or Transient."""

TRIES: Final = 3
"""How often a handler may call an event poison before it becomes a dead letter."""

REMEMBERED: Final = 10_000
"""Events (source and id) a subscription remembers in order to drop doubles."""

PATIENCE: Final = 1.0
"""Seconds a handler may take before the partitions are paused and polling goes on beside it."""

GRACE: Final = 3.0
"""Seconds a handler that is at work gets to end when the subscription is stopped."""

ASK: Final = 0.5
"""Seconds that asking for a topic's partitions may take; longer would look like standing still (link.py)."""

COMMIT_EVERY: Final = 0.5
"""Seconds between commits while events keep coming; a pause between events commits at once."""


class Subscription:
    """A running consumer. Made by `Stream.subscribe`."""

    def __init__(
        self,
        member: Membership,
        topics: tuple[str, ...],
        on_event: OnEvent,
        *,
        on_down: Callable[[], None],
        on_up: Callable[[], None],
        bury: Callable[[Message, str], None],
        on_share: Callable[[], None] = nothing,
        start: Literal["latest", "earliest"],
    ) -> None:
        self.failure: BaseException | None = None
        """What ended the reading, when anything other than Poison or Transient came out of a handler."""
        self.buried = 0
        """Events set aside as dead letters."""
        self.doubles = 0
        """Events dropped because their source and id had been handled already."""
        self._topics, self._on_event, self._bury, self._start = topics, on_event, bury, start
        self._link = Link(on_down, on_up)
        self._on_share = on_share
        self._share = Share()
        self._came: list[int] | None = None
        """Partitions of the first topic that were assigned and are not in the share yet; None: nothing was."""
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._waiting: deque[Message] = deque()
        self._done: dict[tuple[str, int], int] = {}
        self._placed: set[tuple[str, int]] = set()
        self._committed_at = time.monotonic()
        self._stopping, self._assigned = threading.Event(), threading.Event()
        self._hand = Hand(f"kafka-hand-{member.group[:20]}")
        self._member = member
        self._consumer = self._connected()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{member.group[:20]}", daemon=True)
        self._thread.start()

    def _connected(self) -> Consumer:
        """A new client. Raises ValueError for an unusable setting."""
        self._made_at = time.monotonic()
        try:
            return Consumer(
                {
                    "bootstrap.servers": self._member.bootstrap,
                    "client.id": self._member.client_id,
                    "group.id": self._member.group,
                    "session.timeout.ms": self._member.session_timeout_ms,
                    "heartbeat.interval.ms": self._member.session_timeout_ms // 4,
                    "max.poll.interval.ms": self._member.max_poll_interval_ms,
                    "error_cb": on_error,
                    "stats_cb": self._link.on_statistics,
                    **CONSUMER,
                }
            )
        except KafkaException as error:
            raise ValueError(f"Kafka at {self._member.bootstrap!r}: {error}") from error

    @property
    def up(self) -> bool:
        """False from `on_down` to `on_up`."""
        return self._link.up

    def holds(self, key: str) -> bool:
        """Whether events of `key` on the first topic come to this member of the group.

        True too while Kafka is away, and when no partition was assigned for long: rather twice than never.
        """
        return not self.up or self._share.holds(key)

    def wait_ready(self, timeout: float) -> bool:
        """Wait until partitions are assigned: from then on nothing that is published is missed. False if not yet."""
        return self._assigned.wait(timeout)

    def check(self) -> None:
        """Raise what ended the reading, if anything did. A worker calls this in its loop."""
        if self.failure is not None:
            raise RuntimeError(f"the subscription to {', '.join(self._topics)} ended") from self.failure

    def stop(self) -> None:
        """Ask it to end after the event at hand."""
        self._stopping.set()

    def close(self, timeout: float = 5.0) -> None:
        """Stop, commit what was handled and leave the group. A handler that takes longer is not waited for."""
        self.stop()
        self._thread.join(timeout)

    # -- the reading thread

    def _run(self) -> None:
        try:
            self._join()
            while not self._stopping.is_set():
                self._turn()
                if self._link.down_for(self._made_at) > link.ANEW_AFTER:
                    self._renew()
        except BaseException as error:  # kept for `check`, which raises it in the worker's own thread
            log.critical("reading %s ended", ", ".join(self._topics), exc_info=error)
            self.failure = error
        finally:
            self._commit(wait=True)
            self._consumer.close()
            self._hand.close()

    def _join(self) -> None:
        self._consumer.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def _renew(self) -> None:
        """A new client goes on after the last commit; what was handled since comes again and is dropped as a double.

        The old one is closed aside: one that is lost was seen never to return from it.
        """
        known = ", ".join(self._link.known) or "none"
        log.info("connecting anew: no Kafka for %.0f s; brokers known: %s", link.ANEW_AFTER, known)
        self._waiting.clear()
        self._done.clear()
        self._came = None
        self._share = Share()
        old, self._consumer = self._consumer, self._connected()
        self._join()
        threading.Thread(target=old.close, name="kafka-lost", daemon=True).start()

    def _turn(self) -> None:
        if self._came is not None and self._link.up:
            self._hold(self._came)
        message = self._waiting.popleft() if self._waiting else self._consumer.poll(0.1)
        self._link.watch()
        if message is None:
            self._commit()
            return
        problem = message.error()
        if problem is not None:
            on_error(problem)
            return
        if self._handled(message):
            self._done[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
        if time.monotonic() - self._committed_at > COMMIT_EVERY:
            self._commit()

    def _handled(self, message: Message) -> bool:
        """False only when the subscription is stopped before the handler is through."""
        try:
            event = decode(_bytes(message.value()))
        except Unreadable as error:
            return self._set_aside(message, str(error))
        identity = (event.source, event.id)
        if identity in self._seen:
            self.doubles += 1
            return True
        tries, backoff, reason = 0, 0.5, ""
        while tries < TRIES:
            outcome = self._hand.give(lambda: self._on_event(message.topic() or "", event))
            if not self._await(outcome):
                return False
            try:
                outcome.result()
            except Poison as error:
                tries, reason = tries + 1, str(error)
            except Transient as error:
                if not self._rest(error.retry_after or backoff):
                    return False
                backoff = min(30.0, backoff * 2)
            else:
                self._remember(identity)
                return True
        return self._set_aside(message, f"refused {TRIES} times: {reason}")

    def _set_aside(self, message: Message, reason: str) -> bool:
        self._bury(message, reason)
        self.buried += 1
        return True

    def _remember(self, identity: tuple[str, str]) -> None:
        self._seen[identity] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _await(self, outcome: Future[None]) -> bool:
        """Wait for a handler. One that takes its time is waited for with paused partitions, so the group stays."""
        self._hand.wait(outcome, PATIENCE)
        if not outcome.done() and not self._idle(outcome.done):
            self._hand.wait(outcome, GRACE)
        return outcome.done()

    def _rest(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        return self._idle(lambda: time.monotonic() >= until)

    def _idle(self, over: Callable[[], bool]) -> bool:
        """Keep polling, with every partition paused, until `over`. False when asked to stop before that."""
        self._pause()
        try:
            while not over():
                if self._stopping.is_set():
                    return False
                message = self._consumer.poll(0.05)
                if message is not None and message.error() is None:  # of a partition that was assigned just now
                    self._waiting.append(message)
                    self._pause()
                self._link.watch()
            return True
        finally:
            assigned = self._consumer.assignment()
            if assigned:
                self._consumer.resume(assigned)

    def _pause(self) -> None:
        assigned = self._consumer.assignment()
        if assigned:
            self._consumer.pause(assigned)

    def _commit(self, *, wait: bool = False) -> None:
        self._committed_at = time.monotonic()
        if not self._done:
            return
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._done.items()]
        self._done.clear()
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:  # the events will come again, and be dropped as doubles or handled again
            log.info("a commit failed: %s", error)

    # -- callbacks, served from poll() in the reading thread

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._start == "latest" and partitions:
            consumer.incremental_assign(self._from_now_on(consumer, partitions))
        mine = [one.partition for one in partitions if one.topic == self._topics[0]]
        self._came = [*(self._came or ()), *mine]
        self._assigned.set()

    def _hold(self, mine: list[int]) -> None:
        """Note what has come: who was not there before looks at everything that is its own now.

        Not in the callback: confluent-kafka's `list_topics` ends the process there (2.16.1, CallState_get).
        """
        try:
            found = self._consumer.list_topics(self._topics[0], timeout=ASK).topics[self._topics[0]]
        except KafkaException as error:
            log.debug("how many partitions %s has is not known yet: %s", self._topics[0], error)
            return
        self._came = None
        self._share.take(mine, len(found.partitions))
        if mine:
            self._on_share()

    def _from_now_on(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where each partition goes on: after its commit or, the first time, at the offset that is its end just now.

        That offset is committed too, so that a later assignment without any commit means a broker that lost its
        memory, and its new log is read whole.
        """
        try:
            return [self._place(consumer, one) for one in consumer.committed(partitions, timeout=5.0)]
        except KafkaException as error:
            log.info("where the partitions stand is not known yet: %s", error)
        keys = [(one.topic, one.partition) for one in partitions]
        return [TopicPartition(*key, OFFSET_STORED if key in self._placed else OFFSET_END) for key in keys]

    def _place(self, consumer: Consumer, committed: TopicPartition) -> TopicPartition:
        if committed.error is not None:
            raise KafkaException(committed.error)
        key, offset = (committed.topic, committed.partition), committed.offset
        log.debug("%s/%d: committed %d", *key, offset)
        if offset < 0 and key in self._placed:
            offset = OFFSET_BEGINNING
        elif offset < 0:
            _, offset = consumer.get_watermark_offsets(committed, timeout=5.0)
            self._done[key] = offset
        self._placed.add(key)
        return TopicPartition(*key, offset)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if consumer is self._consumer:  # not one that was replaced, in a thread of its own
            self._commit(wait=True)
            self._forget(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if consumer is self._consumer:
            self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        gone_here = {one.partition for one in partitions if one.topic == self._topics[0]}
        if self._came is not None:
            self._came = [number for number in self._came if number not in gone_here]
        self._share.give(gone_here)
        gone = {(one.topic, one.partition) for one in partitions}
        self._done = {key: offset for key, offset in self._done.items() if key not in gone}
        self._waiting = deque(one for one in self._waiting if (one.topic(), one.partition()) not in gone)


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
