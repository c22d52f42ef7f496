"""Restart one container exactly once per directive, whatever dies in between.

Under a lock per target: compare with what the directive observed, write the intent, act, write the outcome.
An intent without an outcome is settled before anything is judged. Docker has no way to ask whether a
restart is under way: during the stop phase the container still runs with its old `StartedAt`, even if the Fixer that
asked has been killed. So whoever finds such an intent notes the time at which it held the lock (its author is dead or
has given up by then, hence can send nothing later), and the intent counts as never sent only when the container has
not moved for the stop grace plus `MARGIN` after that. Until then: Transient.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from agents.fixer.actuators.ledger import Ledger, LedgerEntry
from shared import crashpoints
from shared.incident.facts import Applied, Refused
from shared.incident.parts import Directive, Observed
from shared.ports import Clock, Container, Hands, Permanent, Transient

MARGIN: Final = timedelta(seconds=12)
"""Longest time from the end of the stop grace to the new start: dockerd waits up to 10 s for a killed container to end
(moby, daemon/kill.go) and gives the restart up after that; 2 s for the start."""
LOOK_AGAIN: Final = 1.0
"""Seconds after which an unsettled intent is worth another look."""


class ContainerRestart:
    """The Hand for `restart`. `services` are the exact container names it may touch; `watch` bounds the wait (s) for
    the new `StartedAt` to show after the engine has said that it is done."""

    def __init__(
        self,
        hands: Hands,
        ledger: Ledger,
        clock: Clock,
        services: frozenset[str],
        *,
        margin: timedelta = MARGIN,
        watch: float = 5.0,
        wait: Callable[[float], None] = time.sleep,
        reach: Callable[[str], None] = crashpoints.reach,
    ) -> None:
        self._hands = hands
        self._ledger = ledger
        self._clock = clock
        self._services = services
        self._margin = margin.total_seconds()
        self._watch = watch
        self._wait = wait
        self._reach = reach

    def carry_out(self, directive: Directive) -> Applied | Refused:
        """The outcome of `directive`: the recorded one if there is one.

        Raises Transient while it cannot be known whether an earlier attempt reached the container, or the engine does
        not answer; Permanent when the ledger is damaged or the engine contradicts itself.
        """
        with self._ledger.lock(directive.target):
            self._ledger.prune(directive.target)
            entries = self._ledger.entries(directive.target)
            own = next((e for e in entries if e.directive == directive), None)
            if own is not None and own.outcome is not None:
                return own.outcome
            try:
                seen = self._inspect(directive.target)
            except Permanent as error:
                if own is not None:
                    raise
                return self._refuse(directive, "the container exists", str(error))
            for entry in entries:
                settled = self._settle(entry, seen, own=entry is own)
                if entry is own and settled is not None:
                    return settled
            if broken := self._broken(directive, seen, entries):
                return self._refuse(directive, *broken)
            return self._act(directive)

    def _inspect(self, target: str) -> Container:
        seen = self._hands.inspect(target)
        if seen.name != target:
            raise Permanent(f"asked for {target}, the engine answered with {seen.name}")
        return seen

    def _settle(self, entry: LedgerEntry, seen: Container, *, own: bool) -> Applied | Refused | None:
        """Find out what became of an intent without outcome; None when it never reached the container and is ours."""
        if entry.outcome is not None or entry.begun_at is None:
            return entry.outcome
        directive = entry.directive
        if _moved(directive.container, seen):
            took = max(0.0, (self._clock.now() - entry.begun_at).total_seconds())
            return self._close(
                entry,
                Applied(
                    directive_id=directive.id,
                    before=directive.container,
                    after=_observed(seen),
                    took_s=took,
                    settled=True,
                ),
            )
        if entry.confirmed:
            raise _contradiction(directive.target)
        now = self._clock.monotonic()
        if entry.orphaned_at is None or now < entry.orphaned_at:  # the second: this host has been rebooted since
            entry = entry.model_copy(update={"orphaned_at": now})
            self._ledger.write(entry)
        left = directive.grace_s + self._margin - (now - (entry.orphaned_at or 0.0))
        if left > 0:
            raise Transient(
                f"a restart of {directive.target} may be under way: known in {left:.1f} s", min(left, LOOK_AGAIN)
            )
        if own:
            return None
        detail = "a Fixer ended between its intent and the action"
        return self._close(entry, _refused(directive, "the begun action reaches the container", detail))

    def _broken(
        self, directive: Directive, seen: Container, entries: tuple[LedgerEntry, ...]
    ) -> tuple[str, str] | None:
        """The first precondition that does not hold, and how."""
        observed, target = directive.container, directive.target
        if target not in self._services:
            return "the exact name is allow-listed", f"{target} is not in the policy's services"
        if not seen.managed:
            return "the container is labelled sre-space.managed=true", f"{target} is not"
        if any(e.directive.id == directive.id and isinstance(e.outcome, Applied) for e in entries):
            return "a directive id acts once", "this id has acted already, with other parameters"
        if seen.id != observed.container_id:
            return "the container is the one observed", f"id {seen.id}, observed {observed.container_id}"
        if seen.started_at != observed.started_at:
            return "the container has not been started since", f"{seen.started_at}, observed {observed.started_at}"
        if seen.image != observed.image:
            return "the image is the one observed", f"{seen.image}, observed {observed.image}"
        return None

    def _act(self, directive: Directive) -> Applied:
        entry = LedgerEntry(directive=directive, begun_at=self._clock.now())
        self._ledger.write(entry)
        self._reach("intent-written")
        start = self._clock.monotonic()
        self._hands.restart(directive.target, timedelta(seconds=directive.grace_s))
        self._reach("acted")
        seen = self._inspect(directive.target)
        deadline = self._clock.monotonic() + self._watch
        while not _moved(directive.container, seen):
            if self._clock.monotonic() >= deadline:
                self._ledger.write(entry.model_copy(update={"confirmed": True}))
                raise _contradiction(directive.target)
            self._wait(0.05)
            seen = self._inspect(directive.target)
        applied = Applied(
            directive_id=directive.id,
            before=directive.container,
            after=_observed(seen),
            took_s=self._clock.monotonic() - start,
            settled=False,
        )
        self._close(entry, applied)
        return applied

    def _refuse(self, directive: Directive, precondition: str, detail: str) -> Refused:
        refused = _refused(directive, precondition, detail)
        self._close(LedgerEntry(directive=directive), refused)
        return refused

    def _close(self, entry: LedgerEntry, outcome: Applied | Refused) -> Applied | Refused:
        self._ledger.write(entry.model_copy(update={"outcome": outcome, "closed_at": self._clock.now()}))
        self._reach("outcome-written")
        return outcome


def _moved(before: Observed, seen: Container) -> bool:
    return (seen.id, seen.started_at) != (before.container_id, before.started_at)


def _observed(seen: Container) -> Observed:
    return Observed(container_id=seen.id, started_at=seen.started_at, image=seen.image)


def _refused(directive: Directive, precondition: str, detail: str) -> Refused:
    return Refused(directive_id=directive.id, precondition=precondition, detail=detail[:300])


def _contradiction(target: str) -> Permanent:
    return Permanent(
        f"the engine said it had restarted {target}, but its StartedAt has not changed: look at the engine"
    )
