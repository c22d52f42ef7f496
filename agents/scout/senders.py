"""How far each sender's clock is from Scout's, told apart from spans that merely come late. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.analysis.trace import Span

IN_STEP: Final = timedelta(seconds=5)
"""Clocks closer than this are taken at their word."""
PERIOD: Final = timedelta(seconds=30)
"""The least delay of this and the period before it is what a sender's clock is judged by."""
ABSURD: Final = timedelta(days=1)
"""No clock is off by more; a span that says so says nothing about the clock."""
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Sender:
    """The least time from a span's end to its arrival, in the current period and the one before."""

    begun: datetime
    now: timedelta
    before: timedelta | None = None


class Senders:
    """Being late is an accident of one span; a clock that is off makes every span late, or early, by as much."""

    def __init__(self) -> None:
        self._senders: dict[str, _Sender] = {}

    def note(self, span: Span, arrived: datetime) -> None:
        """A span of `span.service` arrived."""
        delay = arrived - _moment(span.end_us)
        if abs(delay) > ABSURD:
            return
        sender = self._senders.get(span.service)
        if sender is None:
            self._senders[span.service] = _Sender(arrived, delay)
        elif arrived - sender.begun > PERIOD:
            self._senders[span.service] = _Sender(arrived, delay, sender.now)
        else:
            sender.now = min(sender.now, delay)

    def started(self, span: Span) -> datetime:
        """When the span began by Scout's clock."""
        sender = self._senders.get(span.service)
        start = _moment(span.start_us)
        if sender is None or not _EARLIEST <= start <= _LATEST:
            return start
        off = sender.now if sender.before is None else min(sender.now, sender.before)
        return start if abs(off) <= IN_STEP else start + off - timedelta(seconds=1)


def _moment(us: int) -> datetime:
    """A span's time; one outside the calendar is its nearest end."""
    try:
        return datetime.fromtimestamp(us / 1e6, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime(1, 1, 2, tzinfo=UTC) if us < 0 else datetime(9999, 12, 30, tzinfo=UTC)
