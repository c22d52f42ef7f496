"""mission-control.sh, run in a copy of the repository that has nothing in it but what the script needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import ROOT, clean_environment

MAIN = """
import json, os, sys
print(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "python": sys.prefix, "safe": sys.flags.safe_path}))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with empty locks (no downloads), in a folder with a space in its name."""
    repo = tmp_path / "a copy"
    (repo / "mission_control").mkdir(parents=True)
    (repo / "mission_control" / "__init__.py").touch()
    (repo / "mission_control" / "__main__.py").write_text(MAIN)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (repo / name).write_text("# nothing\n")
    shutil.copy(ROOT / "mission-control.sh", repo)
    return repo


def tools(folder: Path, **scripts: str) -> Path:
    """A PATH of its own: the system's small tools, git, this Python, an idle uv; and `scripts` over them."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    names = "sh bash env cat cksum date dirname mkdir pwd readlink rm rmdir sleep git"
    for name in names.split():
        there = shutil.which(name)
        if there:
            (bin_folder / name).symlink_to(there)
    (bin_folder / "python3.11").symlink_to(Path(sys.executable).resolve())
    for name, text in {"uv": "exit 0", **scripts}.items():
        file = bin_folder / name.replace("_", ".")
        file.unlink(missing_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    return bin_folder


def start(script: Path, path: Path, *arguments: str, shell: str = "sh", cwd: Path | None = None) -> list[str]:
    done = run(script, path, *arguments, shell=shell, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def run(
    script: Path, path: Path, *arguments: str, shell: str = "sh", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = clean_environment(PATH=str(path))
    return subprocess.run(
        [shell, str(script), *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=50, check=False
    )


def test_it_runs_from_any_folder_through_links_with_sh_and_bash_and_keeps_the_callers_folder(
    copy: Path, tmp_path: Path
) -> None:
    path = tools(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to("../a copy/mission-control.sh")
    (tmp_path / "link to link").symlink_to(elsewhere / "link")
    for shell in ("sh", "bash"):
        [line] = start(tmp_path / "link to link", path, "up", "--state", "x y", shell=shell, cwd=elsewhere)
        assert '"args": ["up", "--state", "x y"]' in line
        assert f'"cwd": "{elsewhere}"' in line
        assert f'"python": "{copy}/.venv"' in line
        assert '"safe": true' in line


def test_a_second_start_starts_no_python_but_the_one_it_becomes(copy: Path, tmp_path: Path) -> None:
    script, path = copy / "mission-control.sh", tools(tmp_path)
    start(script, path, "status")
    only_small_tools = tmp_path / "small"
    only_small_tools.mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "git"):
        (only_small_tools / name).symlink_to(path / name)
    done = run(script, only_small_tools, "status")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_changed_lock_is_installed_again(copy: Path, tmp_path: Path) -> None:
    script, path = copy / "mission-control.sh", tools(tmp_path)
    start(script, path, "status")
    (copy / "requirements.lock").write_text("# something else\n")
    assert "making .venv from requirements.lock" in run(script, path, "status").stderr
    assert run(script, path, "status").stderr == ""


def test_tests_need_the_development_lock_and_everything_else_does_not(copy: Path, tmp_path: Path) -> None:
    script, path = copy / "mission-control.sh", tools(tmp_path)
    assert "requirements-dev.lock" in run(script, path, "test").stderr
    assert run(script, path, "status").stderr == ""


def test_a_half_made_environment_is_made_again(copy: Path, tmp_path: Path) -> None:
    script, path = copy / "mission-control.sh", tools(tmp_path)
    start(script, path, "status")
    (copy / ".venv" / "unfinished").touch()
    (copy / ".venv" / "lib" / "rubbish").touch()
    start(script, path, "status")
    assert not (copy / ".venv" / "lib" / "rubbish").exists()
    assert not (copy / ".venv" / "unfinished").exists()


def test_a_python_that_is_too_old_is_said_in_one_line(copy: Path, tmp_path: Path) -> None:
    old = 'case "$1" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac'
    path = tools(tmp_path, python3=old, python3_11="exit 127")
    done = run(copy / "mission-control.sh", path, "up")
    assert done.returncode == 1
    assert done.stderr == "mission-control: Python 3.11 or newer is missing (found: Python 3.9.2)\n"


def test_a_missing_git_is_said_in_one_line(copy: Path, tmp_path: Path) -> None:
    path = tools(tmp_path)
    (path / "git").unlink()
    done = run(copy / "mission-control.sh", path, "up")
    assert (done.returncode, done.stderr) == (1, "mission-control: git is missing: install it and start again\n")


def test_a_failed_installation_is_said_and_tried_again_by_the_next_start(copy: Path, tmp_path: Path) -> None:
    script, path = copy / "mission-control.sh", tools(tmp_path, uv="exit 1")
    (copy / "requirements.lock").write_text("no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    env = clean_environment(PATH=str(path), PIP_NO_INDEX="1")
    done = subprocess.run(["sh", str(script), "up"], env=env, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 1
    assert "could not be installed" in done.stderr.splitlines()[-1]
    (copy / "requirements.lock").write_text("# mended\n")
    start(script, path, "up")


def test_two_first_starts_at_once_make_one_environment(copy: Path, tmp_path: Path) -> None:
    path = tools(tmp_path)
    env = clean_environment(PATH=str(path))
    both = [
        subprocess.Popen(["sh", str(copy / "mission-control.sh"), "up"], env=env, stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=50) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("making .venv" in err for _, err in told) == 1


def test_the_lock_of_a_dead_installer_is_taken_over(copy: Path, tmp_path: Path) -> None:
    path = tools(tmp_path)
    (copy / ".venv" / "installing").mkdir(parents=True)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (copy / ".venv" / "installing" / "pid").write_text(f"{gone.pid}\n")
    start(copy / "mission-control.sh", path, "up")
