"""What Scout tells people about each service, once a second: what it saw, and unknown where it saw nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from agents.scout.bulletin import Bulletin, Vital
from agents.scout.observations import Finding, Observations, ProbeResult
from agents.scout.traffic import Call
from agents.scout.watch import Watch
from shared.stream import VITALS
from tests.runtime.fleet import Heard
from tests.scout.world import START, World, container

SERVICE = "quote-service"


def seen(seconds: float, probe: bool | None = True, **more: object) -> Observations:
    at = START + timedelta(seconds=seconds)
    probes = {} if probe is None else {SERVICE: ProbeResult(probe, "refused", 12.0, at)}
    base = Observations(at=at, probes=probes, containers={SERVICE: container(SERVICE)})
    return replace(base, **more)  # type: ignore[arg-type]


def call(own_ms: float | None, *, failed: bool = False) -> Call:
    own = None if own_ms is None else int(own_ms * 1000)
    return Call(SERVICE, "op", "t", "s", START, 0, failed, own)


def told(bulletin: Bulletin) -> Vital:
    (vital,) = bulletin.vitals()
    return vital


def test_a_service_that_answers_its_probe_is_ok_with_what_its_requests_took() -> None:
    bulletin = Bulletin(Heard())
    bulletin.take(seen(0), ())
    bulletin.take(seen(5, calls=(call(10), call(20), call(90, failed=True), call(None, failed=True))), ())
    vital = told(bulletin)
    assert (vital.health, vital.detail) == ("ok", "answered its probe in 12 ms")
    assert (vital.p50_ms, vital.rate, vital.errors) == (20.0, 0.8, 0.5)


def test_without_requests_there_is_a_rate_of_none_and_no_latency() -> None:
    bulletin = Bulletin(Heard())
    bulletin.take(seen(0), ())
    vital = told(bulletin)
    assert (vital.rate, vital.p50_ms, vital.errors) == (0.0, None, None)


def test_without_traces_nothing_is_said_of_requests() -> None:
    bulletin = Bulletin(Heard())
    bulletin.take(seen(0, blind={"traces": "away"}), ())
    vital = told(bulletin)
    assert (vital.rate, vital.p50_ms, vital.errors) == (None, None, None)


def test_a_finding_a_stopped_container_and_a_failed_probe_are_bad() -> None:
    finding = Finding(SERVICE, "oom", "critical", "killed", START, START, ())
    bulletin = Bulletin(Heard())
    bulletin.take(seen(0), (finding,))
    assert (told(bulletin).health, told(bulletin).detail) == ("bad", "oom: killed")
    bulletin.take(seen(1, containers={SERVICE: container(SERVICE, running=False, status="exited")}), ())
    assert (told(bulletin).health, told(bulletin).detail) == ("bad", "its container is exited")
    bulletin.take(seen(2, probe=False), ())
    assert told(bulletin).health == "bad"


def test_what_was_not_seen_is_unknown() -> None:
    bulletin = Bulletin(Heard())
    bulletin.take(seen(0, probe=None), ())
    assert told(bulletin).health == "unknown"
    bulletin.take(seen(1), ())
    assert told(bulletin).health == "ok"
    bulletin.take(seen(20, probe=None), ())
    assert told(bulletin).health == "unknown"
    bulletin.take(seen(21, blind={"probes": "no network"}), ())
    assert (told(bulletin).health, told(bulletin).detail) == ("unknown", "Scout cannot probe: no network")


def test_it_tells_of_every_service_once_a_second_and_steers_nothing() -> None:
    heard = Heard()
    bulletin, world = Bulletin(heard), World()
    other = World()
    watch, plain = Watch(world, bulletin=bulletin), Watch(other)
    for n in range(120):
        if n == 60:
            world.silent.add(SERVICE)
            other.silent.add(SERVICE)
        assert watch.step(()) == plain.step(())
        bulletin.step()
    assert {key for _, key, _ in heard.events} == set(world.containers)
    of_one = [event for topic, key, event in heard.events if (topic, key) == (VITALS, SERVICE)]
    assert len(of_one) == 60
    assert [event.data["health"] for event in of_one][-1] == "bad"


def test_a_service_that_is_gone_is_told_of_no_more() -> None:
    bulletin = Bulletin(Heard())
    bulletin.take(seen(0, calls=(call(1),)), ())
    bulletin.take(seen(30, probe=None, containers={}), ())
    bulletin.take(seen(60, probe=None, containers={}), ())
    assert bulletin.vitals() == ()
