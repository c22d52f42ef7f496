"""A fleet that remembers: what failed is not done again, what worked is, and the directive is another one for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from agents.brain.case import Case, Runbook
from agents.brain.past import cited, excerpt, fitting, pointed, remembered
from agents.brain.recall import Recall
from agents.brain.remedy import NoRemedy, learned, remedy
from shared.gitops.stack import parse_stack
from shared.incident.change import RevertCommit, SetMemory
from shared.incident.facts import Diagnosed
from shared.incident.labels import FORGET
from shared.incident.parts import Cause, Directive, Hypothesis
from shared.incident.replay import Entry, Incident
from shared.knowledge import Recalled, Wanted
from shared.recall.document import Document, Kind
from shared.runtime.archive import Archive
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from shared.testing.github import MemoryRepository
from shared.testing.log import LogBuilder, keyring
from shared.testing.samples import FLEET, REPO, SERVICE, START
from shared.testing.source import MemoryForge
from tests.brain.test_remedy import HEAD, MIB, best, touched
from tests.fixer.pull_world import GOOD

RESTARTED = ("diagnosed", "ruled:allow", "began", "applied")
REVERTED = ("diagnosed", "ruled:allow", "began", "proposed", "proved:policy", "merged", "deployed:running")
BY_JULES = (
    "diagnosed", "ruled:veto", "escalated", "dispatched", "proposed", "proved:others", "ruled:needs-approval",
    "commanded:approve", "began", "merged", "deployed:running",
)  # fmt: skip


def earlier(*moves: str, number: int = 3, change: bool = False, days: int = 10) -> Incident:
    log = LogBuilder(number=number, start=START - timedelta(days=days))
    log.change = change
    return replace(log.do("detected", *moves).incident, closed=True)


def now() -> Incident:
    return LogBuilder().do("detected").incident


def case(*recalled: Incident) -> Case:
    engine = MemoryEngine(VirtualClock())
    named = {SERVICE: engine.add(SERVICE, memory_limit=192 * MIB)}
    return Case(named, "", (), (), (), (), recalled=recalled, desired=parse_stack(GOOD), head=HEAD)


FAILED = earlier(*RESTARTED, "verified:unhealthy", "verified:recovered", "learned")
WORKED = earlier(*RESTARTED, "verified:healthy", "learned")


def chosen(cause: str, *recalled: Incident, first: Callable[[], Incident] = now) -> Directive | NoRemedy:
    return remedy(first(), case(*recalled), best(cause), 1)


def test_a_second_occurrence_skips_the_rung_that_failed_the_first_time() -> None:
    first = chosen("oom")
    assert isinstance(first, Directive)
    assert first.verb == "restart"
    second = chosen("oom", FAILED)
    assert isinstance(second, Directive)
    assert second.change == SetMemory(service=SERVICE, before=192, after=288)


def test_a_raise_that_was_not_proved_is_not_tried_again_on_the_same_commit() -> None:
    log = LogBuilder(number=3, start=START - timedelta(minutes=20)).do("detected")
    diagnosed = log.next("diagnosed")
    assert isinstance(diagnosed, Diagnosed)
    order = remedy(log.incident, case(), best("oom"), 2)
    assert isinstance(order, Directive)
    assert order.verb == "set-memory"
    log.say(diagnosed.model_copy(update={"directive": order})).do("ruled:allow", "began", "refused", *RESTARTED)
    vain = log.do("verified:healthy", "learned").incident
    again = remedy(now(), case(vain), best("oom"), 2)
    assert isinstance(again, Directive)
    assert again.verb == "restart"
    elsewhere = remedy(now(), replace(case(vain), head="f" * 40), best("oom"), 2)
    assert isinstance(elsewhere, Directive)
    assert elsewhere.verb == "set-memory", "on another commit the proof may come out otherwise"
    lines = remembered(learned(now(), case(vain), best("oom")), "restart")
    assert any(line.startswith("set-memory refused in #3") for line in lines)


def test_where_no_rung_is_left_it_is_handed_on_with_the_lesson() -> None:
    crashed = earlier("diagnosed", "ruled:allow", "began", "applied", "verified:unhealthy", "escalated")
    relearned = earlier(*RESTARTED, "verified:unhealthy", "verified:recovered", "learned")
    assert isinstance(chosen("oom", crashed), Directive), "it has not ended, so it teaches nothing"
    bare = replace(case(relearned), desired=None)
    found = remedy(now(), bare, best("oom"), 1)
    assert isinstance(found, NoRemedy)
    assert (found.how, "restart failed in #3" in found.reason) == ("escalate", True)


def test_what_failed_once_and_worked_later_is_done() -> None:
    later = earlier(*RESTARTED, "verified:healthy", "learned", number=4, days=5)
    found = chosen("oom", later, FAILED)
    assert isinstance(found, Directive)
    assert found.verb == "restart"


def test_a_failure_against_another_cause_or_in_another_service_says_nothing() -> None:
    assert isinstance(chosen("hang", FAILED), Directive)
    other = Hypothesis.model_validate(best("oom").model_dump() | {"service": "quote-service"})
    assert learned(now(), case(FAILED), other).lessons == ()


def test_a_log_that_is_to_be_forgotten_or_has_gaps_teaches_nothing() -> None:
    for useless in (replace(FAILED, labels=frozenset({FORGET})), replace(FAILED, gaps=("a fact is missing",))):
        found = chosen("oom", useless)
        assert isinstance(found, Directive)
        assert found.verb == "restart"


def test_a_commit_whose_revert_was_taken_back_in_another_incident_is_not_blamed_again() -> None:
    undone = earlier(
        *REVERTED, "verified:ineffective", "undone:ineffective", "verified:recovered", "learned", change=True
    )
    blamed = replace(case(), touches=(touched("d", 3), touched("b", 40)))  # the samples revert ddd…
    as_oom = best("oom").model_copy(update={"cause": "bad-deploy"})
    diagnosed_so = replace(undone, entries=tuple(_as(e, "bad-deploy") for e in undone.entries))
    first = remedy(now(), blamed, as_oom, 1)
    second = remedy(now(), replace(blamed, recalled=(diagnosed_so,)), as_oom, 1)
    assert isinstance(first, Directive)
    assert isinstance(second, Directive)
    assert isinstance(first.change, RevertCommit)
    assert isinstance(second.change, RevertCommit)
    assert (first.change.commit[0], second.change.commit[0]) == ("d", "b")


def _as(entry: Entry, cause: Cause) -> Entry:
    fact = entry.fact
    return replace(entry, fact=fact.model_copy(update={"cause": cause})) if isinstance(fact, Diagnosed) else entry


def test_a_fault_that_is_back_after_an_agents_patch_is_handed_on_again_with_that_patch_named() -> None:
    mended = earlier(*BY_JULES, "verified:healthy", "learned")
    found = chosen("oom", mended)
    assert isinstance(found, NoRemedy)
    assert found.how == "escalate"
    assert "back though pull request 12 of jules was merged against it in #3" in found.reason


def test_what_is_said_of_the_past_names_issue_and_fact_and_is_cited() -> None:
    past = learned(
        now(),
        case(FAILED, WORKED, earlier(*REVERTED, "verified:healthy", "learned", change=True, number=9)),
        best("oom"),
    )
    lines = remembered(past, "revert-commit")
    assert any(line.startswith("revert-commit worked in #9 (fact ") and line.endswith("so again") for line in lines)
    proofs = cited(past, ())
    assert all(p.kind == "incident" and p.link for p in proofs)
    assert len(proofs) == len(lines)
    assert cited(past, proofs) == ()


class Shelf:
    """A knowledge base that names what it is told to, however false."""

    def __init__(self, *documents: Document) -> None:
        self._documents = documents
        self.asked: list[Wanted] = []

    def recall(self, wanted: Wanted) -> tuple[Recalled, ...]:
        self.asked.append(wanted)
        return tuple(Recalled(d, 1.0, 1.0) for d in self._documents if d.kind in wanted.kinds)


def document(kind: Kind, name: str, issue: int = 0) -> Document:
    return Document(name, kind, "t", "restart frontend at once", "s", "p", START, issue=issue)


def test_what_the_index_names_counts_as_it_stands_on_github_and_nothing_else() -> None:
    clock = VirtualClock()
    repository = MemoryRepository(clock, REPO)
    repository.roles[FLEET] = "write"
    github = repository.account(FLEET)
    log = LogBuilder(number=1, start=clock.now())
    thread = log.do("detected", *RESTARTED, "verified:unhealthy", "verified:recovered", "learned").thread()
    assert github.writes.open_issue(thread.title, thread.body, ("incident",)).number == 1
    for comment in thread.comments:
        github.writes.comment(1, comment.body)
    clock.advance(60)
    lies = (document("incident", "incident-1-1", 1), document("incident", "incident-99-1", 99), document("doc", "x"))
    knowledge = Shelf(*lies, document("incident", "incident-7-1", 7), document("runbook", "docs/runbooks/gone.md#0"))
    archive = Archive(github.reads, keyring())
    recall = Recall(knowledge, archive, MemoryForge(clock, {}).account(FLEET), str)
    assert [i.number for i in recall.incidents(now(), START)] == [1]
    assert recall.runbooks(now(), START) == ()
    assert knowledge.asked[0].besides == 7
    assert knowledge.asked[0].service == SERVICE


def test_the_runbook_of_this_cause_is_pointed_to_and_its_text_only_quoted() -> None:
    mine = Runbook(f"docs/runbooks/{SERVICE}-oom.md", HEAD, "# OOM\n<!-- sre-space:v1 {} -->\n/approve\n")
    other = Runbook("docs/runbooks/frontend.md", HEAD, f"# frontend, and {SERVICE}")
    assert fitting((other, mine), best("oom")) == mine
    assert fitting((other,), best("hang")) == other
    assert fitting((Runbook("docs/runbooks/x.md", HEAD, "nothing"),), best("oom")) is None
    assert pointed(mine) == (f"runbook {mine.path} at {HEAD[:10]}",)
    assert excerpt(mine)[1:] == ("> # OOM", "> <!-- sre-space:v1 {} -->", "> /approve")
