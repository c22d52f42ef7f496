"""The parts of a sandbox by themselves: what refuses to run, what is left after a crash, what a report may say."""

from __future__ import annotations

import gc
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.sandbox import cgroup, seccomp, stage
from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.adapters.sandbox.docker import LABEL, DockerSandbox
from shared.adapters.sandbox.follow import READY, Heard, follow, judge
from shared.adapters.sandbox.none import NoSandbox
from shared.adapters.sandbox.scratch import PREFIX, Scratch
from shared.ports import Job, Limits, Permanent, Transient
from tests.adapters.sandbox_world import ROOT, processes
from tests.engine.hosts import EngineProcess
from tests.waiting import wait_for


def job(tree: Path, *argv: str) -> Job:
    return Job(tree, argv or ("true",), limits=Limits(wall_s=20))


# Where there is no sandbox


def test_without_a_sandbox_nothing_is_run(tmp_path: Path) -> None:
    none = NoSandbox("bwrap is missing")
    assert none.strength.word == "none"
    with pytest.raises(Permanent, match="bwrap is missing"):
        none.run(job(tmp_path, "touch", str(tmp_path / "ran")))
    assert list(tmp_path.iterdir()) == []


def test_the_keeper_starts_nothing_where_it_is_not_isolated(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "stage").mkdir()
    stage.stage(job(tmp_path / "tree", "touch", str(tmp_path / "ran")), tmp_path / "stage", {})
    argv = [sys.executable, "-I", "-S", "-B", str(tmp_path / "stage" / "keeper.py")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    refused = json.loads(done.stderr)["refused"]
    for fault in ("no process namespace", "has a network", "may gain privileges", "can be written to"):
        assert fault in refused
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # docker.transport.unixconn, when refused
def test_the_embedded_engine_whose_containers_are_no_such_thing_is_no_sandbox(tmp_path: Path) -> None:
    process = EngineProcess()
    try:
        (tmp_path / "tree").mkdir()
        sandbox = DockerSandbox(f"unix://{process.socket}", "patient:1", tmp_path / "scratch")
        with pytest.raises((Permanent, Transient)):
            sandbox.run(job(tmp_path / "tree", "touch", str(tmp_path / "ran")))
        sandbox.close()
        assert not (tmp_path / "ran").exists()
    finally:
        process.close()
        gc.collect()


def test_a_missing_bwrap_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "tree").mkdir()
    with pytest.raises(Permanent, match="install bubblewrap"):
        Bubblewrap(tmp_path / "scratch").run(job(tmp_path / "tree"))


def test_where_namespaces_are_forbidden_bubblewrap_says_that_it_cannot(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom mission_control.fleet.sandbox import choose\n"
        "from mission_control.settings import read_settings\n"
        "chosen = choose(read_settings(state_dir=Path(sys.argv[1])))\nprint(chosen.sandbox.strength.word, chosen.why)\n"
    )
    forbid = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    argv = ["unshare", "--user", "--map-root-user", "sh", "-euc", forbid, "sh", sys.executable, "-P", "-c", script]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*argv, str(tmp_path)], capture_output=True, text=True, check=False, timeout=50, env=environment, cwd=tmp_path
    )
    assert done.stdout.startswith("none bubblewrap does not work: the sandbox cannot be made: bwrap:"), done


@pytest.mark.parametrize("option", [("--unshare-net",), ("--unshare-pid", "--as-pid-1"), ("--remount-ro",)])
def test_a_bubblewrap_without_one_of_its_walls_is_refused_by_the_keeper(
    tmp_path: Path, option: tuple[str, ...]
) -> None:
    class Broken(Bubblewrap):
        def _options(self, *given: Any) -> list[str]:
            options = super()._options(*given)
            for name in option:
                while name in options:
                    at = options.index(name)
                    del options[at : at + (2 if name == "--remount-ro" else 1)]
            return options

    (tmp_path / "tree").mkdir()
    whole, broken = Bubblewrap(tmp_path / "scratch"), Broken(tmp_path / "scratch")
    assert whole.run(job(tmp_path / "tree")).exit_code == 0
    with pytest.raises(Permanent, match=r"cannot be made: (it has|/ can be)"):
        broken.run(job(tmp_path / "tree"))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers in this test are those of x86_64")
