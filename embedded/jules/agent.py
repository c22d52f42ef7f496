"""Takes sessions from state to state, by what really happens: a plan once the patch is seen to fit, an end once a pull
request is open. Every step may be done again after a crash.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from embedded.jules.library import Prepared, Problem, fitting, prepared, read
from embedded.jules.misbehave import Switch
from embedded.jules.store import Activity, Session, Store
from embedded.jules.workshop import Cannot, NotNow, Proposal, Workshop

log = logging.getLogger("embedded.jules")

TABLE: Final[dict[str, tuple[str, ...]]] = {
    "QUEUED": ("PLANNING",),
    "PLANNING": ("AWAITING_PLAN_APPROVAL", "AWAITING_USER_FEEDBACK", "IN_PROGRESS", "FAILED"),
    "AWAITING_PLAN_APPROVAL": ("IN_PROGRESS",),
    "AWAITING_USER_FEEDBACK": ("PLANNING",),
    "IN_PROGRESS": ("COMPLETED", "FAILED"),
    "PAUSED": ("PLANNING",),
    "FAILED": (),
    "COMPLETED": (),
}
"""Every state, and where it leads by itself or by a person. Only the test switch does otherwise."""
RUNNING: Final = ("PLANNING", "AWAITING_PLAN_APPROVAL", "AWAITING_USER_FEEDBACK", "IN_PROGRESS")
AGAIN_S: Final = 0.5
"""Seconds until the forge is asked again after it did not answer."""


class Agent:
    """One thread. `wake` after anything changed."""

    def __init__(self, store: Store, workshop: Workshop, switch: Switch, at_once: int, site: str) -> None:
        self._store, self._workshop, self._switch, self._at_once, self._site = store, workshop, switch, at_once, site
        self._library = prepared()
        self._work = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="agent")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._work.set()

    def stop(self) -> None:
        self._stopping = True
        self._work.set()
        self._thread.join()

    def _run(self) -> None:
        self._work.set()
        while not self._stopping:
            self._work.wait()
            self._work.clear()
            while not self._stopping and self._advance():
                pass

    def _advance(self) -> bool:
        """One round over all sessions, oldest first; whether anything moved."""
        moved = False
        for session in reversed(self._store.all()):
            if self._stopping or self._switch.stands_still:
                return False
            try:
                moved |= self._step(session)
            except NotNow as later:
                log.warning("session %s: %s", session.id, later)
                self._again()
            except Cannot as never:
                moved |= self._fail(session, str(never))
        return moved

    def _again(self) -> None:
        """Wake up in a while."""
        timer = threading.Timer(AGAIN_S, self.wake)
        timer.daemon = True
        timer.start()

    def _step(self, session: Session) -> bool:
        match session.state:
            case "QUEUED":
                running = sum(1 for one in self._store.all() if one.state in RUNNING)
                return running < self._at_once and self._store.move(session.id, "QUEUED", "PLANNING") is not None
            case "PLANNING":
                return self._plan(session)
            case "IN_PROGRESS":
                return self._do(session)
            case _:
                return False

    def _plan(self, session: Session) -> bool:
        problem = read(session.prompt)
        known = fitting(self._library, problem)
        if not known:
            return self._fail(session, self._unknown(problem))
        complaints = {one.name: self._workshop.why_not(one, session.branch) for one in known}
        usable = [one for one in known if not complaints[one.name]]
        if not usable:
            said = "; ".join(f"{name}: {why}" for name, why in complaints.items())
            return self._fail(
                session, f"no prepared patch fits the code on {session.branch}, so it is another defect ({said})"
            )
        if question := self._question(session, usable):
            asked = Activity("agentMessaged", {"agentMessage": question})
            return self._moved(session, "AWAITING_USER_FEEDBACK", asked)
        chosen = self._named(session, usable) or usable[0]
        plan = Activity("planGenerated", {"plan": _plan_of(session, chosen)})
        if session.approval:
            return self._moved(session, "AWAITING_PLAN_APPROVAL", plan, chosen=chosen.name)
        return self._moved(session, "IN_PROGRESS", plan, Activity("planApproved", {}, "system"), chosen=chosen.name)

    def _do(self, session: Session) -> bool:
        chosen = next((one for one in self._library if one.name == session.chosen), None)
        if chosen is None:
            return self._fail(session, f"the prepared patch {session.chosen!r} is gone")
        proposal = Proposal(
            branch=f"{chosen.name}-{session.id}",
            base=session.branch,
            title=chosen.title,
            body=self._body(session, chosen),
        )
        outputs = self._workshop.propose(chosen, proposal, pull=session.opens_pull)
        for output in outputs:
            if "changeSet" in output:
                output["changeSet"]["source"] = session.source
        said = Activity("progressUpdated", {"title": chosen.title, "description": f"On branch {proposal.branch}."})
        done = Activity("sessionCompleted", {}, "system")
        return self._moved(session, "COMPLETED", said, done, outputs=outputs)

    def _question(self, session: Session, usable: list[Prepared]) -> str:
        """What only a person can say; empty when nothing is open."""
        told = self._told(session)
        if self._switch.asking and not told:
            return "Shall I go on? Answer anything."
        if len(usable) > 1 and not self._named(session, usable):
            return "More than one prepared patch fits. Answer with the name of one: " + ", ".join(
                one.name for one in usable
            )
        return ""

    def _named(self, session: Session, usable: list[Prepared]) -> Prepared | None:
        """The patch that the newest message names."""
        told = self._told(session)
        return next((one for one in usable if told and one.name in told[-1]), None)

    def _told(self, session: Session) -> list[str]:
        said = (activity.get("userMessaged") for _, activity in self._store.activities(session.id))
        return [str(one.get("userMessage", "")) for one in said if isinstance(one, dict)]

    def _unknown(self, problem: Problem) -> str:
        names = ", ".join(f"{one.name} ({one.service})" for one in self._library)
        about = f"{problem.cause} in {problem.service}" if problem.cause and problem.service else "what the prompt asks"
        return f"this server replays patches made beforehand and has none for {about}; it has: {names}"

    def _fail(self, session: Session, reason: str) -> bool:
        return self._moved(session, "FAILED", Activity("sessionFailed", {"reason": reason}, "system"))

    def _moved(self, session: Session, target: str, *happened: Activity, **changed: Any) -> bool:
        if target not in TABLE[session.state]:
            raise ValueError(f"{session.state} does not lead to {target}")
        return self._store.move(session.id, session.state, target, *happened, **changed) is not None

    def _body(self, session: Session, chosen: Prepared) -> str:
        steps = "\n".join(f"{n}. {title}: {text}" for n, (title, text) in enumerate(chosen.steps, 1))
        fixes = read(session.prompt).fixes
        return (
            f"{chosen.why}\n\n{steps}\n\n"
            + (f"{fixes}\n\n" if fixes else "")
            + f"*This patch, `{chosen.name}`, was prepared beforehand and is replayed by SRE-Space's embedded Jules "
            "server. No model wrote it for this incident; it stands in for a Tier-3 agent.*\n\n---\n"
            f"*PR created for task [{session.id}]({self._site}/session/{session.id}): {session.title}*"
        )


def _plan_of(session: Session, chosen: Prepared) -> dict[str, Any]:
    steps = [
        {"id": f"{session.id}-{n}", "index": n, "title": title, "description": text}
        for n, (title, text) in enumerate(chosen.steps)
    ]
    return {"id": f"plan-{session.id}", "steps": steps}
