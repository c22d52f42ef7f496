"""backoff(): as GitHub asks, whatever the headers say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.github.backoff import AT_LEAST, AT_MOST, NEVER_LONGER, backoff, is_limit, retry_after
from shared.adapters.github.gate import Gate
from shared.adapters.github.server_clock import ServerClock
from shared.ports import Transient
from shared.testing.clock import VirtualClock

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECONDARY = '{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
PRIMARY = '{"message":"API rate limit exceeded for user ID 1."}'

headers = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.one_of(
            st.integers(-10, 10**6).map(str), st.just(""), st.text(max_size=8), st.just("Thu, 01 Jan 2026 12:01:00 GMT")
        ),
        "x-ratelimit-remaining": st.one_of(st.just("0"), st.integers(0, 5000).map(str), st.text(max_size=4)),
        "x-ratelimit-reset": st.one_of(
            st.integers(-(10**5), 10**5).map(lambda s: str(int(NOW.timestamp()) + s)), st.text(max_size=12)
        ),
    },
)
texts = st.sampled_from([SECONDARY, PRIMARY, "", "{}", '{"message":"Must have admin rights to Repository."}'])


@given(st.sampled_from([403, 429, 422, 200, 404, 500]), headers, texts, st.integers(0, 50))
def test_the_pause_is_bounded_and_obeys_retry_after_then_reset_then_a_minute(
    status: int, headers: dict[str, str], body: str, attempt: int
) -> None:
    pause = backoff(status, headers, body, attempt, NOW)
    if not is_limit(status, headers, body):
        assert pause is None
        return
    assert pause is not None
    assert 1.0 <= pause <= NEVER_LONGER
    after = headers.get("retry-after", "").strip()
    if after.isascii() and after.isdigit():
        assert pause == min(max(float(after), 1.0), NEVER_LONGER)
        return
    if retry_after(headers, NOW) is not None:
        return
    reset, nothing_left = headers.get("x-ratelimit-reset", ""), headers.get("x-ratelimit-remaining", "0").strip() == "0"
    ahead = int(reset) - NOW.timestamp() if reset.strip().isascii() and reset.strip().isdigit() else 0
    if nothing_left and ahead > 0:
        assert ahead <= pause <= max(ahead + 1.0, 1.0) or pause == NEVER_LONGER
    else:
        assert pause == min(AT_LEAST * 2.0 ** min(attempt, 10), AT_MOST)


@given(headers, texts, st.integers(0, 20))
def test_without_a_named_time_the_pause_never_shrinks_from_one_limit_to_the_next(
    headers: dict[str, str], body: str, attempt: int
) -> None:
    first, second = backoff(429, headers, body, attempt, NOW), backoff(429, headers, body, attempt + 1, NOW)
    assert first is not None
    assert second is not None
    assert second >= first


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (403, {"retry-after": "30"}, SECONDARY, 30),
        (429, {"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, "", 90),
        (429, {"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, "", 60),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 120)}, PRIMARY, 121),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) - 120)}, PRIMARY, 60),
        (403, {"x-ratelimit-remaining": "4000", "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, SECONDARY, 60),
        (429, {}, "", 60),
        (422, {}, '{"message":"was submitted too quickly"}', 60),
        (403, {"x-ratelimit-remaining": "4000"}, '{"message":"Resource not accessible by integration"}', None),
        (401, {"retry-after": "5"}, "", None),
        (500, {"retry-after": "5"}, "", None),
    ],
)
def test_the_cases_github_documents(status: int, headers: dict[str, str], body: str, expected: float | None) -> None:
    assert backoff(status, headers, body, 0, NOW) == expected


def test_answers_already_under_way_when_the_limit_came_count_as_one() -> None:
    clock = VirtualClock()
    gate = Gate(clock)
    pauses = [gate.judge(429, {}, "", clock.now()) for _ in range(4)]
    assert pauses[0] == 60
    clock.advance(pauses[0])
    with pytest.raises(Transient):
        gate.check()
    clock.advance(60)
    gate.check()
    assert gate.judge(429, {}, "", clock.now()) == 120


def test_the_gate_opens_when_the_time_has_passed_and_forgets_after_a_good_answer() -> None:
    clock = VirtualClock()
    gate = Gate(clock)
    gate.judge(429, {"retry-after": "10"}, "", clock.now())
    with pytest.raises(Transient) as refused:
        gate.check()
    assert refused.value.retry_after == 10
    clock.advance(10)
    gate.check()
    gate.judge(200, {}, "", clock.now())
    assert gate.judge(429, {}, "", clock.now()) == 60


@given(
    st.floats(-86400, 86400),
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 10), st.floats(0, 5)), min_size=1, max_size=20),
)
def test_githubs_clock_is_known_to_within_the_second_it_tells_and_the_way_to_it(
    skew: float, exchanges: list[tuple[float, float, float]]
) -> None:
    clock = VirtualClock()
    server = ServerClock(clock)
    slowest = 0.0
    for out, back, idle in exchanges:
        clock.advance(idle)
        sent = clock.monotonic()
        clock.advance(out)
        told = (clock.now() + timedelta(seconds=skew)).replace(microsecond=0)
        clock.advance(back)
        server.saw(format_datetime(told, usegmt=True), sent, clock.monotonic())
        slowest = max(slowest, out + back)
    error = (server.now() - (clock.now() + timedelta(seconds=skew))).total_seconds()
    assert -(1.0 + slowest) - 0.01 <= error <= 1.0 + slowest + 0.01
