"""How the dashboard follows GitHub: woken or not, it reads what changed and no more, and says so when it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from dashboard.reader import Reader
from dashboard.shapes import Switch
from shared.incident.labels import FREEZE, INCIDENT
from shared.incident.status import Status
from shared.incident.thread import Thread
from shared.ports import Transient
from shared.runtime.clock import SystemClock
from shared.stream import Event
from shared.testing.clock import VirtualClock
from shared.testing.github import MemoryGitHub, MemoryRepository
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET, REPO, START
from tests.dashboard.world import World
from tests.waiting import wait_for


class Counting(MemoryGitHub):
    """An account that counts the issues it read."""

    def __init__(self, repository: MemoryRepository) -> None:
        super().__init__(repository, FLEET)
        self.read: list[int] = []

    def thread(self, number: int) -> Thread:
        self.read.append(number)
        return super().thread(number)


class Breakable:
    """A freeze switch that can be frozen, and broken."""

    frozen = broken = False

    def now(self) -> Switch:
        if self.broken:
            raise Transient("GitHub does not answer")
        return Switch(frozen=self.frozen, why="", url=None, readable=True)

    def at(self, moment: datetime) -> Switch:
        return self.now()


class Followed:
    """A repository, a dashboard and the reader between them; `log` is issue 1, written by the fleet."""

    def __init__(self) -> None:
        self.repository = MemoryRepository(VirtualClock(START), REPO, roles={FLEET: "write"})
        self.github, self.switch = Counting(self.repository), Breakable()
        self.log = LogBuilder(number=1).to(Status.DETECTED)
        self.github.open_issue("it", self.log.body, (INCIDENT,))
        self.world = World()
        self.reader = Reader(
            self.world.hub, self.github, self.switch, self.log.keyring, SystemClock().monotonic, lambda: None
        )

    def say(self, *moves: str) -> None:
        for move in moves:
            known = len(self.log.comments)
            self.log.do(move)
            for comment in self.log.comments[known:]:
                self.repository.clock.advance(1)
                self.github.comment(1, comment.body)

    @property
    def status(self) -> str | None:
        cards = self.world.hub.logs.cards(START)
        return cards[0]["status"] if cards else None

    def source(self) -> tuple[bool, str]:
        github = self.world.hub.sources()[0]
        return github["ok"], github["detail"]


@pytest.fixture
def followed() -> Iterator[Followed]:
    one = Followed()
    yield one
    one.reader.stop()
    assert one.reader.failure is None


def wakeup(issue: object, why: str = "diagnosed") -> Event:
    return Event("1", "/s", "io.sre-space.wakeup", "", START, {"issue": issue, "why": why})


def test_what_is_there_at_the_start_is_read(followed: Followed) -> None:
    followed.say("diagnosed")
    followed.reader.start()
    wait_for(lambda: followed.status == "Diagnosed")
    assert followed.source() == (True, "1 incident in 30 days, 1 to be read")


def test_a_wakeup_makes_it_read_that_issue_and_no_other(followed: Followed) -> None:
    followed.reader.start()
    wait_for(lambda: followed.status == "Detected")
    before = list(followed.github.read)
    followed.say("diagnosed")
    followed.reader.on_wakeup(wakeup(1))
    wait_for(lambda: followed.status == "Diagnosed")
    assert followed.github.read == [*before, 1]


def test_what_has_not_changed_is_not_read_again(followed: Followed) -> None:
    followed.reader.start()
    wait_for(lambda: followed.status == "Detected")
    before = list(followed.github.read)
    followed.reader.resync_soon()
    wait_for(lambda: followed.source() == (True, "1 incident in 30 days"))
    assert followed.github.read == before


def test_without_any_wakeup_the_list_tells_what_changed(followed: Followed) -> None:
    followed.reader.start()
    wait_for(lambda: followed.status == "Detected")
    followed.say("diagnosed")
    followed.reader.resync_soon()
    wait_for(lambda: followed.status == "Diagnosed")


@pytest.mark.parametrize("issue", [0, -1, True, "1", None, 1 << 40])
def test_a_wakeup_without_a_number_is_nothing(followed: Followed, issue: object) -> None:
    followed.reader.on_wakeup(wakeup(issue))
    followed.reader.start()
    wait_for(lambda: followed.status == "Detected")
    assert set(followed.github.read) == {1}


def test_a_switch_that_cannot_be_read_is_shown_as_frozen_and_unreadable(followed: Followed) -> None:
    followed.reader.start()
    wait_for(lambda: followed.world.hub.switch["readable"])
    assert not followed.world.hub.switch["frozen"]
    followed.switch.broken = True
    followed.reader.on_wakeup(wakeup(1, FREEZE))
    followed.reader.look_at_switch()
    wait_for(lambda: not followed.world.hub.switch["readable"])
    assert followed.world.hub.switch["frozen"]


def test_github_away_is_said_and_so_is_its_return(followed: Followed) -> None:
    followed.repository.down()
    followed.reader.start()
    wait_for(lambda: followed.source() == (False, "cannot reach GitHub"))
    followed.repository.down(None)
    followed.reader.resync_soon()
    wait_for(lambda: followed.status == "Detected")
    assert followed.source()[0]


def test_of_very_many_incidents_the_open_and_newest_are_read_and_the_rest_is_said(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.reader.MOST_READ", 2)
    for _ in range(3):
        followed.repository.clock.advance(60)
        followed.github.close(followed.github.open_issue("old", "text", (INCIDENT,)).number)
    followed.reader.start()
    wait_for(lambda: "only the newest 2 are read" in followed.source()[1])
    wait_for(lambda: followed.status == "Detected")
    wait_for(lambda: sorted(followed.github.read) == [1, 4])
    first = followed.world.hub.logs.log_from
    assert first is not None
    assert first > START
