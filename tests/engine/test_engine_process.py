"""What the embedded engine promises as a process: nothing left behind or forgotten, and a socket that only looks."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import docker
import pytest

from tests.engine.hosts import ROOT, WAITING, EngineProcess, Host, actions, alive, has_said_up, stats_of
from tests.waiting import wait_for

DAEMONISES = (
    "import os,time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        open(FILE, 'w').write(str(os.getpid()))\n"
    "        time.sleep(600)\n"
    "    os._exit(0)\n"
    "os.wait()\n"
    "print('up', flush=True)\n"
    "END\n"
)
"""A program that leaves a daemon in a session of its own and writes the daemon's pid to FILE."""


@pytest.fixture
def host(own_engine: EngineProcess) -> Iterator[Host]:
    with own_engine.client() as client:
        yield Host(client, "patient:1", sys.executable, embedded=True)


def daemon_of(host: Host, own_engine: EngineProcess, end: str = "time.sleep(600)") -> tuple[int, int]:
    """Run DAEMONISES; the pids of its main process and its daemon."""
    file = own_engine.folder / "daemon-pid"
    file.unlink(missing_ok=True)
    container = host.run(DAEMONISES.replace("FILE", repr(str(file))).replace("END", end), name="daemoniser")
    wait_for(lambda: b"up" in container.logs(), what="the daemon is made")
    wait_for(lambda: file.exists() and file.read_text(), what="the daemon has said its pid")
    container.reload()
    return int(container.attrs["State"]["Pid"]), int(file.read_text())


def warden_of(engine: EngineProcess) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == engine.process.pid and b"embedded.engine.warden" in command:
                return int(entry.name)
    raise AssertionError("no warden")


def test_the_read_only_socket_looks_but_never_touches(own_engine: EngineProcess, host: Host) -> None:
    container = host.run()
    with own_engine.client(readonly=True) as reader:
        assert reader.ping()
        assert reader.version()["ApiVersion"] == "1.41"
        assert reader.info()["ContainersRunning"] == 1
        seen = reader.containers.list()[0]
        assert seen.id == container.id
        assert seen.logs() == b"up\n"
        assert stats_of(seen)["id"] == container.id
        assert list(reader.events(since=0, until=1)) == []
        base = f"{reader.api.base_url}/containers"
        for method, path in (
            ("POST", f"/{container.id}/restart"),
            ("POST", f"/{container.id}/stop"),
            ("POST", f"/{container.id}/kill"),
            ("POST", f"/{container.id}/start"),
            ("POST", f"/{container.id}/wait"),
            ("POST", "/create?name=intruder"),
            ("POST", f"/{container.id}/exec"),
            ("PUT", f"/{container.id}/archive"),
            ("DELETE", f"/{container.id}?force=1"),
            ("GET", f"/{container.id}/export"),
            ("POST", f"/{container.id}/json"),
        ):
            answer = reader.api.request(method, base + path)
            assert (answer.status_code, answer.json()) == (403, {"message": "read-only socket"}), path
    container.reload()
    assert container.status == "running"


def test_both_sockets_are_for_the_owner_alone(own_engine: EngineProcess) -> None:
    for path in (own_engine.socket, own_engine.readonly_socket):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_engine.ready == {
        "ready": True,
        "socket": str(own_engine.socket),
        "readonly_socket": str(own_engine.readonly_socket),
        "pid": own_engine.process.pid,
    }


def test_kill_9_of_the_engine_leaves_no_process_and_its_containers_run_again_after_a_start(
    own_engine: EngineProcess, host: Host
) -> None:
    main, daemon = daemon_of(host, own_engine)
    ended = host.run("import sys; sys.exit(4)", name="ended")
    ended.wait()
    before = host.client.containers.get(f"{host.mark}-daemoniser").attrs
    own_engine.kill()
    wait_for(lambda: not alive(main) and not alive(daemon), 3, "both have ended")
    own_engine.start()
    with own_engine.client() as client:
        again = client.containers.get(f"{host.mark}-daemoniser")
        assert again.status == "running"
        assert again.id == before["Id"]
        assert again.attrs["State"]["StartedAt"] > before["State"]["StartedAt"]
        wait_for(lambda: again.logs().count(b"up\n") == 2, what="the log of before is kept")
        still = client.containers.get(f"{host.mark}-ended")
        assert still.status == "exited"
        assert still.attrs["State"]["ExitCode"] == 4


def test_killing_engine_and_warden_together_leaves_nothing_that_the_next_start_does_not_end(
    own_engine: EngineProcess, host: Host
) -> None:
    main, daemon = daemon_of(host, own_engine)
    warden = warden_of(own_engine)
    os.kill(own_engine.process.pid, 19)  # SIGSTOP: it cannot react to the warden's end
    os.kill(warden, 9)
    own_engine.kill()
    wait_for(lambda: not alive(main), 3, "the main process dies with its parent")
    (own_engine.folder / "daemon-pid").unlink()
    own_engine.start()
    assert not alive(daemon)


