"""The ring: events in order, caught up with by id, and nobody's slowness held for them."""

from __future__ import annotations

import asyncio
import threading

from dashboard.ring import BATCH, Ring


def wires(ring: Ring, seq: int) -> list[int]:
    return [slot.seq for slot in ring.after(seq)[0]]


def test_an_event_goes_over_the_wire_with_its_id_type_and_one_line_of_data() -> None:
    ring = Ring(boot="b")
    ring.publish("thought", {"text": "a\nb\r\n</script>\u2028"})
    (slot,) = ring.after(0)[0]
    assert slot.wire == 'id: b-1\nevent: thought\ndata: {"text":"a\\nb\\r\\n</script>\u2028"}\n\n'.encode()


def test_a_reader_gets_what_came_after_its_place_in_order_and_in_bounded_batches() -> None:
    ring = Ring()
    for n in range(3 * BATCH):
        ring.publish("beat", {"n": n})
    assert wires(ring, 0) == list(range(1, BATCH + 1))
    assert wires(ring, 3 * BATCH - 2) == [3 * BATCH - 1, 3 * BATCH]
    assert ring.after(3 * BATCH) == ((), True)


def test_who_fell_behind_the_ring_is_told_so() -> None:
    ring = Ring(most=10)
    for n in range(25):
        ring.publish("beat", {"n": n})
    assert ring.after(14) == ((), False)
    assert ring.after(15)[1]
    assert len(ring) == 10


def test_a_place_is_found_by_id_and_an_unknown_or_too_old_one_is_none() -> None:
    ring = Ring(most=10, boot="boot")
    for n in range(25):
        ring.publish("beat", {"n": n})
    assert ring.place("boot-20") == 20
    assert ring.place("boot-25") == 25
    for unknown in ("boot-14", "boot-26", "other-20", "boot-", "20", "", "boot--1", "boot-٢", "boot-" + "9" * 40):
        assert ring.place(unknown) is None, unknown


def test_readers_are_woken_by_what_another_thread_publishes_also_when_something_came_before_anybody_listened() -> None:
    ring = Ring()
    ring.publish("beat", {"n": 0})  # before there is a loop

    async def follow() -> list[bool]:
        ring.attach(asyncio.get_running_loop())
        woken = []
        for n in range(3):
            seq = ring.seq
            waiting = [asyncio.create_task(ring.wait(seq, 10)) for _ in range(5)]
            await asyncio.sleep(0)
            thread = threading.Thread(target=ring.publish, args=("beat", {"n": n}))
            thread.start()
            woken += await asyncio.gather(*waiting)
            await asyncio.to_thread(thread.join)
        ring.detach()
        return woken

    assert asyncio.run(follow()) == [True] * 15


def test_a_wait_ends_by_itself() -> None:
    ring = Ring()

    async def follow() -> bool:
        ring.attach(asyncio.get_running_loop())
        return await ring.wait(0, 0.01)

    assert asyncio.run(follow()) is False
