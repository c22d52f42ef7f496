"""Honest patches: one function is one kind, and draws a patch of it that must pass."""

from __future__ import annotations

import random
import re
import subprocess
from typing import Final

from bench.patch_world import ROOT, Again, Kind, Reasons, World, typed
from shared.gitops.diff import FileChange, tree, with_files
from shared.gitops.edit import Refused, apply
from shared.gitops.meaning import meaning
from shared.gitops.refusals import check, check_foreign
from shared.gitops.stack import STACK
from shared.incident.change import RevertCommit


def own_edit(world: World, draw: random.Random) -> Reasons:
    change, after = typed(world, draw)
    return world.own(change, {STACK: after})


def own_revert(world: World, draw: random.Random) -> Reasons:
    """A commit to the desired state taken back while a later one stays."""
    _, bad = typed(world, draw)
    later = bad
    for _ in range(draw.randint(0, 2)):
        more, _ = typed(world, draw)
        try:
            later = apply(more, {STACK: later})[STACK] or later
        except Refused:
            continue
    done = (FileChange(STACK, "100644", world.files[STACK], bad),)
    change = RevertCommit(commit=f"{draw.getrandbits(160):040x}", paths=(STACK,))
    base = tree({STACK: later})
    try:
        new = apply(change, {STACK: later}, done)
    except Refused as refused:
        if "nothing that commit" in str(refused):
            raise Again from refused  # a later change of the same key: nothing is left to take back
        return (str(refused),)
    return check(change, base, with_files(base, new), done)


def code_revert(world: World, draw: random.Random) -> Reasons:
    path = world.pick(draw, ".py", least=20)
    good = world.files[path]
    bad = _changed_number(path, good, draw)
    done = (FileChange(path, "100644", good, bad),)
    base = tree({path: b"# later\n" * draw.randint(0, 1) + bad})
    change = RevertCommit(commit="b" * 40, paths=(path,))
    try:
        new = apply(change, {path: base[path].data}, done)
    except Refused as refused:
        return (
            () if "changed since" in str(refused) else (str(refused),)
        )  # a neighbouring line: rightly left to a person
    return check(change, base, with_files(base, new), done)


def _changed_number(path: str, data: bytes, draw: random.Random) -> bytes:
    """`data` with one number larger that is no word of a comment."""
    found = [m for m in re.finditer(rb"(?<![\w.\"'])\d+(?![\w.\"'])", data) if m[0] != b"0"]
    if not found:
        raise Again
    at = draw.choice(found)
    after = data[: at.start()] + b"%d" % (int(at[0]) + draw.randint(1, 9)) + data[at.end() :]
    if meaning(path, after) == meaning(path, data):
        raise Again
    return after


def small_code_change(world: World, draw: random.Random) -> Reasons:
    path = world.pick(draw, ".py", ".json", ".yml", least=5)
    data = world.files[path]
    if path.endswith(".json") or draw.random() < 0.5:
        return world.foreign(path, _changed_number(path, data, draw))
    name, number = f"extra_{draw.randint(0, 999)}", draw.randint(0, 999)
    more = f"\n\n{name.upper()} = {number}\n" if path.endswith(".py") else f"x-{name}: {number}\n"
    return world.foreign(path, data + more.encode())


def new_module(world: World, draw: random.Random) -> Reasons:
    source = world.files[world.pick(draw, ".py")]
    path = f"protected_services/common/new_{draw.randint(0, 999)}.py"
    test = FileChange(
        f"tests/patients/test_new_{draw.randint(0, 99)}.py",
        "100644",
        None,
        b"def test_it() -> None:\n    assert True\n",
    )
    return check_foreign((FileChange(path, "100644", None, source), test), existing=world.files)


def past_commits() -> list[tuple[str, FileChange]]:
    """What the commits of this repository did to single files of the services, where its history is here."""
    command = ["git", "log", "--format=%H", "--no-merges", "--diff-filter=M", "-n", "200", "--", "protected_services"]
    shas = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    found = []
    for sha in shas:
        names = [
            "git",
            "diff-tree",
            "-r",
            "--no-commit-id",
            "--diff-filter=M",
            "--name-only",
            sha,
            "--",
            "protected_services",
        ]
        for path in subprocess.run(names, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
            before, after = (
                subprocess.run(["git", "show", f"{at}:{path}"], cwd=ROOT, capture_output=True, check=True).stdout
                for at in (f"{sha}^", sha)
            )
            found.append((sha, FileChange(path, "100644", before, after)))
    return found


GOOD_KINDS: Final[dict[Kind, str]] = dict.fromkeys(
    (own_edit, own_revert, code_revert, small_code_change, new_module), ""
)
