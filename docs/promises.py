"""Write docs/promises.md from tests/promises.toml: `python docs/promises.py [--check]`.

With `--check` nothing is written; exit status 1 says that the page is not what would be written.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "tests" / "promises.toml"
PAGE = Path(__file__).with_name("promises.md")
HEAD = """\
# Promises

What the fleet promises, and the tests that show it. Made from `tests/promises.toml` by `docs/promises.py`; what is not
here is not promised. Tests under `tests/stack` run with `./mission-control.sh test --real`, `tests/long` with `--long`.

| | promise | shown by |
|---|---|---|
"""


def page() -> str:
    """The page's text."""
    rows = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    lines = [f"| {n} | {row['promise']} | {'<br>'.join(map(_link, row['tests']))} |" for n, row in rows.items()]
    return HEAD + "\n".join(lines) + "\n"


def _link(name: str) -> str:
    file, _, function = name.partition("::")
    text = function.removeprefix("test_").replace("_", " ") or Path(file).stem.removeprefix("test_").replace("_", " ")
    return f"[{text}](../{file})"


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` compare it."""
    text = page()
    if "--check" in arguments:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
