"""How the fleet has fared: from accounts alone, and nothing where nothing was measured."""

from __future__ import annotations

from datetime import timedelta

from shared.incident.facts import Learned
from shared.incident.replay import Incident
from shared.recall.report import fared
from shared.testing.log import LogBuilder
from shared.testing.samples import SERVICE, START

HELPED = ("diagnosed", "ruled:allow", "began", "applied", "verified:healthy")


def closed(number: int, recover_s: float | None, *moves: str) -> Incident:
    log = LogBuilder(number=number).do("detected", *moves)
    account = log.next("learned")
    assert isinstance(account, Learned)
    return log.say(account.model_copy(update={"time_to_recover_s": recover_s, "time_to_detect_s": 2.0})).incident


def test_means_are_over_what_was_measured_and_counts_over_all() -> None:
    logs = (closed(1, 4.0, *HELPED), closed(2, 6.0, *HELPED), closed(3, None, "verified:recovered"))
    everything, service = fared(logs, START - timedelta(days=1))
    assert (everything.firings, everything.worked, everything.recovered) == (3, 2, 1)
    assert (everything.mttd_s, everything.mttr_s, everything.mtta_s) == (2.0, 5.0, None)
    assert everything.actions == 3
    assert service.service == SERVICE


def test_what_is_open_or_older_is_not_counted() -> None:
    (everything,) = fared((LogBuilder().do("detected", *HELPED).incident,), START)
    assert (everything.firings, everything.mttr_s) == (0, None)
    (none,) = fared((closed(1, 4.0, *HELPED),), START + timedelta(days=1))
    assert none.firings == 0
