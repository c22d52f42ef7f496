"""What `init` shows and leaves, made from what a GitHub server said of itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mission_control.init.plan import Plan, env_text, shown, steps
from mission_control.settings import read_settings
from shared.source import Pull

HOSTILE = "eve\x1b]0;owned\x07\x1b[2J\x9b31m\r\ntouch owned\n"


def plan(folder: Path) -> Plan:
    return Plan("o/r", HOSTILE, ("web",), {"a": "1\n"}, ("b",), "0" * 40, "main", folder)


def pull() -> Pull:
    return Pull(7, f"http://x/{HOSTILE}", "t", "", "eve", "sre/init", "0" * 40, "1" * 40, open=True)


def test_what_github_calls_things_reaches_the_terminal_without_being_obeyed(tmp_path: Path) -> None:
    settings = read_settings(github_api_url="http://x/\x1b[2J")
    told = shown(plan(tmp_path)) + steps(plan(tmp_path), pull(), settings)
    assert not [sign for sign in told if not sign.isprintable() and sign != "\n"]
    assert "touch owned" not in told.splitlines()


def test_what_github_calls_the_account_is_no_line_of_the_file_that_a_shell_reads(tmp_path: Path) -> None:
    settings = read_settings(github_api_url="http://x/$(touch${IFS}owned)", docker_host="unix:///a b;touch owned")
    file = tmp_path / "fleet.env"
    file.write_text(env_text(plan(tmp_path), settings), encoding="utf-8")
    done = subprocess.run(
        ["sh", "-euc", 'set -a; . ./fleet.env; printf "%s\\n" "$GITHUB_API_URL" "$DOCKER_HOST"'],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["http://x/$(touch${IFS}owned)", "unix:///a b;touch owned"]
    assert not (tmp_path / "owned").exists()
