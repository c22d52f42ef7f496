"""The engine's arithmetic: back-off, health, times, filters, and logs that stay within their bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded.engine.errors import ApiError
from embedded.engine.filters import EVENT_KEYS, event_matches, parse_filters
from embedded.engine.logbook import MAX_FILE, LogBook
from embedded.engine.restart_policy import next_delay, should_restart, starts_with_the_engine
from embedded.engine.spec import RestartPolicy, parse_signal, parse_spec
from embedded.engine.state import ContainerState, Health, Probe
from embedded.engine.times import parse_when, rfc3339

FAILED = Probe(1, 2, 1, "no")
PASSED = Probe(1, 2, 0, "")


def test_the_back_off_doubles_from_100_ms_to_a_minute_and_begins_anew_after_ten_good_seconds() -> None:
    delays = []
    delay = 0.0
    for _ in range(12):
        delay = next_delay(delay, ran_for=1)
        delays.append(round(delay, 1))
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert next_delay(60, ran_for=10) == 0.1


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts", "stopped", "again"),
    [
        (RestartPolicy("no"), 1, 0, False, False),
        (RestartPolicy("always"), 0, 99, False, True),
        (RestartPolicy("always"), 1, 0, True, False),
        (RestartPolicy("unless-stopped"), 0, 0, False, True),
        (RestartPolicy("on-failure"), 0, 0, False, False),
        (RestartPolicy("on-failure"), 1, 99, False, True),
        (RestartPolicy("on-failure", 2), 1, 1, False, True),
        (RestartPolicy("on-failure", 2), 1, 2, False, False),
    ],
)
def test_a_restart_policy_decides(
    policy: RestartPolicy, exit_code: int, restarts: int, stopped: bool, again: bool
) -> None:
    assert should_restart(policy, exit_code=exit_code, restarts=restarts, manually_stopped=stopped) is again


def test_what_ran_when_the_engine_died_starts_with_it_whatever_its_policy() -> None:
    assert starts_with_the_engine(RestartPolicy("no"), was_running=True, manually_stopped=False)
    assert not starts_with_the_engine(RestartPolicy("no"), was_running=False, manually_stopped=False)
    assert not starts_with_the_engine(RestartPolicy("unless-stopped"), was_running=False, manually_stopped=True)


def test_health_changes_after_as_many_failures_as_retries_and_at_the_first_success() -> None:
    health = Health()
    said = [health.record(FAILED, retries=3, in_start_period=False) for _ in range(3)]
    assert said == [False, False, True]
    assert health.status == "unhealthy"
    assert health.record(PASSED, retries=3, in_start_period=False)
    assert (health.status, health.failing_streak) == ("healthy", 0)


def test_failures_in_the_start_period_do_not_count_until_the_first_success() -> None:
    health = Health()
    health.record(FAILED, retries=1, in_start_period=True)
    assert (health.status, health.failing_streak) == ("starting", 0)
    health.record(PASSED, retries=1, in_start_period=True)
    health.record(FAILED, retries=1, in_start_period=True)
    assert health.status == "unhealthy"


def test_the_last_five_probes_are_kept() -> None:
    health = Health()
    for i in range(9):
        health.record(Probe(i, i, 0, ""), retries=1, in_start_period=False)
    assert [probe.start for probe in health.log] == [4, 5, 6, 7, 8]


def test_state_survives_the_disk() -> None:
    state = ContainerState(running=True, pid=7, started_at=5, health=Health("healthy", 0, [PASSED]))
    assert ContainerState.load(state.dump()) == state


def test_times_are_read_in_every_form_clients_send() -> None:
    now = 1_700_000_000_000_000_000
    assert parse_when("1700000000", now) == now
    assert parse_when("1700000000.000000005", now) == now + 5
    assert parse_when("10s", now) == now - 10_000_000_000
    assert parse_when("2023-11-14T22:13:20Z", now) == now
    assert rfc3339(now + 5) == "2023-11-14T22:13:20.000000005Z"
    assert rfc3339(0) == "0001-01-01T00:00:00Z"
    with pytest.raises(ApiError):
        parse_when("yesterday", now)


def test_filters_are_read_in_both_forms_and_unknown_ones_refused() -> None:
    assert parse_filters('{"event": ["die"]}', EVENT_KEYS) == {"event": ["die"]}
    assert parse_filters('{"event": {"die": true}}', EVENT_KEYS) == {"event": ["die"]}
    for bad in ('{"colour": ["red"]}', "[1]", "{", '{"event": 1}'):
        with pytest.raises(ApiError) as refused:
            parse_filters(bad, EVENT_KEYS)
        assert refused.value.status == 400


def test_the_event_filter_health_status_matches_its_outcomes() -> None:
    actor = {"ID": "abc", "Attributes": {"name": "n", "image": "i", "k": "v"}}
    event = {"Action": "health_status: healthy", "Type": "container", "scope": "local", "Actor": actor}
    assert event_matches(event, {"event": ["health_status"], "label": ["k=v"]})
    assert event_matches(event, {"event": ["health_status: healthy", "die"]})
    assert not event_matches(event, {"event": ["health_status: unhealthy"]})
    assert not event_matches(event, {"label": ["k=v", "other"]})


def test_a_log_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    book = LogBook(tmp_path)
    line = b"x" * 1000 + b"\n"
    for i in range(6000):
        book.append("stdout", [b"%d " % i + line])
    book.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * MAX_FILE
    reopened = LogBook(tmp_path)
    kept = [int(entry.text.split()[0]) for entry in reopened.read()]
    reopened.close()
    assert kept == list(range(kept[0], 6000))
    assert len(kept) > 1500


def test_a_line_cut_short_by_a_crash_is_passed_over_and_bytes_survive(tmp_path: Path) -> None:
    book = LogBook(tmp_path)
    book.append("stderr", [b"\xff\x00 bytes\n"])
    book.close()
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(b'{"log": "cut sho')
    reopened = LogBook(tmp_path)
    reopened.append("stdout", [b"next\n"])
    assert [entry.text for entry in reopened.read()] == [b"\xff\x00 bytes\n", b"next\n"]
    reopened.close()


@pytest.mark.parametrize(
    "body",
    [
        {"Image": "i"},
        {"Cmd": ["x"]},
        {"Image": "i", "Cmd": ["x"], "HostConfig": {"Memory": 1024}},
        {"Image": "i", "Cmd": ["x"], "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}},
        {"Image": "i", "Cmd": ["x"], "HostConfig": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 1}}},
        {"Image": "i", "Cmd": ["x"], "Healthcheck": {"Test": ["HTTP", "/"]}},
        {"Image": "i", "Cmd": ["x"], "Healthcheck": {"Test": ["CMD", "x"], "Interval": 10}},
    ],
)
def test_a_create_body_dockerd_would_refuse_is_400(body: dict[str, object]) -> None:
    with pytest.raises(ApiError) as refused:
        parse_spec("0" * 64, "name", 1, body)
    assert refused.value.status == 400


def test_signals_are_read_by_name_and_number() -> None:
    assert [parse_signal(text) for text in ("SIGKILL", "kill", "9", "usr1")] == [9, 9, 9, 10]
    with pytest.raises(ApiError):
        parse_signal("SIGNAL")
