"""What the fleet relies on in a docker host. The embedded engine and a real dockerd pass the same tests."""

from __future__ import annotations

import json
import struct
import threading
import time
from datetime import datetime
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.engine.hosts import LABEL, WAITING, Host, actions, stats_of
from tests.waiting import wait_for

MIB = 1024 * 1024
SECOND = 1_000_000_000
NEVER = "0001-01-01T00:00:00Z"
LEAK = "kept = []\nimport time\nwhile True:\n    kept.append(b'x' * 4_000_000)\n    time.sleep(0.01)\n"
STUBBORN = "import signal,time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"


def status_of(engine: Host, method: str, path: str) -> int:
    """The bare HTTP status of a call, which the SDK hides for 304."""
    url = f"{engine.client.api.base_url}{path}"
    return int(engine.client.api.request(method, url).status_code)


def reloaded(container: Container) -> Container:
    """The container as it is now."""
    container.reload()
    return container


def test_it_answers_with_and_without_a_version_in_the_path(engine: Host) -> None:
    assert engine.client.ping()
    assert status_of(engine, "GET", "/_ping") == 200
    assert status_of(engine, "GET", "/v1.41/_ping") == 200
    assert status_of(engine, "GET", "/v1.41/containers/json") == 200
    assert status_of(engine, "HEAD", "/_ping") == 200
    assert engine.client.version()["ApiVersion"] >= "1.41"
    assert engine.client.info()["OSType"] == "linux"


def test_a_created_container_does_not_run_until_it_is_started(engine: Host) -> None:
    container = engine.create()
    assert container.status == "created"
    assert len(container.id or "") == 64
    assert container.attrs["State"]["StartedAt"] == NEVER
    container.start()
    container.reload()
    assert container.status == "running"
    assert container.attrs["State"]["Pid"] > 0
    assert container.attrs["State"]["StartedAt"] > container.attrs["Created"]


