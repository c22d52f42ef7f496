"""The model as Brain is given it: asks in the background, within budgets, and forgets nothing that it paid for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from shared.adapters.model.breaker import Breaker
from shared.adapters.model.process import ModelProcess
from shared.adapters.model.spend import Entry, Limits, SpendBook, Spent
from shared.adapters.model.wire import Ask, Told
from shared.ports import Clock, Pending, Question, Reply

_log = structlog.get_logger()
KEPT: Final = 256
"""Answers that are remembered."""
AGAIN_AFTER_S: Final = 60.0
"""Seconds after which a question that failed may be asked again."""
CHARS_PER_TOKEN: Final = 2
"""Fewer than any tokenizer's average on text like ours, so that what is reserved is more than what is taken."""
_SPARE_S: Final = 0.25
"""Seconds of the time there is that the way through the pipes may take."""
_POINTLESS: Final = frozenset((401, 402, 403, 404))
"""Statuses that no second try mends: the key, the bill, the name of the model."""
_WORDS: Final = {
    "late": "did not answer in time",
    "unreachable": "cannot be reached",
    "too long": "answered at too great length",
    "not JSON": "did not answer in JSON",
    "not a completion": "answered with something else than a chat completion",
    "refused": "refused to answer",
    "tools": "asked for tools, and has none",
    "cut short": "did not come to an end within its tokens",
    "ended": "its process ended",
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How the model is asked. Seconds; tokens of one answer; its name, for people."""

    name: str
    timeout_s: float = 6.0
    answer_tokens: int = 800
    limits: Limits = Limits()  # noqa: RUF009 - frozen


@dataclass(slots=True)
class _Asked:
    question: Question
    at: float
    reply: Reply | None = None
    replied_at: float = 0.0


class ModelAdviser:
    """Fulfils `shared.ports.Adviser`. One thread, one child, one question at a time.

    `unsound` says of a text why it is no answer (None: it is one): such a text counts as a failure of the endpoint.
    `on_reply` is called with the incident's number, from the adviser's thread, when something came of its question.
    """

    def __init__(
        self,
        process: ModelProcess,
        book: SpendBook,
        manner: Manner,
        clock: Clock,
        unsound: Callable[[str], str | None],
        on_reply: Callable[[int], None],
    ) -> None:
        self._process = process
        self._book = book
        self._manner = manner
        self._clock = clock
        self._unsound = unsound
        self._on_reply = on_reply
        self._breaker = Breaker()
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._change = threading.Condition()
        self._stopping = False
        self._count = 0
        self._thread = threading.Thread(target=self._run, name="adviser", daemon=True)
        self._thread.start()

    def ask(self, question: Question) -> None:
        now = self._clock.monotonic()
        with self._change:
            known = self._asked.get(question.key)
            if known is not None and not _stale(known, now):
                return
            self._asked[question.key] = _Asked(question, now)
            self._asked.move_to_end(question.key)
            while len(self._asked) > KEPT:
                self._asked.popitem(last=False)
            self._change.notify_all()

    def reply(self, key: str) -> Reply | Pending | None:
        with self._change:
            known = self._asked.get(key)
            if known is None:
                return None
            if known.reply is not None:
                return known.reply
            left = known.at + self._manner.timeout_s - self._clock.monotonic()
            if left > 0:
                return Pending(left)
            return Reply(None, f"the model {_WORDS['late']}", self._manner.name, seconds=self._manner.timeout_s)

    def close(self) -> None:
        """End the thread and the child."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        self._thread.join(self._manner.timeout_s + 1.0)

    def _run(self) -> None:
        self._process.start()  # what it loads is loaded before the first question
        try:
            while (asked := self._next()) is not None:
                reply = self._answer(asked)
                with self._change:
                    asked.reply, asked.replied_at = reply, self._clock.monotonic()
                self._on_reply(asked.question.number)
        finally:
            self._process.stop()

    def _next(self) -> _Asked | None:
        with self._change:
            while not self._stopping:
                waiting = next((a for a in self._asked.values() if a.reply is None), None)
                if waiting is not None:
                    return waiting
                self._change.wait()
        return None

    def _answer(self, asked: _Asked) -> Reply:
        began = self._clock.monotonic()
        left = asked.at + self._manner.timeout_s - began
        rest = self._breaker.closed_for(began)
        question = asked.question
        if left <= 2 * _SPARE_S:
            return self._none(asked, "the model was busy with other incidents")
        if rest > 0:
            return self._none(asked, f"the model is left alone for {rest:.0f} s: it {self._breaker.last}")
        prompt = (len(question.system) + len(question.data) + len(str(question.form))) // CHARS_PER_TOKEN
        try:
            entry = self._book.reserve(question.incident, question.key, prompt, self._manner.answer_tokens)
        except Spent as spent:
            return self._none(asked, str(spent))
        told = self._process.exchange(self._line(question, left - _SPARE_S), left)
        self._settle(entry, told)
        seconds = round(self._clock.monotonic() - began, 3)
        why = self._judge(told)
        if why is not None:
            return self._none(asked, why, told, seconds)
        _log.info(
            "model answered", incident=question.number, seconds=seconds, requests=told.requests,
            structured=told.structured, prompt=told.prompt_tokens, completion=told.completion_tokens,
        )  # fmt: skip
        return self._reply(told.text, "", told, seconds)

    def _line(self, question: Question, within: float) -> Ask:
        self._count += 1
        return Ask(
            id=self._count,
            system=question.system,
            data=question.data,
            form=dict(question.form),
            max_tokens=self._manner.answer_tokens,
            timeout_s=within,
        )

    def _judge(self, told: Told) -> str | None:
        """Why this is no answer; None when it is one. Keeps the breaker."""
        now = self._clock.monotonic()
        if told.text is None:
            what = f"answered with status {told.status}" if told.status is not None else _WORDS[told.why or "ended"]
            refused = told.why == "refused"  # an answer of a kind: the endpoint is well
            if not refused:
                self._breaker.failed(what, now, at_once=told.status in _POINTLESS, rest_s=told.retry_after_s)
            return f"the model {what}"
        unsound = self._unsound(told.text)
        if unsound is None:
            self._breaker.worked()
            return None
        self._breaker.failed("gave an answer of another form", now)
        return f"the model gave an answer of another form: {unsound}"

    def _settle(self, entry: Entry, told: Told) -> None:
        if told.why in ("late", "ended", "unreachable"):
            return  # what it took is not known: it stays as reserved
        free = told.why == "status"
        try:
            self._book.settle(
                entry, 0 if free else told.prompt_tokens, 0 if free else told.completion_tokens, told.requests
            )
        except (OSError, ValueError) as error:
            _log.warning("the model's cost stays as reserved", why=type(error).__name__)

    def _none(self, asked: _Asked, why: str, told: Told | None = None, seconds: float = 0.0) -> Reply:
        _log.warning("no advice", incident=asked.question.number, why=why, seconds=seconds)
        return self._reply(None, why, told, seconds)

    def _reply(self, text: str | None, why: str, told: Told | None, seconds: float) -> Reply:
        prompt = told.prompt_tokens if told else None
        completion = told.completion_tokens if told else None
        prices = self._manner.limits.prices
        cost = None
        if prices is not None and prompt is not None and completion is not None:
            cost = prices.cost(prompt, completion)
        return Reply(text, why, self._manner.name, prompt, completion, cost, seconds)


def _stale(asked: _Asked, now: float) -> bool:
    """Whether a question that failed may be asked again."""
    return asked.reply is not None and asked.reply.text is None and now - asked.replied_at > AGAIN_AFTER_S
