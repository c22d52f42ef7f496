"""The ledger on disk: durable, whole or refused, and short-lived."""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import timedelta
from pathlib import Path

import pytest

from shared.incident.facts import Applied
from shared.ports import Permanent, Transient
from tests.fixer.world import TARGET, SimulatedCrash, World, crash_at


def only_file(world: World) -> Path:
    (path,) = (world.folder / "entries" / TARGET).iterdir()
    return path


@pytest.mark.parametrize("point", ["intent-written", "outcome-written"])
def test_a_file_cut_anywhere_stops_the_hand_and_names_the_path(world: World, point: str) -> None:
    directive = world.directive()
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at(point)).carry_out(directive)
    path, count = only_file(world), len(world.engine.restarts)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Permanent, match=str(path)):
            world.hand().carry_out(directive)
    assert len(world.engine.restarts) == count


def test_a_flipped_bit_anywhere_stops_the_hand(world: World) -> None:
    directive = world.directive()
    world.hand().carry_out(directive)
    path = only_file(world)
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(Permanent):
            world.ledger().recent(TARGET, timedelta(hours=1))


def test_damage_in_another_directives_entry_stops_the_target_but_no_other(world: World) -> None:
    world.hand().carry_out(world.directive())
    only_file(world).write_bytes(b"")
    with pytest.raises(Permanent):
        world.hand().carry_out(world.directive(attempt=2))
    assert isinstance(world.hand().carry_out(world.directive("quote-service", attempt=3)), Applied)


def test_a_draft_left_by_the_dead_is_swept_away(world: World) -> None:
    world.hand().carry_out(world.directive())
    draft = only_file(world).with_suffix(".draft")
    draft.write_bytes(b'{"direc')
    world.hand().carry_out(world.directive(attempt=2))
    assert not draft.exists()


def test_recent_counts_restarts_and_nothing_else(world: World) -> None:
    first_at = world.clock.now()
    world.hand().carry_out(world.directive())
    world.clock.advance(60)
    world.hand().carry_out(world.directive())  # refused: the id has acted
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at("intent-written")).carry_out(world.directive(attempt=2))
    assert world.ledger().recent(TARGET, timedelta(hours=1)) == (first_at,)
    assert world.ledger().recent(TARGET, timedelta(seconds=30)) == ()
    assert world.ledger().recent("quote-service", timedelta(hours=1)) == ()


def test_entries_are_forgotten_after_thirty_days_and_the_old_directive_stays_refused(world: World) -> None:
    old = world.directive()
    world.hand().carry_out(old)
    world.clock.advance(31 * 86_400)
    world.hand().carry_out(world.directive(attempt=2))
    assert len(world.ledger().entries(TARGET)) == 1
    assert not isinstance(world.hand().carry_out(old), Applied)
    assert len(world.engine.restarts) == 2


def test_an_open_intent_is_never_forgotten(world: World) -> None:
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at("intent-written")).carry_out(world.directive())
    world.clock.advance(31 * 86_400)
    with world.ledger().lock(TARGET):
        world.ledger().prune(TARGET)
    assert len(world.ledger().entries(TARGET)) == 1


def test_a_lock_held_by_another_is_waited_for_and_then_given_up(world: World) -> None:
    world.hand().carry_out(world.directive())
    handle = os.open(world.folder / "locks" / f"{TARGET}.lock", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(Transient, match="another Fixer"):
            world.hand().carry_out(world.directive(attempt=2))
        assert isinstance(world.hand().carry_out(world.directive("quote-service", attempt=3)), Applied)
    finally:
        os.close(handle)
    assert len([name for name, _ in world.engine.restarts if name == TARGET]) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, Transient), (errno.EDQUOT, Transient), (errno.EROFS, Permanent)]
)
def test_without_a_written_intent_nothing_is_touched(
    world: World, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    def broken(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(kind):
        world.hand().carry_out(world.directive())
    assert world.engine.restarts == []
