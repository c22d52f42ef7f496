"""Escalation's hand: opens sessions, lets plans go on, opens the pull requests of those who open none, and proves all.

Nothing here merges: a proved pull request becomes a directive that Guardrail rules on and the Fixer carries out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from agents.escalation.brief import Terms, brief
from agents.escalation.judge import directive_id
from agents.escalation.proposal import Proposals
from agents.escalation.sound import ALLOWED, sound
from shared import crashpoints
from shared.agent import Delegate
from shared.gitops.paths import PROTECTED
from shared.incident.change import MergePull
from shared.incident.evidence import one_line
from shared.incident.facts import AnyFact, Diagnosed, Dispatched, Proposed, Proved, Returned
from shared.incident.parts import Directive
from shared.incident.replay import Incident
from shared.ports import Backend, Permanent, Queued, Transient
from shared.proof import REPRODUCTION, TESTS, Proof, Prover, report
from shared.redaction import Redactor
from shared.source import Pulls, Source

QUEUED_S: Final = 60.0
"""At most so long until a queue is looked at again."""


class Tier3:
    """`backends`: by name, in no order."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        source: Source,
        pulls: Pulls,
        prover: Prover,
        redactor: Redactor,
        reach: Callable[[str], None] = crashpoints.reach,
    ) -> None:
        self._backends = backends
        self._source = source
        self._pulls = pulls
        self._prover = prover
        self._redactor = redactor
        self._proposals = Proposals(source, pulls, reach)

    def carry_out(self, act: Delegate) -> AnyFact | None:
        """Raises Transient while a queue is full or a backend does not answer, Permanent when it says no for good."""
        backend = self._backends.get(act.backend)
        if backend is None:
            raise Permanent(f"there is no Tier-3 backend {act.backend!r}: look at SRE_TIER3")
        match act.what:
            case "open":
                return self._open(backend, act)
            case "approve":
                session = act.incident.session
                if session is not None:
                    backend.approve_plan(session.session)
                return None
            case "propose":
                return self._propose(backend, act.incident)
            case "prove":
                return self._prove(act.incident)

    def _open(self, backend: Backend, act: Delegate) -> Dispatched:
        script = (
            f"python {REPRODUCTION} INCIDENT.json   # exit status 1: the symptom is there, 0: it is not\n"
            f"python {TESTS}   # where it is there; 0: they pass. What passes now must pass with the change"
        )
        never = tuple(pattern for pattern in PROTECTED if not pattern.startswith("!"))  # exceptions are no places
        terms = Terms(self._source.default_branch(), ALLOWED, never, script)
        text = brief(act.incident, act.attempt, terms, self._redactor)
        opened = backend.open(text)
        if isinstance(opened, Queued):
            raise Transient(f"{backend.name} is queued: {opened.reason}", QUEUED_S)
        return Dispatched(
            backend=backend.name,
            session=opened.id[:300],
            link=opened.url or None,
            attempt=act.attempt,
            brief_sha256=hashlib.sha256(text.text.encode()).hexdigest(),
            todo=one_line(opened.detail) if opened.state == "awaiting-feedback" else "",
        )

    def _propose(self, backend: Backend, incident: Incident) -> Proposed | Returned:
        at_work = incident.session
        made = backend.look(at_work.session).made if at_work is not None else None
        if made is None:
            raise Permanent(f"{backend.name} does not say any more what it made")
        return self._proposals.open(incident, made)

    def _prove(self, incident: Incident) -> Proved:
        proposed = incident.last(Proposed)
        if proposed is None:
            raise Permanent("there is no pull request to prove")
        base = self._source.head()
        pull = self._source.pull(proposed.number)
        whole = sound(pull, self._source.difference(pull.base_sha, pull.head_sha), proposed.head_sha)
        proof = Proof("refuted", (whole,))
        if whole.ok:
            shown = self._prover.prove(incident, base, proposed.head_sha)
            proof = Proof(shown.verdict, (whole, *shown.checks))
        report(self._pulls, proposed.head_sha, proof.checks)
        good = proof.verdict != "refuted"
        return Proved(
            directive_id=directive_id(incident),
            number=proposed.number,
            head_sha=proposed.head_sha,
            verdict=proof.verdict,
            merge="person" if good else "nobody",
            checks=proof.checks,
            directive=_merging(incident, proposed, base) if good else None,
        )


def _merging(incident: Incident, proposed: Proposed, base: str) -> Directive:
    diagnosed = incident.last(Diagnosed)
    return Directive(
        id=directive_id(incident),
        verb="merge-pull",
        target=diagnosed.service if diagnosed else incident.detected.service,
        observed=None,
        undo=f"revert the merge commit of pull request {proposed.number}",
        change=MergePull(number=proposed.number, head=proposed.head_sha),
        base=base,
    )