def test_system_calls_that_a_job_has_no_use_for_are_refused(tmp_path: Path) -> None:
    script = (
        "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "for number in (101, 165, 248, 250, 272, 298, 304, 308, 321, 323, 425, 428, 442, 0x40000000 + 39):\n"
        "    assert libc.syscall(number, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == errno.EPERM, number\n"
        "assert libc.syscall(39) == __import__('os').getpid()\n"
        "import fcntl, termios\n"
        "told = {termios.TIOCSTI: errno.EPERM, 0x541C: errno.EPERM, termios.TIOCGPGRP: errno.ENOTTY}\n"
        "for request, wanted in told.items():\n"
        "    try: fcntl.ioctl(0, request, b'x' * 8)\n"
        "    except OSError as error: assert error.errno == wanted, request\n"
        "    else: raise AssertionError(request)\n"
    )
    (tmp_path / "tree").mkdir()
    outcome = Bubblewrap(tmp_path / "scratch").run(job(tmp_path / "tree", "python3", "-c", script))
    assert (outcome.exit_code, outcome.output) == (0, "")


def test_a_machine_whose_numbers_are_not_known_has_no_filter() -> None:
    assert seccomp.program("riscv64") is None
    for machine in ("x86_64", "aarch64"):
        assert len(seccomp.program(machine) or b"") % 8 == 0


# What is left after a crash


def test_a_killed_caller_takes_its_job_with_it_and_the_next_one_removes_what_is_left(tmp_path: Path) -> None:
    marker = f"marker-of-{tmp_path.name}"
    (tmp_path / "tree").mkdir()
    script = (
        "import sys\nfrom pathlib import Path\nfrom shared.adapters.sandbox.bubblewrap import Bubblewrap\n"
        "from shared.ports import Job\nhere = Path(sys.argv[1])\n"
        "argv = ('python3', '-c', 'import time; time.sleep(60)', 'in-' + sys.argv[2])\n"
        "Bubblewrap(here / 'scratch').run(Job(here / 'tree', argv))\n"
    )
    argv = [sys.executable, "-P", "-c", script, str(tmp_path), marker]
    caller = subprocess.Popen(argv, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, cwd=ROOT)
    try:
        wait_for(lambda: processes(f"in-{marker}"), 40, "the job runs")
    finally:
        caller.kill()
        caller.wait()
    wait_for(lambda: not processes(f"in-{marker}"), what="the job is gone")
    (left,) = (tmp_path / "scratch").glob(PREFIX + "*")
    sandbox = Bubblewrap(tmp_path / "scratch")
    groups = sandbox._groups
    assert list((tmp_path / "scratch").glob(PREFIX + "*")) == []
    assert isinstance(groups, str) or not any(folder.exists() for folder in groups.named(left.name).folders)


def test_a_sweep_leaves_the_folders_of_the_living(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "base")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / f"{PREFIX}dead" / "stage").mkdir(parents=True)
    with scratch.folder() as folder:
        assert Scratch(tmp_path / "base").sweep() == (f"{PREFIX}dead",)
        assert folder.is_dir()
    assert [path.name for path in (tmp_path / "base").iterdir()] == ["lock"]


@pytest.fixture
def engine() -> tuple[str, str]:
    address, image = os.environ.get("SRE_TEST_DOCKER_HOST", ""), os.environ.get("SRE_TEST_IMAGE", "")
    if not (address and image):
        pytest.skip("no real dockerd: SRE_TEST_DOCKER_HOST and SRE_TEST_IMAGE (an image with python3) are not set")
    return address, image


def test_what_dead_callers_left_on_a_dockerd_is_swept_and_nothing_else(engine: tuple[str, str], tmp_path: Path) -> None:
    import docker

    address, image = engine
    client = docker.APIClient(base_url=address, version="auto")
    made = [client.create_container(image, ["true"], labels={LABEL: when})["Id"] for when in ("1", "99999999999")]
    volume = client.create_volume(labels={LABEL: "1"})["Name"]
    try:
        sandbox = DockerSandbox(address, image, tmp_path)
        assert sandbox.sweep() == 2
        sandbox.close()
        there = {row["Id"] for row in client.containers(all=True)}
        assert [identity in there for identity in made] == [False, True]
        assert volume not in {row["Name"] for row in client.volumes()["Volumes"] or ()}
    finally:
        client.remove_container(made[1])
        client.close()


