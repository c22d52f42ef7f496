"""The documentation says what is there: its commands are understood, its links lead somewhere, what is made is new."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from mission_control.cli import app
from tests.docs.pages import PAGES, commands, given
from tests.machine import ROOT

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
UsageError = typer.BadParameter.__mro__[1]
"""Typer's own, which it does not export."""
EXAMPLE = {"N": "1", "PR": "1", "TIME": "1d", "DIR": str(ROOT)} | {
    name: str(PAGES[0]) for name in ("FILE", "before.json", "during.json", "rows.json")
}
"""What stands for a value in the pages."""


def understood(words: list[str]) -> None:
    """Raise UsageError where the program would say how it is used."""
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="mission-control")
    while isinstance(command, TyperGroup):
        name, command, words = command.resolve_command(context, words)
        context = typer.Context(command, parent=context, info_name=name)
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize(("page", "words"), sorted(set(commands())))
def test_every_command_in_the_pages_is_one(page: str, words: str) -> None:
    understood(given(words, EXAMPLE))


@pytest.mark.parametrize("words", ["exlpain 1", "explain", "explain one", "report --woud"])
def test_a_command_that_is_none_would_be_found(words: str) -> None:
    with pytest.raises(UsageError):
        understood(words.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("program", ["docs/diagram.py", "docs/promises.py"])
def test_what_is_made_from_code_is_as_it_would_be_made_now(program: str) -> None:
    done = subprocess.run([sys.executable, program, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run: python {program}\n{done.stderr}"
