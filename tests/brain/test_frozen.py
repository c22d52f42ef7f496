"""A frozen case judges again to the same fact, to the byte; and a diagnosis never fails because it was not kept."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.brain.case import Case, Runbook, Touch
from agents.brain.counsel import Counsel, Topic
from agents.brain.frozen import FORMAT, NotFrozen, digest, freeze, thaw
from agents.brain.judge import Seen, judge
from agents.brain.look import Brain
from agents.brain.question import shown
from shared.agent import Say
from shared.analysis.metrics import Series
from shared.analysis.rca.baseline_store import OTHER_HOURS, BaselineStore, Key
from shared.analysis.rca.sketch import Sketch
from shared.analysis.trace import Span, SpanEvent, Trace
from shared.gitops.diff import KeyChange
from shared.gitops.stack import Service, Stack
from shared.incident.facts import Diagnosed
from shared.incident.parts import Symptom
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.incident.thread import Comment
from shared.ports import Commit, Reply
from shared.redaction import Redactor
from shared.testing.cases import MemoryCases
from shared.testing.log import LogBuilder
from tests.brain.scenes import Fault, Scene, crash, errors, hang, latency, oom, refusing

SCENES: dict[str, tuple[tuple[Fault, ...], str, Symptom]] = {
    "oom": ((oom("policy-service"),), "policy-service", "oom"),
    "crash": ((crash("user-service"),), "user-service", "crash"),
    "hang": ((hang("policy-service"),), "policy-service", "unresponsive"),
    "latency": ((latency("policy-service"),), "policy-service", "latency"),
    "errors": ((errors("quote-service"),), "quote-service", "errors"),
    "conversion": ((refusing(),), "policy-service", "conversion"),
    "two at once": ((latency("user-service"), crash("policy-service")), "frontend", "errors"),
}
AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def said(incident: Incident, seen: Seen) -> str:
    effect = judge(incident, seen)
    assert isinstance(effect, Say), effect
    return effect.fact.canonical()


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest) -> tuple[Incident, Seen]:
    faults, service, symptom = SCENES[request.param]
    made = Scene(*faults, after=8.0)
    incident = made.incident(service, symptom)
    seen = made.seen(incident)
    return incident, replace(seen, now=seen.now + timedelta(minutes=1))  # nothing is waited for any more


def test_what_is_thawed_is_judged_to_the_same_byte(scene: tuple[Incident, Seen]) -> None:
    incident, seen = scene
    frozen = thaw(freeze(incident, seen))
    assert (frozen.repo, frozen.number, frozen.head) == (incident.repo, incident.number, incident.head)
    assert frozen.seen.case == seen.case
    assert said(incident, frozen.seen) == said(incident, seen)
    assert freeze(incident, frozen.seen) == freeze(incident, seen)


def full() -> Case:
    """A case with something in every field."""
    log = LogBuilder(number=3).to(Status.CLOSED)
    past = replace(log.incident, words=(Comment(1, "mallory", "a stranger's words", AT, AT),))
    span = Span("a" * 32, "b" * 16, None, "frontend", "GET", "server", 5, 7, True, "no",
                {"db.system": "x", "n": 1, "f": 1.0, "b": True}, (SpanEvent(1, "e", {"k": "v"}),), "i1")  # fmt: skip
    usual = BaselineStore()
    usual.sketches[Key("frontend", "GET", ""), OTHER_HOURS] = Sketch({7: 0.1, 3: 0.2, 5: 1e9}, 0.25)
    scene = Scene(oom("policy-service"))
    seen = scene.seen(scene.incident("policy-service", "oom")).case
    return replace(
        seen,
        during=(*seen.during, Trace("a" * 32, (span,))),
        commits=(Commit("a" * 40, "dev", "tune", AT, "http://x/c", ("a.py",), ("b" * 40,)),),
        earlier=(past,),
        recalled=(past,),
        runbooks=(Runbook("docs/runbooks/a.md", "d" * 40, "read me"),),
        missing={"logs": "away"},
        usual=usual,
        gauges={"cpu": (Series({"service": "frontend"}, ((1.5, 0.1 + 0.2),)),)},
        touches=(
            Touch("a" * 40, AT, ("deploy/stack.yaml",), (KeyChange(service="s", key="k", before=None, after="1"),),
                  frozenset(("policy-service", "frontend")), True),
        ),
        desired=Stack(services={"policy-service": Service(memory_mib=192, environment={"A": "1"})}),
        head="c" * 40,
    )  # fmt: skip


def test_every_field_of_a_case_comes_back_as_it_was() -> None:
    log = LogBuilder().to(Status.DETECTED).incident
    case = full()
    assert not [name for name in Case.__dataclass_fields__ if not getattr(case, name)], "nothing is left to its default"
    fact = LogBuilder().to(Status.DETECTED).next("diagnosed")
    assert isinstance(fact, Diagnosed)
    about = Topic(fact.hypotheses, fact.evidence)
    counsel = Counsel(about, shown(about.hypotheses, about.evidence, Redactor()), Reply("{}", model="m", cost=0.1))
    seen = Seen(case, AT, timedelta(hours=1), 3, lambda service, verb: verb == "restart", counsel)
    back = thaw(freeze(log, seen)).seen
    bare = tuple(replace(i, words=()) for i in case.earlier)
    silent = replace(case, earlier=bare, recalled=bare)
    assert replace(back, allowed=seen.allowed) == replace(seen, case=silent)
    assert [back.allowed("policy-service", verb) for verb in ("restart", "set-memory")] == [True, False]
    assert back.case.usual is not None
    assert [*next(iter(back.case.usual.sketches.values())).buckets] == [7, 3, 5], "sums of floats keep their order"
    types = [type(v) for v in back.case.during[-1].spans[0].attributes.values()]
    assert types == [str, int, float, bool]


def test_what_a_stranger_wrote_on_another_incident_is_not_kept() -> None:
    log = LogBuilder().to(Status.DETECTED).incident
    assert b"a stranger" not in freeze(log, Seen(full(), AT, timedelta(hours=1), 3))


def test_a_case_of_older_code_is_read_with_the_defaults_of_what_it_does_not_know() -> None:
    scene = Scene(latency("policy-service"))
    incident = scene.incident("policy-service", "latency")
    seen = scene.seen(incident)
    old = json.loads(freeze(incident, seen))
    for name in ("usual", "gauges", "touches", "desired", "head", "recalled", "runbooks"):
        del old["seen"]["case"][name]
    del old["seen"]["counsel"]
    assert said(incident, thaw(json.dumps(old).encode()).seen) == said(incident, seen)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"format":"other"}', f'{{"format":"{FORMAT}","seen":{{}},"allowed":{{}}}}'.encode()]
)
def test_what_is_no_case_is_refused_in_words(text: bytes) -> None:
    with pytest.raises(NotFrozen):
        thaw(text)


def test_half_a_character_in_a_label_cannot_be_frozen_and_is_said() -> None:
    scene = Scene(oom("policy-service"))
    incident = scene.incident("policy-service", "oom")
    seen = scene.seen(incident)
    with pytest.raises(NotFrozen):
        freeze(incident, odd(seen))


def odd(seen: Seen) -> Seen:
    """With a text that UTF-8 has no bytes for."""
    containers = {name: replace(c, labels={"odd": "\ud800"}) for name, c in seen.case.containers.items()}
    return replace(seen, case=replace(seen.case, containers=containers))


def brain(shelf: MemoryCases) -> Brain:
    nothing: Any = None
    return Brain(*(nothing,) * 5, timedelta(hours=1), 3, Redactor(), cases=shelf)


def test_the_fact_names_the_text_that_was_judged(scene: tuple[Incident, Seen]) -> None:
    incident, seen = scene
    shelf = MemoryCases()
    effect = brain(shelf).judge(incident, seen)
    assert isinstance(effect, Say)
    name = getattr(effect.fact, "frozen", None)
    assert [(name, digest(text)) for text in shelf.texts.values()] == [(name, name)]
    again = judge(incident, thaw(shelf.texts[str(name)]).seen)
    assert isinstance(again, Say)
    assert again.fact.model_copy(update={"frozen": name}) == effect.fact


def test_a_diagnosis_is_said_all_the_same_when_its_case_cannot_be_kept() -> None:
    scene = Scene(oom("policy-service"))
    incident = scene.incident("policy-service", "oom")
    seen = scene.seen(incident)
    assert brain(MemoryCases(full=True)).judge(incident, seen) == judge(incident, seen)
    assert brain(MemoryCases()).judge(incident, odd(seen)) == judge(incident, odd(seen))


def test_waiting_for_evidence_keeps_nothing() -> None:
    scene = Scene(latency("policy-service"), after=0.1)
    incident = scene.incident("policy-service", "latency")
    nothing = replace(scene.seen(incident), case=Case({}, "", (), (), (), ()))
    shelf = MemoryCases()
    assert not isinstance(brain(shelf).judge(incident, nothing), Say)
    assert not shelf.texts


def test_a_large_case_is_frozen_in_less_time_than_anybody_notices() -> None:
    scene = Scene(latency("policy-service"), after=20.0)
    scene.run(20.0)
    incident = scene.incident("policy-service", "latency")
    seen = scene.seen(incident)
    spent = []
    for _ in range(5):
        begun = time.process_time()
        text = freeze(incident, seen)
        digest(text)
        spent.append(time.process_time() - begun)
    assert len(seen.case.baseline) + len(seen.case.during) > 300
    assert min(spent) < 0.1, "20 ms are promised on a machine that does nothing else"
