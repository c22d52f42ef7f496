"""A sandbox that runs nothing: what a job comes to is written beforehand. The twin of `shared.ports.Sandbox`."""

from __future__ import annotations

from collections.abc import Callable

from shared.ports import Ended, Job, Outcome, Strength


def outcome(exit_code: int | None, output: str = "", ended: Ended = "exited") -> Outcome:
    """What came of a job, in half a second."""
    return Outcome(exit_code, ended, output, 0.5, "namespaces")


class ScriptedSandbox:
    """`answer` is called with each job; `jobs` is what was run. It may raise, as a sandbox does."""

    def __init__(self, answer: Callable[[Job], Outcome], word: str = "namespaces") -> None:
        self._answer = answer
        self._word = word
        self.jobs: list[Job] = []

    @property
    def strength(self) -> Strength:
        return Strength(self._word, f"{self._word}, as the test says")  # type: ignore[arg-type]

    def run(self, job: Job) -> Outcome:
        self.jobs.append(job)
        return self._answer(job)
