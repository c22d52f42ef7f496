"""The card is replaced in place; what people and facts wrote around it stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.incident.card import BEGIN, END, with_card, without_card
from shared.incident.codec import decode
from shared.incident.status import Status
from shared.testing.log import LogBuilder

BODY = LogBuilder().to(Status.DETECTED).body
CARDS = st.text(max_size=60) | st.lists(
    st.sampled_from([BEGIN, END, "<!--", "-->", "<!-- /sre-", "space:card -->", "\n", "x", "\\1", "\\g<0>"])
).map("".join)


@given(card=CARDS, again=CARDS)
def test_there_is_one_card_and_the_fact_stands(card: str, again: str) -> None:
    body = with_card(with_card(BODY, card), again)
    assert body.count(BEGIN) == body.count(END) == 1
    assert with_card(BODY, again) == body, "the first card has left nothing behind"
    assert decode(body).text_intact
    assert decode(body).fact == decode(BODY).fact
    assert without_card(body).strip() == BODY.strip()


@pytest.mark.parametrize("body", ["", "no newline", "two\nlines", "\n\n", f"{BEGIN}\nopen for ever"])
def test_a_card_stands_on_its_own_lines_in_any_body(body: str) -> None:
    carded = with_card(body, "card")
    assert f"\n{BEGIN}\ncard\n{END}\n" in f"\n{carded}"
    assert with_card(carded, "card") == carded


def test_a_second_card_that_somebody_pasted_is_taken_out() -> None:
    twice = with_card(BODY, "one") + f"\n{BEGIN}\npasted\n{END}\nand more"
    body = with_card(twice, "new")
    assert body.count(BEGIN) == 1
    assert "pasted" not in body
    assert "and more" in body
