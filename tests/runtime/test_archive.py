"""What the archive keeps, it keeps no longer than it is true."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from shared.incident.labels import FORGET
from shared.runtime.archive import Archive
from shared.testing.samples import FLEET
from tests.runtime.fleet import FleetInMemory
from tests.runtime.test_golden_incident import detected

DAY = timedelta(days=1)


def test_a_label_is_seen_though_it_moves_no_time_of_change(tmp_path: Path) -> None:
    fleet = FleetInMemory(tmp_path)
    number = fleet.open(detected(fleet))
    fleet.clock.advance(60)
    account = fleet.repository.account(FLEET)
    archive = Archive(account, fleet.keyring)
    (before,) = archive.recent(DAY)
    account.add_label(number, FORGET)
    (after,) = archive.recent(DAY)
    assert FORGET in after.labels - before.labels
    assert after.entries == before.entries
