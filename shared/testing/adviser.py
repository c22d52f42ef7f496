"""A model that says what a test wants it to, when the test wants it."""

from __future__ import annotations

from collections.abc import Callable

from shared.ports import Pending, Question, Reply


class ScriptedAdviser:
    """Fulfils the Adviser port. `says` makes the text of an answer (or the reply itself); `slow`: nothing comes yet."""

    def __init__(self, says: Callable[[Question], str | Reply]) -> None:
        self.says = says
        self.slow = False
        self.asked: list[Question] = []

    def ask(self, question: Question) -> None:
        if all(question.key != known.key for known in self.asked):
            self.asked.append(question)

    def reply(self, key: str) -> Reply | Pending | None:
        question = next((q for q in self.asked if q.key == key), None)
        if question is None:
            return None
        if self.slow:
            return Pending(6.0)
        said = self.says(question)
        return said if isinstance(said, Reply) else Reply(said, "", "some-model", 900, 120, 0.0012, 1.5)