def test_when_the_warden_dies_its_containers_are_reported_dead_and_policies_apply(
    own_engine: EngineProcess, host: Host
) -> None:
    plain = host.run(name="plain")
    kept = host.run(name="kept", restart_policy={"Name": "always"})
    with host.events() as events:
        os.kill(warden_of(own_engine), 9)
        wait_for(lambda: actions(events).count("die") == 2 and "start" in actions(events), what="two deaths, one start")
    plain.reload()
    kept.reload()
    assert (plain.status, plain.attrs["State"]["ExitCode"]) == ("exited", 137)
    assert (kept.status, kept.attrs["RestartCount"]) == ("running", 1)
    plain.start()
    plain.reload()
    assert plain.status == "running"


def test_what_a_main_process_leaves_behind_ends_with_it(own_engine: EngineProcess, host: Host) -> None:
    _, daemon = daemon_of(host, own_engine, end="raise SystemExit(0)")
    host.client.containers.get(f"{host.mark}-daemoniser").wait()
    wait_for(lambda: not alive(daemon), 1, "the daemon is gone")


def test_the_memory_of_children_counts(host: Host) -> None:
    child = "x = [b'x' * 4_000_000 for _ in range(30)]; import time; time.sleep(600)"
    code = f"import subprocess,sys\nsubprocess.run([sys.executable, '-S', '-c', {child!r}])\n"
    container = host.run(code, mem_limit="64m")
    assert container.wait(timeout=10)["StatusCode"] == 137
    container.reload()
    assert container.attrs["State"]["OOMKilled"] is True


def test_forked_workers_that_share_their_memory_are_not_counted_twice(host: Host) -> None:
    code = (
        "import os,time\nkept = b'x' * 40_000_000\nfor _ in range(3):\n"
        "    if os.fork() == 0: time.sleep(600)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    container = host.run(code, mem_limit="96m")
    wait_for(lambda: b"up" in container.logs(), what="the workers are made")
    with host.events() as events, pytest.raises(AssertionError):
        wait_for(lambda: "oom" in actions(events), 0.6, "an oom, which must not come")


def test_sigterm_stops_even_the_stubborn_within_three_seconds_and_policies_decide_what_returns(
    own_engine: EngineProcess, host: Host
) -> None:
    stubborn = "import signal,time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"
    for name, policy in (
        ("no", "no"),
        ("always", "always"),
        ("unless", "unless-stopped"),
        ("halted", "unless-stopped"),
    ):
        container = host.run(stubborn, name=name, restart_policy={"Name": policy})
        wait_for(partial(has_said_up, container), what="it is up")
    host.client.containers.get(f"{host.mark}-halted").stop(timeout=0)
    pids = [c.attrs["State"]["Pid"] for c in host.client.containers.list()]
    assert len(pids) == 3
    assert own_engine.terminate() < 3
    assert own_engine.process.returncode == 0
    assert not any(alive(pid) for pid in pids)
    assert not own_engine.socket.exists()
    own_engine.start()
    with own_engine.client() as client:
        states = {str(c.name).partition("-")[2]: c.status for c in client.containers.list(all=True)}
    assert states == {"no": "exited", "always": "running", "unless": "running", "halted": "exited"}


def test_a_socket_path_that_is_too_long_is_said_plainly() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / ("x" * 120)
        command = [sys.executable, "-m", "embedded.engine", "--socket", str(path), "--data", str(folder / "data")]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20, check=False)
        assert result.returncode == 1
        assert "Unix sockets allow 107: choose a shorter folder" in result.stderr
        assert result.stdout == ""
    finally:
        shutil.rmtree(folder)


def test_a_second_engine_on_the_same_folder_is_refused(own_engine: EngineProcess) -> None:
    result = subprocess.run(own_engine.command(), capture_output=True, text=True, cwd=ROOT, timeout=20, check=False)
    assert result.returncode == 1
    assert "another engine is running on" in result.stderr
    with own_engine.client() as client:
        assert client.ping()


def test_a_second_engine_on_the_same_socket_is_refused(own_engine: EngineProcess) -> None:
    command = [*own_engine.command()[:-1], str(own_engine.folder / "other")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20, check=False)
    assert result.returncode == 1
    assert f"another process serves {own_engine.socket}" in result.stderr
    with own_engine.client() as client:
        assert client.ping()


def test_clients_that_leave_a_stream_leave_no_thread_behind(own_engine: EngineProcess, host: Host) -> None:
    def threads() -> int:
        lines = Path(f"/proc/{own_engine.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Threads:"))

    container = host.run()
    before = threads()
    with contextlib.ExitStack() as streams:
        for _ in range(5):
            streams.enter_context(contextlib.closing(host.client.events(decode=True)))
            streams.enter_context(contextlib.closing(container.logs(stream=True, follow=True)))
        assert threads() >= before + 10
    wait_for(lambda: threads() <= before, 5, "their threads have ended")


def test_a_container_that_removes_itself_is_gone_after_its_exit(host: Host) -> None:
    container = host.run("pass", auto_remove=True)
    wait_for(lambda: not host.client.api.containers(all=True), 3, "it is gone")
    with pytest.raises(docker.errors.NotFound):
        container.reload()


def test_much_output_is_kept_in_order_and_does_not_block_the_process(host: Host) -> None:
    container = host.run("for i in range(20_000): print(i)")
    assert container.wait(timeout=20)["StatusCode"] == 0
    lines = container.logs().split()
    assert lines == [str(i).encode() for i in range(20_000)]


def test_a_name_is_free_again_after_removal(host: Host) -> None:
    first = host.create(WAITING)
    first.remove()
    assert host.create(WAITING).id != first.id