def test_inspect_gives_back_what_was_asked_for(engine: Host) -> None:
    container = engine.create(
        environment={"COLOUR": "blue"},
        mem_limit=64 * MIB,
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 3},
        healthcheck={"test": ["CMD", "true"], "interval": SECOND, "timeout": SECOND, "retries": 2},
    )
    attrs = container.attrs
    assert attrs["Name"] == f"/{engine.mark}-one"
    assert attrs["Config"]["Image"] == engine.image
    assert attrs["Config"]["Labels"][LABEL] == engine.mark
    assert "COLOUR=blue" in attrs["Config"]["Env"]
    assert attrs["Config"]["WorkingDir"] == "/tmp"
    assert attrs["Config"]["Healthcheck"]["Retries"] == 2
    assert attrs["HostConfig"]["Memory"] == 64 * MIB
    assert attrs["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert attrs["Image"].startswith("sha256:")
    assert container.image is not None
    assert container.image.id == attrs["Image"]


def test_the_environment_and_the_working_directory_reach_the_process(engine: Host) -> None:
    container = engine.run("import os; print(os.environ['COLOUR'], os.getcwd())", environment={"COLOUR": "blue"})
    assert container.wait()["StatusCode"] == 0
    assert container.logs() == b"blue /tmp\n"


def test_an_unknown_container_and_image_are_404(engine: Host) -> None:
    with pytest.raises(docker.errors.NotFound, match="No such container: nobody"):
        engine.client.containers.get("nobody")
    with pytest.raises(docker.errors.ImageNotFound):
        engine.client.images.get("no-such-image-here")


def test_a_taken_name_is_a_409_conflict(engine: Host) -> None:
    first = engine.create()
    with pytest.raises(docker.errors.APIError, match="is already in use by container") as refused:
        engine.create()
    assert refused.value.status_code == 409
    assert str(first.id) in str(refused.value.explanation)


def test_a_container_is_found_by_name_by_id_and_by_the_start_of_its_id(engine: Host) -> None:
    container = engine.create()
    for reference in (str(container.name), str(container.id), str(container.id)[:12]):
        assert engine.client.containers.get(reference).id == container.id


def test_starting_twice_and_stopping_twice_are_304(engine: Host) -> None:
    container = engine.run()
    assert status_of(engine, "POST", f"/containers/{container.id}/start") == 304
    assert status_of(engine, "POST", f"/containers/{container.id}/stop?t=2") == 204
    assert status_of(engine, "POST", f"/containers/{container.id}/stop?t=2") == 304
    assert status_of(engine, "POST", f"/containers/{container.id}/kill") == 409


def test_a_missing_command_is_refused_with_400_and_said_in_the_state(engine: Host) -> None:
    container = engine.create(command=["/no/such/program"])
    with pytest.raises(docker.errors.APIError, match=r"[Nn]o such file") as refused:
        container.start()
    assert refused.value.status_code in (400, 404)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 127
    assert not container.attrs["State"]["Running"]
    assert container.attrs["State"]["Error"]


def test_a_container_above_its_memory_limit_is_killed_and_says_so(engine: Host) -> None:
    with engine.events() as events:
        container = engine.run(LEAK, mem_limit=64 * MIB, memswap_limit=64 * MIB)
        wait_for(lambda: "die" in actions(events), what="it died")
    assert container.wait()["StatusCode"] == 137
    wait_for(lambda: reloaded(container).attrs["State"]["OOMKilled"] is True, what="it is known why")
    assert container.attrs["State"]["ExitCode"] == 137
    assert container.status == "exited"
    assert actions(events)[-2:] == ["oom", "die"]


def test_a_die_event_carries_the_exit_code_name_image_and_labels(engine: Host) -> None:
    with engine.events() as events:
        container = engine.run("import sys; sys.exit(3)")
        wait_for(lambda: "die" in actions(events), what="it died")
    died = events[-1]
    assert died["Type"] == "container"
    assert died["status"] == died["Action"] == "die"
    assert died["id"] == died["Actor"]["ID"] == container.id
    assert died["from"] == engine.image
    assert died["scope"] == "local"
    assert died["timeNano"] // SECOND == died["time"]
    attributes = died["Actor"]["Attributes"]
    wanted = {"exitCode": "3", "name": container.name, "image": engine.image, LABEL: engine.mark, "tier": "patient"}
    assert wanted.items() <= attributes.items()
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 3
    assert container.attrs["State"]["OOMKilled"] is False
    finished = datetime.fromisoformat(container.attrs["State"]["FinishedAt"][:19] + "+00:00").timestamp()
    assert abs(finished - died["time"]) <= 2, "dockerd may note a start after the end of what ended at once"


def test_oom_killed_stays_true_after_the_next_start(engine: Host) -> None:
    code = (
        "import os,time\nfirst = not os.path.exists(FLAG)\nopen(FLAG, 'w').close()\nkept = []\n"
        "while first:\n    kept.append(b'x' * 4_000_000)\ntime.sleep(600)\n"
    ).replace("FLAG", repr(f"/tmp/oom-{engine.mark}"))
    try:
        container = engine.run(code, mem_limit=64 * MIB, memswap_limit=64 * MIB)
        assert container.wait()["StatusCode"] == 137
        wait_for(lambda: reloaded(container).attrs["State"]["OOMKilled"], what="it is known why")
        container.start()
        container.reload()
        assert container.status == "running"
        assert container.attrs["State"]["OOMKilled"] is True
    finally:
        Path(f"/tmp/oom-{engine.mark}").unlink(missing_ok=True)


def test_a_restart_says_kill_die_stop_start_restart_and_moves_started_at(engine: Host) -> None:
    container = engine.run()
    container.reload()
    before = container.attrs
    with engine.events() as events:
        container.restart(timeout=5)
        wait_for(lambda: "restart" in actions(events), what="restart was said")
    container.reload()
    after = container.attrs
    assert actions(events) == ["kill", "die", "stop", "start", "restart"]
    assert events[0]["Actor"]["Attributes"]["signal"] == "15"
    assert events[1]["Actor"]["Attributes"]["exitCode"] == "0"
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] > after["State"]["FinishedAt"] > before["State"]["StartedAt"]
    assert after["State"]["Pid"] != before["State"]["Pid"]
    assert after["RestartCount"] == 0


def test_a_stopped_container_can_be_restarted(engine: Host) -> None:
    container = engine.run("print('over')")
    container.wait()
    with engine.events() as events:
        container.restart()
        wait_for(lambda: "restart" in actions(events), what="restart was said")
    assert actions(events)[:1] == ["start"]


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(engine: Host) -> None:
    container = engine.run(STUBBORN)
    wait_for(lambda: b"up" in container.logs(), what="the program is up")
    begun = time.monotonic()
    with engine.events() as events:
        container.stop(timeout=1)
        wait_for(lambda: "stop" in actions(events), what="stop was said")
    assert 1 <= time.monotonic() - begun < 5
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 137
    assert container.attrs["State"]["OOMKilled"] is False
    assert [e["Actor"]["Attributes"]["signal"] for e in events if e["Action"] == "kill"] == ["15", "9"]


def test_on_failure_restarts_a_crash_so_many_times_and_no_more(engine: Host) -> None:
    with engine.events() as events:
        container = engine.run("import sys; sys.exit(1)", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})
        wait_for(lambda: actions(events).count("die") == 3, what="three deaths")

    def given_up() -> bool:
        container.reload()
        return container.status == "exited"

    wait_for(given_up, what="it is given up")
    assert container.attrs["RestartCount"] == 2
    assert actions(events) == ["create", "start", "die", "start", "die", "start", "die"]


