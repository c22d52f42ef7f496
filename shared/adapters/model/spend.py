"""What the model costs, kept in a file before it is spent: nobody restarts their way past a budget."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.ports import Clock

KEPT: Final = timedelta(days=31)
COMPACT_AT: Final = 512 * 1024
"""Bytes of the file beyond which what is older than `KEPT` is dropped."""
BURST: Final = (3, timedelta(seconds=60))
"""More calls than this for one incident in this time are a loop."""
SAME: Final = (2, timedelta(hours=1))
"""The very same question more often than this in this time is a loop."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens, as the user's contract says; there are no defaults."""

    prompt: float
    completion: float

    def cost(self, prompt: int, completion: int) -> float:
        return (prompt * self.prompt + completion * self.completion) / 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent. None: no such limit. Costs need prices."""

    calls_per_incident: int = 3
    calls_per_day: int = 100
    tokens_per_incident: int = 30_000
    tokens_per_day: int = 500_000
    cost_per_incident: float | None = None
    cost_per_day: float | None = None
    prices: Prices | None = None


class Entry(BaseModel):
    """One call. It is written with the most that it may take, and again, settled, with what it took."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    id: str
    at: float
    incident: str
    question: str
    prompt: Annotated[int, Field(ge=0)]
    completion: Annotated[int, Field(ge=0)]
    requests: Annotated[int, Field(ge=0)] = 1
    settled: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt + self.completion


class Spent(Exception):
    """Nothing may be asked now; the message says which limit it is."""


class SpendBook:
    """`folder`/spend.jsonl under flock, each line fsynced before it counts. Safe among threads and processes."""

    def __init__(self, folder: Path, limits: Limits, clock: Clock) -> None:
        self._file = folder / "spend.jsonl"
        self._limits = limits
        self._clock = clock

    def reserve(self, incident: str, question: str, prompt: int, completion: int) -> Entry:
        """Write down one call that may take so many tokens. Raises Spent when it may not be made.

        A book that cannot be read or written ends in Spent too: what is not recorded is not spent.
        """
        entry = Entry(
            id=uuid.uuid4().hex,
            at=self._clock.now().timestamp(),
            incident=incident,
            question=question,
            prompt=prompt,
            completion=completion,
        )
        try:
            with self._locked() as book:
                why = self._why_not(_read(book), entry)
                if why:
                    raise Spent(why)
                self._append(book, entry)
        except (OSError, ValueError) as error:
            raise Spent(f"the book of what it costs cannot be kept: {type(error).__name__}") from error
        return entry

    def settle(self, entry: Entry, prompt: int | None, completion: int | None, requests: int) -> None:
        """What the call took. What the server did not say stays as reserved. Raises OSError or ValueError."""
        known = {k: v for k, v in (("prompt", prompt), ("completion", completion)) if v is not None}
        with self._locked() as book:
            _read(book)
            self._append(book, entry.model_copy(update={"settled": True, "requests": requests, **known}))

    def _why_not(self, entries: dict[str, Entry], new: Entry) -> str | None:
        now, limits, prices = self._clock.now(), self._limits, self._limits.prices
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        own = [e for e in entries.values() if e.incident == new.incident]
        today = [e for e in entries.values() if e.at >= midnight]
        for (most, window), alike, what in (
            (BURST, own, "calls for this incident"),
            (SAME, [e for e in own if e.question == new.question], "times the very same question"),
        ):
            if sum(e.at > (now - window).timestamp() for e in alike) >= most:
                return f"a loop: {most} {what} in {window.total_seconds():.0f} s"
        for whose, made, calls, tokens, cost in (
            ("this incident", own, limits.calls_per_incident, limits.tokens_per_incident, limits.cost_per_incident),
            ("today", today, limits.calls_per_day, limits.tokens_per_day, limits.cost_per_day),
        ):
            if sum(e.requests for e in made) >= calls:
                return f"the budget of {whose} is spent: {calls} calls"
            if sum(e.tokens for e in made) + new.tokens > tokens:
                return f"the budget of {whose} is spent: {tokens} tokens"
            if prices is not None and cost is not None:
                spent = sum(prices.cost(e.prompt, e.completion) for e in (*made, new))
                if spent > cost:
                    return f"the budget of {whose} is spent: {cost:g} USD"
        return None

    def _append(self, book: int, entry: Entry) -> None:
        if os.fstat(book).st_size > COMPACT_AT:
            self._compact(book)
        os.lseek(book, 0, os.SEEK_END)
        _write(book, entry.model_dump_json().encode() + b"\n")
        os.fsync(book)

    def _compact(self, book: int) -> None:
        """Drop what is old, in a way that a crash in the middle leaves either the old book or the new."""
        oldest = (self._clock.now() - KEPT).timestamp()
        kept = [e for e in _read(book).values() if e.at >= oldest]
        part = self._file.with_suffix(".part")
        with part.open("wb") as new:
            new.writelines(e.model_dump_json().encode() + b"\n" for e in kept)
            new.flush()
            os.fsync(new.fileno())
        part.replace(self._file)
        fresh = os.open(self._file, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(fresh, book, inheritable=False)
        os.close(fresh)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            book = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                yield book
            finally:
                os.close(book)
        finally:
            os.close(lock)


def _read(book: int) -> dict[str, Entry]:
    """All calls by id. A last line that was cut short by a crash is no call, and is removed. Raises ValueError."""
    text = os.pread(book, os.fstat(book).st_size, 0)
    whole, newline, torn = text.rpartition(b"\n")
    if torn:
        os.ftruncate(book, len(whole) + len(newline))
    entries: dict[str, Entry] = {}
    for line in whole.splitlines():
        try:
            entry = Entry.model_validate(json.loads(line))
        except ValidationError as error:
            raise ValueError("a line of the book is no entry") from error
        entries[entry.id] = entry
    return entries


def _write(book: int, line: bytes) -> None:
    if os.write(book, line) != len(line):
        raise OSError("the disk took half a line")
