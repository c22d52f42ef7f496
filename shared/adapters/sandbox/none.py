"""Where there is no sandbox: untrusted programs are not run, and proofs stay unverified."""

from __future__ import annotations

from shared.ports import Job, Outcome, Permanent, Strength


class NoSandbox:
    """Fulfils `shared.ports.Sandbox` by refusing. `why`: what is missing here."""

    def __init__(self, why: str) -> None:
        self._why = why

    @property
    def strength(self) -> Strength:
        return Strength("none", f"nothing untrusted is run: {self._why}")

    def run(self, job: Job) -> Outcome:
        """Raises Permanent, whatever the job."""
        raise Permanent(f"there is no sandbox to run {' '.join(job.argv)[:100]!r} in: {self._why}")
