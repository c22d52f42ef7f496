"""The pages that people read, and the commands they are told to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from tests.machine import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "deploy" / "README.md", ROOT / "bench" / "README.md"]
)
_COMMAND = re.compile(r"\./mission-control\.sh +([^`\n#;&|>)]*)")


def commands() -> Iterator[tuple[str, str]]:
    """Of each page, by its path in the repository, what follows `./mission-control.sh`."""
    for page in PAGES:
        for found in _COMMAND.finditer(page.read_text(encoding="utf-8")):
            if words := found[1].strip(" .,:"):
                yield str(page.relative_to(ROOT)), words


def given(words: str, values: Mapping[str, str]) -> list[str]:
    """The arguments, with all that may be left out, and with values for what only stands for one."""
    return [values.get(word, word) for word in shlex.split(words.replace("…", "").replace("[", "").replace("]", ""))]
