"""Which names of files are refused whoever proposes them, and which files are not for a fleet or an agent to change."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

PROTECTED: Final = (
    ".*", "*/.*",  # .github, .gitattributes, .gitmodules, .ci, .env and the like
    "AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md", "LICENSE",
    "agents/*", "shared/*", "dashboard/*", "mission_control/*", "embedded/*",
    "tests/architecture/*", "tests/promises.toml",
    "deploy/*", "!deploy/stack.yaml",
    "docker-compose*.yml", "docker-compose*.yaml", "compose*.yml", "compose*.yaml", "Dockerfile*",
    "mission-control.sh", "trigger_chaos.py", "pyproject.toml", "setup.*", "uv.lock", "requirements*", "conftest.py",
    "*/conftest.py", "sitecustomize.py", "*/sitecustomize.py", "usercustomize.py", "*.pth",
)  # fmt: skip
"""The fleet, its rules, what builds and starts it, and what runs by being there. Patterns over the whole path, `*` also
over `/`; the last that matches counts, `!` opens again."""

_PART: Final = re.compile(r"[A-Za-z0-9._@+=,-]+")
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def shown(path: str, most: int = 80) -> str:
    """`path` as printable ASCII for a sentence; look-alikes and controls are seen as escapes."""
    text = path.encode("unicode_escape").decode("ascii")
    return text if len(text) <= most else text[: most - 3] + "..."


def suffix_of(path: str) -> str:
    """`.yaml` of `deploy/stack.YAML`; "" where there is none."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return dot + suffix.lower() if stem else ""


def protects(patterns: Iterable[str], path: str) -> bool:
    """Whether `patterns` (as PROTECTED) name `path`, whatever case or look-alike form it is written in."""
    plain = unicodedata.normalize("NFKC", path).replace("\\", "/").casefold()
    held = False
    for pattern in patterns:
        opens, glob = pattern.startswith("!"), pattern.removeprefix("!").casefold()
        if fnmatchcase(plain, glob):
            held = not opens
    return held


def check_path(path: str, existing: Iterable[str] = ()) -> tuple[str, ...]:
    """What is wrong with the name of a changed file. `existing`: paths of the tree, for names that differ in case."""
    reasons = []
    name = shown(path)
    if not path or len(path) > 300:
        reasons.append(f"{name or 'a file'}: a path has between 1 and 300 characters")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        reasons.append(f"{name}: the path is absolute; paths start at the root of the repository")
    if "\\" in path:
        reasons.append(f"{name}: a backslash in the path; folders are parted by /")
    parts = path.strip("/").split("/")
    if any(part in (".", "..") for part in parts):
        reasons.append(f"{name}: . or .. in the path")
    if "" in path.removeprefix("/").split("/"):
        reasons.append(f"{name}: an empty folder name in the path")
    if any(_git(part) for part in parts):
        reasons.append(f"{name}: a name that git keeps for itself")
    if any(part != part.rstrip(". ") or part != part.lstrip(" ") for part in parts if part not in (".", "..")):
        reasons.append(f"{name}: a name that begins or ends in a space, or ends in a dot")
    if any(_DEVICES.fullmatch(part) or part.startswith("-") for part in parts):
        reasons.append(f"{name}: a name that means something else to a program or system")
    if not path.isascii() or any(part and not _PART.fullmatch(part) for part in parts):
        reasons.append(f"{name}: only ASCII letters, digits and . _ - + = , @ may be in a path (no look-alikes)")
    reasons += [f"{name}: {shown(twin)} is there already, and differs only in case" for twin in _twins(path, existing)]
    return tuple(reasons)


def in_the_way(path: str, left: Iterable[str]) -> tuple[str, ...]:
    """What is wrong with putting a file at `path` beside those that are `left`: where one of them is a folder of it, or
    it of them, git takes the others away without a word."""
    found = [other for other in left if other.startswith(f"{path}/") or path.startswith(f"{other}/")]
    return tuple(f"{shown(path)}: {shown(other)} is in its way" for other in sorted(found)[:1])


def _git(part: str) -> bool:
    plain = unicodedata.normalize("NFKC", part).casefold().rstrip(". ").partition(":")[0]
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return (
        plain in (".git", ".gitmodules", ".gitattributes") or re.fullmatch(r"(git|gi[0-9a-f]+)~\d+", plain) is not None
    )


def _twins(path: str, existing: Iterable[str]) -> list[str]:
    """The existing files or folders that are `path` or one of its folders in another case."""
    mine = _with_folders(path)
    found = {}
    for other in existing:
        if other == path:
            continue
        theirs = _with_folders(other)
        for plain, written in mine.items():
            if theirs.get(plain, written) != written:
                found[plain] = theirs[plain]
    return sorted(found.values())[:1]


def _with_folders(path: str) -> dict[str, str]:
    parts = path.split("/")
    names = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return {unicodedata.normalize("NFKC", name).casefold(): name for name in names}