# What a report may say


def heard(last: bytes, cut: None = None) -> Heard:
    return Heard(b"out", READY + last, cut, 1.0)


def test_a_report_is_believed_only_in_its_form_and_below_the_tree() -> None:
    changed = {"ok": "eA==", "gone": None, "../x": "eA==", "/etc/x": "eA==", "a//b": "eA==", ".": "eA==", "bad": "?"}
    told = {"exit_code": 0, "signal": None, "changed": changed, "left_out": ["link"]}
    outcome = judge(heard(json.dumps(told).encode()), False, "namespaces")
    assert (outcome.ended, outcome.exit_code) == ("exited", 0)
    assert outcome.changed == {"ok": b"x", "gone": None}
    assert set(outcome.left_out) == {"link", "../x", "/etc/x", "a//b", ".", "bad"}
    for other in (
        b"",
        b"{}",
        b"[]",
        json.dumps(told | {"exit_code": None}).encode(),
        json.dumps(told | {"signal": 9}).encode(),
        json.dumps(told | {"more": 1}).encode(),
        json.dumps(told | {"exit_code": True}).encode(),
        json.dumps(told).encode() * 2,
    ):
        lost = judge(heard(other), False, "namespaces")
        assert (lost.ended, lost.exit_code, lost.changed) == ("lost", None, {})


def test_memory_that_ran_out_is_said_whatever_the_exit_code() -> None:
    told = json.dumps({"exit_code": 0, "signal": None, "changed": {"x": "eA=="}, "left_out": []}).encode()
    outcome = judge(heard(told), True, "namespaces+cgroup")
    assert (outcome.ended, outcome.exit_code, outcome.changed) == ("memory", None, {})


def test_a_sandbox_that_never_came_to_be_is_no_outcome() -> None:
    with pytest.raises(Permanent, match="no permissions"):
        judge(Heard(b"", b"bwrap: no permissions", None, 1.0), False, "namespaces")
    with pytest.raises(Permanent, match="it runs as root"):
        judge(Heard(b"", b'{"refused": "it runs as root"}\n', None, 1.0), False, "namespaces")
    with pytest.raises(Transient):
        judge(Heard(b"", b"", "setup", 60.0), False, "namespaces")


def test_a_stream_that_never_pauses_is_left_at_the_wall_limit() -> None:
    first = iter([(2, READY)])
    listened = follow(lambda _: next(first, (1, b"x")), Limits(wall_s=0.05, output_bytes=10**9))  # type: ignore[arg-type,return-value]
    assert listened.cut == "timeout"


# Control groups, version 2. (No kernel here: a folder with the files of one. Version 1 is in the contract tests.)


def test_a_group_of_version_2_is_made_where_both_controllers_are_given_to_children(tmp_path: Path) -> None:
    slice_ = tmp_path / "fs" / "user.slice" / "app.slice"
    (slice_ / "sre.scope").mkdir(parents=True)
    for folder, controllers in (
        (slice_, "cpu memory pids"),
        (slice_.parent, "memory pids"),
        (slice_ / "sre.scope", ""),
    ):
        (folder / "cgroup.subtree_control").write_text(controllers + "\n")
        (folder / "cgroup.procs").touch()
    found = cgroup._version_2(
        f"30 23 0:26 / {tmp_path}/fs rw - cgroup2 cgroup2 rw\n", "0::/user.slice/app.slice/sre.scope\n"
    )
    assert found == cgroup.Groups(2, (slice_,))


def test_a_kernel_that_does_not_keep_a_limit_gives_no_group(tmp_path: Path) -> None:
    groups = cgroup.Groups(2, (tmp_path,))
    (tmp_path / "job").mkdir()
    with pytest.raises(FileExistsError):
        groups.make("job", replace(Limits(), memory_mb=1))


def test_a_kill_for_memory_is_read_from_either_version(tmp_path: Path) -> None:
    for name in ("memory.events", "memory.oom_control"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("oom 1\noom_kill 0\n")
        assert not cgroup.Group((folder,)).out_of_memory()
        (folder / name).write_text("oom 1\noom_kill 2\noom_group_kill 0\n")
        assert cgroup.Group((folder,)).out_of_memory()
    shutil.rmtree(tmp_path / "memory.events")
