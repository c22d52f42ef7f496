"""A tick is a person's word only where GitHub says whose, and only beside what the fleet had shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.incident.ticks import box, ticked, ticks
from shared.ports import BodyEdit
from shared.testing.samples import FLEET, START

DIGEST, OTHER = "ab" * 32, "cd" * 32
LINE, ELSE = box(7, "restart policy-service", DIGEST), box(8, "restart frontend", OTHER)
DRAWN = f"<!-- mark -->\n{LINE}\n{ELSE}\nthe rest\n"
ACCOUNTS = frozenset({FLEET})


def tick(body: str, line: str = LINE, mark: str = "x") -> str:
    return body.replace(line, line.replace("[ ]", f"[{mark}]"))


def history(*bodies: tuple[str | None, str | None]) -> tuple[BodyEdit, ...]:
    return tuple(BodyEdit(f"e{n}", who, START + timedelta(seconds=n), body) for n, (who, body) in enumerate(bodies))


def said(*bodies: tuple[str | None, str | None]) -> list[tuple[str, str, int]]:
    return [(t.edit, t.login, t.number) for t in ticks(history(*bodies), ACCOUNTS)]


def test_a_tick_is_of_whoever_made_the_edit_that_first_had_it() -> None:
    assert said((FLEET, DRAWN), ("olivia", tick(DRAWN)), ("oscar", tick(DRAWN) + "more")) == [("e1", "olivia", 7)]
    (told,) = ticks(history((FLEET, DRAWN), ("olivia", tick(DRAWN))), ACCOUNTS)
    assert DIGEST.startswith(told.about)
    assert len(told.about) == 32


def test_two_people_tick_two_boxes_before_any_is_drawn_again() -> None:
    first = tick(DRAWN)
    both = tick(first, ELSE, "X")
    assert said((FLEET, DRAWN), ("olivia", first), ("oscar", both)) == [("e1", "olivia", 7), ("e2", "oscar", 8)]


def test_drawn_again_and_ticked_again_is_another_word() -> None:
    assert [t[0] for t in said((FLEET, DRAWN), ("olivia", tick(DRAWN)), (FLEET, DRAWN), ("olivia", tick(DRAWN)))] == [
        "e1",
        "e3",
    ]


@pytest.mark.parametrize(
    "bodies",
    [
        ((FLEET, DRAWN), (None, tick(DRAWN))),
        ((FLEET, DRAWN), (FLEET.upper(), tick(DRAWN))),
        ((FLEET, DRAWN), (None, tick(DRAWN)), ("olivia", tick(DRAWN) + "x")),
        (("olivia", tick(DRAWN)),),
        ((FLEET, "nothing"), ("olivia", tick(DRAWN))),
        ((FLEET, DRAWN), ("mallory", DRAWN.replace("ab", "cd")), ("olivia", tick(DRAWN).replace("ab", "cd"))),
        ((FLEET, DRAWN), ("mallory", None), ("olivia", tick(DRAWN))),
        ((FLEET, DRAWN), ("olivia", tick(DRAWN).replace("- [x]", "> - [x]"))),
        ((FLEET, DRAWN), ("olivia", DRAWN.replace("[ ] approve #7", "[x]  approve #7"))),
    ],
    ids=[
        "nobody knows who", "the fleet itself", "nobody, then an edit of another", "nothing before it", "not offered",
        "another directive put in by somebody", "a deleted edit between", "a line of another shape", "spaces",
    ],
)  # fmt: skip
def test_what_is_nobodys_or_was_not_offered_is_no_word(bodies: tuple[tuple[str | None, str | None], ...]) -> None:
    assert said(*bodies) == []


def test_windows_line_ends_are_read_as_lines() -> None:
    assert said((FLEET, DRAWN), ("olivia", tick(DRAWN).replace("\n", "\r\n"))) == [("e1", "olivia", 7)]


def test_an_unticked_body_has_no_ticks() -> None:
    assert ticked(DRAWN) == frozenset()