def test_always_comes_back_from_a_crash_but_not_from_a_stop(engine: Host) -> None:
    flag = f"/tmp/crashed-{engine.mark}"
    code = (
        f"import os,sys\nif not os.path.exists({flag!r}):\n    open({flag!r}, 'w').close()\n    sys.exit(1)\n{WAITING}"
    )
    try:
        container = engine.run(code, restart_policy={"Name": "always"})
        wait_for(lambda: b"up" in container.logs(), what="it runs again")
        container.reload()
        assert container.status == "running"
        assert container.attrs["RestartCount"] == 1
        container.stop(timeout=2)
        container.reload()
        assert container.status == "exited"
        assert container.attrs["RestartCount"] == 1
    finally:
        Path(flag).unlink(missing_ok=True)


def test_a_start_by_hand_begins_the_restart_count_anew(engine: Host) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 1}
    container = engine.run("import sys; sys.exit(1)", restart_policy=policy)

    def given_up() -> bool:
        container.reload()
        return container.status == "exited" and bool(container.attrs["RestartCount"] == 1)

    wait_for(given_up, what="given up after one restart")
    with engine.events() as events:
        container.start()
        wait_for(lambda: actions(events).count("die") == 2, what="one more restart")
    wait_for(given_up, what="given up again")


def test_a_container_killed_by_hand_is_not_started_by_its_policy(engine: Host) -> None:
    container = engine.run(restart_policy={"Name": "always"})
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.reload()
    assert container.status == "exited"
    assert container.attrs["RestartCount"] == 0


