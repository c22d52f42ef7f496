"""What the fleet would have done alone: only what nothing but a person's wish held back, and what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.incident.facts import Ruled
from shared.incident.parts import Predicate
from shared.recall.would import WISH, Held, held_back
from shared.testing.log import LogBuilder
from shared.testing.samples import SERVICE, START

LONG_AGO = START - timedelta(days=1)


def asked(*failed: str) -> LogBuilder:
    """A diagnosis on which a person is asked because these predicates failed."""
    log = LogBuilder().do("detected", "diagnosed")
    ruled = log.next("ruled:needs-approval")
    assert isinstance(ruled, Ruled)
    rules = (
        Predicate(name="not-frozen", ok=True, detail=""),
        *(Predicate(name=n, ok=False, detail="") for n in failed),
    )
    return log.say(ruled.model_copy(update={"predicates": rules}))


def held(log: LogBuilder) -> Held:
    (one,) = held_back((log.incident,), LONG_AGO)
    return one


def test_what_a_person_is_asked_about_for_no_other_reason_would_have_been_done() -> None:
    one = held(asked(WISH))
    assert (one.service, one.verb, one.came, one.after_s, one.helped) == (SERVICE, "restart", "waiting", None, None)


@pytest.mark.parametrize("failed", [("confident",), (WISH, "service-budget"), (WISH, "trusted")])
def test_what_another_rule_holds_back_too_would_not_have_been_done(failed: tuple[str, ...]) -> None:
    assert held_back((asked(*failed).incident,), LONG_AGO) == ()


def test_what_policy_allowed_was_done_and_is_not_counted() -> None:
    assert held_back((LogBuilder().do("detected", "diagnosed", "ruled:allow").incident,), LONG_AGO) == ()


def test_an_approval_tells_how_long_it_took_and_verification_whether_it_helped() -> None:
    log = asked(WISH).do("commanded:approve")
    assert (held(log).came, held(log).after_s, held(log).helped) == ("approved", 1.0, None)
    log.do("began", "applied", "verified:healthy")
    assert held(log).helped is True


def test_what_was_approved_and_did_not_help_says_so() -> None:
    log = asked(WISH).do("commanded:approve", "began", "applied", "verified:unhealthy", "diagnosed")
    assert (held(log).came, held(log).helped) == ("approved", False)


@pytest.mark.parametrize(
    ("move", "came"),
    [("commanded:deny", "denied"), ("verified:recovered", "recovered"), ("commanded:escalate", "overtaken")],
)
def test_without_an_approval_what_came_first_is_told(move: str, came: str) -> None:
    one = held(asked(WISH).do(move))
    assert (one.came, one.after_s, one.helped) == (came, 1.0, None)


def test_a_proved_change_that_waits_for_a_persons_merge_is_held_back_too() -> None:
    log = LogBuilder()
    log.change = True
    log.do("detected", "diagnosed", "ruled:allow", "began", "proposed", "proved:person")
    one = held(log)
    assert (one.verb, one.came) != ("restart", "approved")
    log.do("merged", "deployed:running", "verified:healthy")
    assert (held(log).came, held(log).helped) == ("approved", True)


def test_each_firing_counts_for_itself_and_what_is_older_does_not() -> None:
    first = asked(WISH)
    assert held_back((first.incident,), START + timedelta(days=1)) == ()
    second = LogBuilder(number=8, start=START + timedelta(hours=1)).do("detected", "diagnosed", "ruled:allow")
    assert len(held_back((first.incident, second.incident), LONG_AGO)) == 1
