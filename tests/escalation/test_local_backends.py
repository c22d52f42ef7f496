"""A command in a workshop, and a person: what they need no network for."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agents.escalation.backends.command import Command, Work
from agents.escalation.backends.human import Human
from shared.ports import Made, Permanent, Session, Transient
from tests.escalation.world import a_brief, opened
from tests.waiting import wait_for

BASE = "b" * 40
ARGV = ("codex", "exec", "{prompt}")
ROOT = Path(__file__).parents[2]


class Workshop:
    """Does as it is told, once it is let."""

    def __init__(self, *work: Work | Exception) -> None:
        self.work, self.let = list(work), threading.Event()
        self.asked: list[tuple[tuple[str, ...], str, str]] = []

    def edit(self, argv: tuple[str, ...], repo: str, branch: str) -> Work:
        self.asked.append((argv, repo, branch))
        self.let.wait()
        work = self.work.pop(0)
        if isinstance(work, Exception):
            raise work
        return work


def ended(command: Command, session_id: str) -> Session:
    return wait_for(lambda: (s := command.look(session_id)).state != "working" and s)


def test_a_command_is_given_the_brief_as_one_word_and_yields_the_files_it_changed(tmp_path: Path) -> None:
    workshop = Workshop(Work(True, "done", BASE, {"x": b"\xff\n", "y": None}))
    command, brief = Command(ARGV, workshop, tmp_path), a_brief()
    assert command.find(brief) is None
    session = opened(command.open(brief))
    assert session.state == "working"
    assert opened(command.open(brief)) == session
    workshop.let.set()
    done = ended(command, session.id)
    assert (done.state, done.made, done.detail) == ("completed", Made(BASE, {"x": b"\xff\n", "y": None}), "done")
    assert done.pull is None
    assert workshop.asked == [(("codex", "exec", brief.text), brief.repo, "main")]
    assert opened(command.open(brief)) == done
    assert Command(ARGV, workshop, tmp_path).find(brief) == done
    assert len(workshop.asked) == 1


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (Work(False, "no such model", BASE, {"x": b""}), "no such model"),
        (Work(True, "nothing to do", BASE), "the command changed nothing"),
        (Work(True, "", BASE, {"x": b"x" * 1_100_000}), "1048576 are the most"),
        (Work(True, "", BASE, {f"{n}": b"" for n in range(51)}), "changed 51 files"),
        (Transient("the engine is away"), "the engine is away"),
    ],
)
def test_a_command_that_brings_nothing_of_use_has_failed(tmp_path: Path, work: Work | Exception, why: str) -> None:
    workshop = Workshop(work)
    workshop.let.set()
    command = Command(ARGV, workshop, tmp_path)
    failed = ended(command, opened(command.open(a_brief())).id)
    assert failed.state == "failed"
    assert why in failed.detail
    assert failed.made is None


def test_a_run_whose_process_was_killed_has_failed_and_is_not_begun_again(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from pathlib import Path\n"
        "from agents.escalation.backends.command import Command\n"
        "from tests.escalation.test_local_backends import ARGV, Workshop\n"
        "from tests.escalation.world import a_brief\n"
        f"command = Command(ARGV, Workshop(), Path({str(tmp_path)!r}))\n"
        "print(command.open(a_brief()).state, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    dead = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (dead.stdout, dead.returncode) == ("working\n", -9), dead.stderr
    workshop = Workshop()
    command = Command(ARGV, workshop, tmp_path)
    lost = opened(command.open(a_brief()))
    assert (lost.state, lost.detail) == ("failed", "the process that ran the command did not survive it")
    assert workshop.asked == []


def test_another_attempt_is_another_run(tmp_path: Path) -> None:
    workshop = Workshop(Work(False, ""), Work(True, "", BASE, {"x": b"y"}))
    workshop.let.set()
    command = Command(ARGV, workshop, tmp_path)
    first = ended(command, opened(command.open(a_brief(attempt=1))).id)
    second = ended(command, opened(command.open(a_brief(attempt=2))).id)
    assert (first.state, second.state) == ("failed", "completed")


def test_a_command_without_a_place_for_the_brief_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="needs a word"):
        Command(("aider",), Workshop(), tmp_path)
    with pytest.raises(Permanent, match="no command's session"):
        Command(ARGV, Workshop(), tmp_path).look("../../etc/passwd")


def test_a_person_is_told_what_to_do_and_needs_no_memory() -> None:
    human = Human("https://github.com/", "acme/market")
    session = opened(human.open(a_brief(12)))
    assert (session.state, session.url) == ("awaiting-feedback", "https://github.com/acme/market/issues/12")
    assert "Fixes #12" in session.detail
    assert human.look(session.id) == human.find(a_brief(12)) == session
    assert not human.tell(session.id, "hello")
    with pytest.raises(Permanent):
        human.open(replace(a_brief(), key="12"))