def test_health_goes_from_starting_to_healthy_to_unhealthy_and_each_change_is_an_event(engine: Host) -> None:
    flag = f"/tmp/health-{engine.mark}"
    code = (
        "import os,signal,time\n"
        f"signal.signal(signal.SIGUSR1, lambda *_: os.unlink({flag!r}))\n"
        f"open({flag!r}, 'w').close()\n"
        "while True: time.sleep(1)\n"
    )
    check = {"test": ["CMD-SHELL", f"echo looked; test -e {flag}"], "interval": SECOND // 4, "retries": 2}
    try:
        with engine.events() as events:
            container = engine.run(code, healthcheck=check | {"timeout": 5 * SECOND})
            container.reload()
            assert container.attrs["State"]["Health"]["Status"] == "starting"
            wait_for(lambda: "health_status: healthy" in actions(events), what="healthy")
            container.kill("SIGUSR1")
            wait_for(lambda: "health_status: unhealthy" in actions(events), what="unhealthy")
        container.reload()
        health = container.attrs["State"]["Health"]
        assert health["Status"] == "unhealthy"
        assert health["FailingStreak"] >= 2
        assert 1 <= len(health["Log"]) <= 5
        assert health["Log"][-1]["ExitCode"] == 1
        assert health["Log"][-1]["Output"] == "looked\n"
        assert container.status == "running"
    finally:
        Path(flag).unlink(missing_ok=True)


def test_a_probe_that_hangs_fails_at_its_timeout(engine: Host) -> None:
    check = {"test": ["CMD", "sleep", "60"], "interval": SECOND // 5, "timeout": SECOND // 5, "retries": 1}
    container = engine.run(healthcheck=check)

    def unhealthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "unhealthy")

    wait_for(unhealthy, 20, "unhealthy")
    log = container.attrs["State"]["Health"]["Log"]
    assert log[0]["ExitCode"] == -1
    assert "exceeded timeout" in log[0]["Output"]


def test_logs_are_framed_by_stream(engine: Host) -> None:
    container = engine.run("import sys; print('out', flush=True); print('err', file=sys.stderr)")
    container.wait()
    assert container.logs(stdout=True, stderr=False) == b"out\n"
    assert container.logs(stdout=False, stderr=True) == b"err\n"
    path = f"/containers/{container.id}/logs?stdout=1&stderr=1"
    raw = engine.client.api.get(f"{engine.client.api.base_url}{path}").content
    frames = {}
    while raw:
        stream, length = struct.unpack(">BxxxL", raw[:8])
        frames[stream], raw = raw[8 : 8 + length], raw[8 + length :]
    assert frames == {1: b"out\n", 2: b"err\n"}
    assert status_of(engine, "GET", f"/containers/{container.id}/logs") == 400


def test_logs_can_be_cut_by_tail_and_time_and_stamped(engine: Host) -> None:
    container = engine.run("print('one\\ntwo\\nthree')")
    container.wait()
    assert container.logs(tail=2) == b"two\nthree\n"
    assert container.logs(since=int(time.time()) + 60) == b""
    stamp, _, text = container.logs(tail=1, timestamps=True).partition(b" ")
    assert text == b"three\n"
    assert stamp.startswith(b"20")
    assert stamp.endswith(b"Z")
    assert len(stamp) == len("2025-01-31T12:00:00.123456789Z")


def test_followed_logs_arrive_as_they_are_written_and_end_with_the_container(engine: Host) -> None:
    container = engine.run(
        "import signal,sys,time\nsignal.signal(15, lambda *_: (print('bye'), sys.exit(0)))\n"
        "print('hello', flush=True)\ntime.sleep(600)\n"
    )
    stream = container.logs(stream=True, follow=True)
    assert next(stream) == b"hello\n"
    threading.Thread(target=container.stop, kwargs={"timeout": 5}).start()
    assert list(stream) == [b"bye\n"]


def test_the_list_can_be_filtered_by_label_name_and_status(engine: Host) -> None:
    running = engine.run(name="running", labels={"colour": "blue"})
    ended = engine.run("pass", name="ended", labels={"colour": "red"})
    ended.wait()

    def names(*labels: str, everything: bool = False, **filters: str) -> list[str]:
        wanted: dict[str, str | list[str] | bool] = {"label": [f"{LABEL}={engine.mark}", *labels], **filters}
        found = engine.client.containers.list(all=everything, filters=wanted)
        return sorted(str(c.name).partition("-")[2] for c in found)

    assert names() == ["running"]
    assert names(everything=True) == ["ended", "running"]
    assert names("colour=red", everything=True) == ["ended"]
    assert names("colour", everything=True) == ["ended", "running"]
    assert names(status="exited") == ["ended"]
    assert names(name=f"{engine.mark}-run", everything=True) == ["running"]
    assert names(name=f"^/{engine.mark}-ended$", everything=True) == ["ended"]
    rows = engine.client.api.containers(filters={"id": running.id})
    assert rows[0]["State"] == "running"
    assert rows[0]["Status"].startswith("Up ")
    with pytest.raises(docker.errors.APIError) as refused:
        engine.client.containers.list(filters={"nonsense": "x"})
    assert refused.value.status_code == 400


def test_concurrent_restarts_each_happen_and_never_overlap(engine: Host) -> None:
    container = engine.run()
    with engine.events() as events:
        threads = [threading.Thread(target=container.restart, kwargs={"timeout": 3}) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: actions(events).count("restart") == 4, what="four restarts")
    lives = [action for action in actions(events) if action in ("die", "start")]
    assert lives == ["die", "start"] * (len(lives) // 2)
    if engine.embedded:  # dockerd merges some of them
        assert len(lives) == 8
    container.reload()
    assert container.status == "running"


def test_a_running_container_is_removed_only_by_force(engine: Host) -> None:
    container = engine.run()
    with pytest.raises(docker.errors.APIError, match="cannot remove a running container") as refused:
        container.remove()
    assert refused.value.status_code == 409
    with engine.events() as events:
        container.remove(force=True)
        wait_for(lambda: "destroy" in actions(events), what="destroyed")
    assert actions(events) == ["kill", "die", "destroy"]
    with pytest.raises(docker.errors.NotFound):
        container.reload()


def test_past_events_are_replayed_between_since_and_until(engine: Host) -> None:
    begun = time.time()
    container = engine.run("pass")
    container.wait()
    filters = {"container": container.name, "event": ["start", "die"]}

    def passed() -> list[str]:
        found = engine.client.events(since=int(begun) - 1, until=int(time.time()), decode=True, filters=filters)
        return [event["Action"] for event in found]

    wait_for(lambda: len(passed()) >= 2, what="the events have passed")
    assert passed() == ["start", "die"]


def test_events_can_be_filtered_by_type_and_event(engine: Host) -> None:
    filters = {"type": "container", "event": "die", "label": f"{LABEL}={engine.mark}"}
    stream = engine.client.events(decode=True, filters=filters)
    engine.run("pass")
    assert next(stream)["Action"] == "die"
    stream.close()


def test_stats_tell_memory_and_limit(engine: Host) -> None:
    container = engine.run(
        "kept = b'x' * 40_000_000; print('up', flush=True)\nimport time; time.sleep(600)\n", mem_limit=128 * MIB
    )
    wait_for(lambda: b"up" in container.logs(), what="the program is up")
    stats = stats_of(container)
    assert 40_000_000 < stats["memory_stats"]["usage"] < 128 * MIB
    assert stats["memory_stats"]["limit"] == 128 * MIB
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0


def test_wait_until_the_next_exit(engine: Host) -> None:
    container = engine.run()
    threading.Timer(0.2, container.kill).start()
    assert container.wait(condition="next-exit", timeout=10)["StatusCode"] == 137


def test_errors_are_json_with_a_message(engine: Host) -> None:
    for method, path, status in (("GET", "/nonsense", 404), ("POST", "/containers/nobody/start", 404)):
        answer = engine.client.api.request(method, f"{engine.client.api.base_url}{path}")
        assert answer.status_code == status
        assert json.loads(answer.content)["message"]
