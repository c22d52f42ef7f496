"""What the fleet relies on from a sandbox, against hostile programs: bubblewrap, as root and not, and a dockerd."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.ports import SANDBOX_TREE, Job, Outcome, Permanent
from tests.adapters.sandbox_world import QUICK, Ordinary, SandboxWorld, processes, world

MARKER = f"marker-{uuid.uuid4().hex}"
"""In the arguments of jobs that must not outlive their sandbox."""
KINDS = ("bubblewrap", "ordinary", "dockerd") if os.geteuid() == 0 else ("bubblewrap", "dockerd")


@pytest.fixture(scope="module")
def user() -> Iterator[Ordinary]:
    """Somebody who is not root."""
    made = Ordinary()
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest) -> Iterator[SandboxWorld]:
    address, image = os.environ.get("SRE_TEST_DOCKER_HOST", ""), os.environ.get("SRE_TEST_IMAGE", "")
    if request.param == "dockerd" and not (address and image):
        pytest.skip("no real dockerd: SRE_TEST_DOCKER_HOST and SRE_TEST_IMAGE (an image with python3) are not set")
    if request.param != "dockerd" and shutil.which("bwrap") is None:
        pytest.fail("bwrap is not on PATH: apt-get install bubblewrap")
    user = request.getfixturevalue("user") if request.param == "ordinary" else None
    with world(request.param, address, image, user) as made:
        yield made


def fine(outcome: Outcome) -> str:
    """The output of a job that did what it was meant to."""
    assert (outcome.ended, outcome.exit_code) == ("exited", 0), outcome
    return outcome.output.strip()


# What a job has


def test_a_job_sees_its_tree_its_files_and_its_variables(there: SandboxWorld) -> None:
    script = """
        import os, sys
        sys.path.insert(0, ".")
        import app
        print(app.ANSWER, os.getcwd(), open(os.path.dirname(__file__) + "/deep/data").read(), os.environ["LC_X"])
        sys.stdout.flush()
        os.write(2, b"to stderr")
        """
    outcome = there.python(script, files={"deep/data": b"given"}, env={"LC_X": "set"})
    assert fine(outcome) == f"42 {SANDBOX_TREE} given set\nto stderr"
    assert outcome.strength == there.sandbox.strength.word != "none"
    assert 0 < outcome.took_s < 10
    assert (outcome.changed, outcome.left_out) == ({}, ())


def test_the_exit_code_is_the_programs_own(there: SandboxWorld) -> None:
    assert there.python("raise SystemExit(7)").exit_code == 7
    assert there.python("import os; os.kill(os.getpid(), 11)").exit_code == 128 + 11
    assert there.sandbox.run(Job(there.tree(), ("no-such-program",), limits=QUICK)).exit_code == 127
    failed = there.python("assert False")
    assert (failed.ended, failed.exit_code) == ("exited", 1)
    assert "AssertionError" in failed.output


def test_bytes_that_are_no_text_are_replaced(there: SandboxWorld) -> None:
    assert fine(there.python("import os; os.write(1, bytes([97, 255, 254, 98]))")) == "a\ufffd\ufffdb"


def test_the_tree_is_copied_without_its_git_folder_and_without_what_is_no_file(there: SandboxWorld) -> None:
    tree = there.tree({"a": b"1", ".git/config": b"token", "sub/.git": b"kept", "run.sh": b"#!/bin/sh\necho ran"})
    (tree / "run.sh").chmod(0o700)
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "socket"))
        there.give(tree)
        script = """
            import os
            print(sorted(os.listdir(".")), os.listdir("sub"), flush=True)
            os.execv("./run.sh", ["./run.sh"])
            """
        assert fine(there.python(script, tree)).split("\n") == ["['a', 'run.sh', 'sub'] ['.git']", "ran"]


def test_jobs_at_the_same_time_know_nothing_of_each_other(there: SandboxWorld) -> None:
    script = """
        import os, time
        open("/tmp/x", "x")
        time.sleep(0.5)
        files = sorted(name for name in os.listdir("/tmp") if os.path.isfile(f"/tmp/{name}"))  # the rest is mounted
        print(files, len([name for name in os.listdir("/proc") if name.isdigit()]))
        """
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(fine(there.python(script)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["['x'] 2"] * 3


def test_a_malformed_job_is_refused(there: SandboxWorld) -> None:
    tree = there.tree()
    for job in (
        Job(tree, (), limits=QUICK),
        Job(tree, ("true\0",), limits=QUICK),
        Job(tree, ("true",), env={"A=B": "1"}, limits=QUICK),
        Job(tree, ("true",), files={"../x": b""}, limits=QUICK),
        Job(tree, ("true",), files={"/x": b""}, limits=QUICK),
        Job(tree, ("true",), files={"x": b"", "x/y": b""}, limits=QUICK),
        Job(tree, ("true",), limits=replace(QUICK, wall_s=0)),
        Job(tree / "absent", ("true",), limits=QUICK),
        Job(tree / "app.py", ("true",), limits=QUICK),
    ):
        with pytest.raises(Permanent):
            there.sandbox.run(job)


# What a job may not do to files


def test_nothing_can_be_written_but_the_folders_that_are_for_it(there: SandboxWorld) -> None:
    tree = there.tree()
    script = """
        import os
        for place in "/ /usr /etc /dev /sandbox /sandbox/input /sandbox/tree /root /proc/sys/kernel".split():
            try: open(place + "/written", "w").close()
            except OSError: continue
            print(place)
        for path in ("app.py", "/sandbox/keeper.py", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/etc/passwd"):
            for act in (lambda: open(path, "a").write("x"), lambda: os.chmod(path, 0o777), lambda: os.remove(path)):
                try: act()
                except OSError: continue
                print(path)
        for place in ("/tmp", "/dev/shm"): open(place + "/written", "w").write("x")
        """
    assert fine(there.python(script, tree)) == ""
    assert [path.name for path in tree.iterdir()] == ["app.py"]
    assert (tree / "app.py").read_bytes() == b"ANSWER = 42\n"


def test_a_link_out_of_the_tree_leads_nowhere(there: SandboxWorld) -> None:
    secret = there.folder / "secret"
    secret.write_text("canary")
    secret.chmod(0o666)
    tree = there.tree()
    (tree / "absolute").symlink_to(secret)
    (tree / "relative").symlink_to(Path("..") / "secret")
    (tree / "folder").symlink_to(there.folder)
    (tree / "proc").symlink_to(f"/proc/{os.getpid()}/root{secret}")
    (tree / "up").symlink_to("../../../../../.." + str(secret))
    (tree / "sub").mkdir()
    (tree / "sub" / "within").symlink_to("../app.py")
    script = """
        import os
        open("sub/within").close()
        print(*[name for name in os.listdir(".") if os.path.islink(name)], sep="")
        for path in ("absolute", "relative", "folder/secret", "proc", "up"):
            for mode in ("r", "r+", "a", "w"):
                try: print(path, mode, open(path, mode).read())
                except OSError: pass
        """
    for writable in (False, True):
        assert fine(there.python(script, tree, writable=writable)) == ""
        assert secret.read_text() == "canary"


def test_the_hosts_files_and_the_callers_secrets_are_not_there(
    there: SandboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_PERSONAL_ACCESS_TOKEN", "ghp_canary0123456789")
    (there.folder / "canary").write_text("ghp_canary0123456789")
    (there.folder / "canary").chmod(0o644)
    script = """
        import glob, os
        print(sorted(set(os.environ) - {"LC_CTYPE"}))
        found = [open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/environ") if os.access(path, os.R_OK)]
        print(b"canary" in b"".join(found), len(glob.glob("/proc/[0-9]*")))
        for top, folders, files in os.walk("/"):
            if top == "/": folders[:] = set(folders) - {"proc", "usr", "sys"}
            if "canary" in files: print(top)
        host = "/etc/shadow /var/run/docker.sock /run/docker.sock /dev/sda /dev/vda /dev/mem /dev/kmsg /proc/kcore"
        print([path for path in host.split() if os.access(path, os.R_OK)])
        """
    assert fine(there.python(script)).split("\n") == ["['HOME', 'LANG', 'PATH', 'TMPDIR']", "False 2", "[]"]


def test_the_repository_and_roots_home_hold_nothing_but_the_interpreter(there: SandboxWorld) -> None:
    script = """
        import os, sys
        mine = [os.path.realpath(place) for place in (sys.prefix, sys.base_prefix)]
        for place in sys.argv[1:]:
            for top, folders, files in os.walk(place):
                folders[:] = [name for name in folders if os.path.realpath(top + "/" + name) not in mine]
                for name in files: print(top, name)
        """
    host = () if there.sandbox.strength.word == "container" else ("/root", "/home", "/var", "/srv", "/opt", "/mnt")
    repository = str(Path(__file__).parents[2].resolve())
    assert fine(there.python(script, arguments=(repository, *host))) == ""


# What a job may not use up


def test_a_disk_filler_finds_a_full_disk(there: SandboxWorld) -> None:
    script = """
        total = 0
        for place in ("/tmp", "/dev/shm"):
            try:
                for n in range(64):
                    with open(f"{place}/{n}", "wb", 0) as file: total += file.write(bytes(2**20))
            except OSError: pass
        print(total >> 20)
        """
    assert 8 <= int(fine(there.python(script, limits=replace(QUICK, disk_mb=8)))) <= 8 + 16
    sparse = "with open('/tmp/x', 'wb') as f: f.seek(9 * 2**20); f.write(b'1')"
    assert there.python(sparse, limits=replace(QUICK, disk_mb=8)).exit_code == 1


def test_a_memory_hog_gets_no_more_than_its_share(there: SandboxWorld) -> None:
    script = """
        kept = []
        while True:
            kept.append(bytearray(b"x" * 2**20))
            print(len(kept), flush=True)
        """
    outcome = there.python(script, limits=replace(QUICK, memory_mb=64))
    assert int([line for line in outcome.output.split("\n") if line.isdigit()][-1]) <= 64
    if there.sandbox.strength.word == "namespaces":  # without a group of processes, an allocation fails
        assert (outcome.ended, outcome.exit_code) == ("exited", 1)
        assert "MemoryError" in outcome.output
    else:
        assert (outcome.ended, outcome.exit_code) == ("memory", None)


def test_a_fork_bomb_is_contained_and_gone_in_the_end(there: SandboxWorld) -> None:
    script = """
        import os
        while True:
            try: os.fork()
            except OSError: pass
        """
    outcome = there.python(script, limits=replace(QUICK, wall_s=2), arguments=(MARKER,))
    assert (outcome.ended, outcome.exit_code) == ("timeout", None)
    assert processes(MARKER) == []


def test_no_more_processes_than_allowed_can_be_started(there: SandboxWorld) -> None:
    script = """
        import os, time
        n = 1
        try:
            while n < 200:
                if os.fork() == 0: time.sleep(30); os._exit(0)
                n += 1
        except OSError: pass
        print(n)
        """
    assert 2 < int(fine(there.python(script))) <= QUICK.pids


def test_endless_output_ends_the_job_and_is_cut(there: SandboxWorld) -> None:
    outcome = there.python("while True: print('x' * 1000)")
    assert (outcome.ended, outcome.exit_code) == ("output", None)
    assert len(outcome.output) == QUICK.output_bytes
    assert outcome.took_s < 10


def test_a_sleeper_is_ended_at_its_wall_limit(there: SandboxWorld) -> None:
    script = """
        import signal, time
        for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
        print("up", flush=True)
        time.sleep(60)
        """
    outcome = there.python(script, limits=replace(QUICK, wall_s=1), arguments=(MARKER,))
    assert (outcome.ended, outcome.exit_code, outcome.output) == ("timeout", None, "up\n")
    assert 1 <= outcome.took_s < 5
    assert processes(MARKER) == []


def test_a_job_that_closes_its_output_is_ended_all_the_same(there: SandboxWorld) -> None:
    script = "import os, time; os.closerange(0, 9); time.sleep(60)"
    outcome = there.python(script, limits=replace(QUICK, wall_s=1), arguments=(MARKER,))
    assert outcome.ended == "timeout"
    assert processes(MARKER) == []


def test_a_busy_loop_is_ended_at_its_processor_limit(there: SandboxWorld) -> None:
    outcome = there.python("while True: pass", limits=replace(QUICK, cpu_s=1))
    assert (outcome.ended, outcome.exit_code) == ("cpu", None)


def test_a_process_left_behind_ends_with_the_job(there: SandboxWorld) -> None:
    script = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0: time.sleep(60)
            os._exit(0)
        os.wait()
        print("left")
        """
    outcome = there.python(script, arguments=(MARKER,))
    assert fine(outcome) == "left"
    assert outcome.took_s < 10
    assert processes(MARKER) == []


# What a job may not reach


def test_there_is_no_network_but_a_loopback_of_its_own(there: SandboxWorld) -> None:
    script = """
        import socket, sys
        for where in (("127.0.0.1", int(sys.argv[1])), ("1.1.1.1", 443), ("169.254.169.254", 80), ("172.17.0.1", 22)):
            try: socket.create_connection(where, 2).close(); print("reached", where)
            except OSError: pass
        try: socket.socket(socket.AF_UNIX).connect(chr(0) + sys.argv[2]); print("reached the abstract socket")
        except OSError: pass
        try: print("resolved", socket.getaddrinfo("example.com", 443))
        except OSError: pass
        try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print("raw")
        except OSError: pass
        with socket.create_server(("127.0.0.1", 0)) as own, socket.create_connection(own.getsockname(), 2):
            print("own loopback")
        """
    with socket.create_server(("127.0.0.1", 0)) as host, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0" + MARKER)
        abstract.listen()
        outcome = there.python(script, arguments=(str(host.getsockname()[1]), MARKER))
    assert fine(outcome) == "own loopback"


def test_no_process_outside_can_be_seen_signalled_or_traced(there: SandboxWorld) -> None:
    script = """
        import ctypes, os, sys
        pid = int(sys.argv[1])
        print(ctypes.CDLL(None).ptrace(16, pid, 0, 0), os.path.exists(f"/proc/{pid}"))
        for victim in (pid, -pid):
            try: os.kill(victim, 9); print("signalled", victim)
            except (ProcessLookupError, PermissionError): pass
        for number in (9, 15, 2, 19): os.kill(1, number)  # its keeper, which as process 1 is deaf to them
        try: os.kill(-1, 9)
        except ProcessLookupError: pass
        sys.stdout.flush()
        os._exit(3)
        """
    outside = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        outcome = there.python(script, arguments=(str(outside.pid),))
        assert outcome.output == "-1 False\n"
        assert (outcome.ended, outcome.exit_code) == ("exited", 3)
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()


def test_no_privilege_can_be_gained(there: SandboxWorld) -> None:
    script = """
        import ctypes, os
        status = dict(line.split()[:2] for line in open("/proc/self/status") if len(line.split()) > 1)
        print(*(status[name + ":"].strip("0") or 0 for name in ("CapInh", "CapEff", "CapPrm", "CapAmb", "NoNewPrivs")))
        print(os.getuid() != 0, 0 in os.getgroups())
        for act in (
            lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/tmp"),
            lambda: os.mknod("/tmp/disk", 0o60666, 2048), lambda: os.nice(-5), lambda: open("/dev/mem", "wb"),
        ):
            try: act(); print("done")
            except OSError: pass
        libc = ctypes.CDLL(None)
        print(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), libc.umount2(b"/proc", 2), libc.sethostname(b"x", 1))
        """
    assert fine(there.python(script)).split("\n") == ["0 0 0 0 1", "True False", "-1 -1 -1"]


def test_there_is_no_terminal_to_type_into(there: SandboxWorld) -> None:
    script = """
        import fcntl, os, termios
        for path in ("/dev/stdin", "/dev/stdout", "/dev/tty", "/dev/console"):
            try: fcntl.ioctl(os.open(path, os.O_RDWR), termios.TIOCSTI, b"x"); print("typed")
            except OSError: pass
        print(os.getsid(0) == os.getpid(), os.read(0, 1))
        """
    assert fine(there.python(script)) == "True b''"


# What a job that may write has changed


def test_what_a_writable_tree_became_is_read_back_and_the_source_stays_as_it_is(there: SandboxWorld) -> None:
    tree = there.tree({"kept": b"1", "edited": b"1", "gone": b"1", "sub/moved": b"1"})
    script = """
        import os
        open("edited", "w").write("2")
        open("kept", "w").write("1")
        os.remove("gone")
        os.makedirs("new/deep")
        os.rename("sub/moved", "new/deep/moved")
        open("new/ä", "wb").write(bytes([0, 255]))
        """
    outcome = there.python(script, tree, writable=True)
    assert fine(outcome) == ""
    assert outcome.changed == {
        "edited": b"2", "gone": None, "sub/moved": None, "new/deep/moved": b"1", "new/ä": b"\0\xff",
    }  # fmt: skip
    assert outcome.left_out == ()
    assert sorted(path.name for path in tree.iterdir()) == ["edited", "gone", "kept", "sub"]
    assert (tree / "edited").read_bytes() == b"1"


def test_links_modes_special_and_unreadable_files_are_left_out_by_name(there: SandboxWorld) -> None:
    tree = there.tree({"a": b"1", "run.sh": b"1", "b": b"1", "shut/was": b"1"})
    (tree / "link").symlink_to("a")
    script = """
        import os
        os.symlink("/etc/passwd", "passwd")
        os.mkfifo("pipe")
        os.chmod("run.sh", 0o755)
        os.remove("b")
        os.symlink("/", "b")
        os.chmod("shut", 0)
        open("unreadable", "w")
        os.chmod("unreadable", 0)
        os.link("a", "hard")
        open(b"not-" + bytes([255]) + b"-text", "w").close()
        """
    outcome = there.python(script, tree, writable=True)
    assert fine(outcome) == ""
    assert outcome.changed == {"hard": b"1"}
    assert sorted(outcome.left_out) == ["b", "not-?-text", "passwd", "pipe", "run.sh (mode)", "shut", "unreadable"]


def test_more_changes_than_are_read_back_are_left_out_by_name(there: SandboxWorld) -> None:
    script = """
        open("big", "wb").write(bytes(200_000))
        open("small", "w").write("1")
        with open("sparse", "wb") as file: file.truncate(10 * 2**20)
        """
    outcome = there.python(script, writable=True)
    assert fine(outcome) == ""
    assert outcome.changed == {"small": b"1"}
    assert sorted(outcome.left_out) == ["big", "sparse"]
    many = "import os\nfor n in range(1000): os.symlink('x', str(n))"
    assert len(there.python(many, writable=True).left_out) == 101


def test_a_writable_tree_is_no_larger_than_its_disk(there: SandboxWorld) -> None:
    script = """
        n = 0
        try:
            while True: open(str(n), "wb").write(bytes(2**20)); n += 1
        except OSError: print(n)
        """
    assert int(fine(there.python(script, writable=True, limits=replace(QUICK, disk_mb=8)))) <= 8
    large = there.tree({"large": bytes(9 * 2**20)})
    with pytest.raises(Permanent, match="cannot be copied"):
        there.python("", large, writable=True, limits=replace(QUICK, disk_mb=8))


def test_a_job_that_was_ended_has_changed_nothing(there: SandboxWorld) -> None:
    script = "open('x', 'w').write('1')\nimport time; time.sleep(60)"
    outcome = there.python(script, writable=True, limits=replace(QUICK, wall_s=1))
    assert (outcome.ended, outcome.changed, outcome.left_out) == ("timeout", {}, ())


def test_a_job_that_talks_into_its_keepers_report_gains_no_path_outside_the_tree(there: SandboxWorld) -> None:
    script = """
        import json, os
        forged = {"../x": "eA==", "/etc/x": "eA==", "ok": "eA=="}
        with open("/proc/1/fd/2", "w") as file:
            file.write(json.dumps({"exit_code": 0, "signal": None, "changed": forged, "left_out": []}) + chr(10))
        """
    outcome = there.python(script, writable=True)
    assert set(outcome.changed) <= {"ok"}
    assert outcome.ended in ("lost", "exited")
