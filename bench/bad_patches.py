"""500 destructive patches of which none may pass, and 200 honest ones of which all must.

Run: `python -m bench.bad_patches [--seed N]`. Prints a table; exit 1 when a bad patch passes or a good one is refused.
Every patch is made of the real files of this checkout; the bad ones by one mutation of the kind that the row names, put
in the way that fits it: as the fleet's own edit, as somebody else's pull request, or as a title.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.gitops.diff import File, FileChange, tree, with_files
from shared.gitops.edit import Refused, apply
from shared.gitops.meaning import Unreadable, meaning
from shared.gitops.refusals import check, check_foreign
from shared.gitops.stack import STACK, Service, parse_stack
from shared.gitops.titles import check_title
from shared.incident.change import Change, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas

ROOT: Final = Path(__file__).resolve().parents[1]
BAD: Final = 500
GOOD: Final = 200
STAND_IN: Final = b"""\
# Stands in where this checkout has no deploy/stack.yaml.
services:
  policy-service:
    mem_limit: 192m
    environment:
      MAX_RISK_FACTOR: "1.8" # risks above it are not insured
      FEATURE_INSTANT_QUOTES: "on"
  quote-service:
    mem_limit: 192m
    environment: {PRICE_FACTOR: "1.0"}
  frontend:
    mem_limit: 192m
"""

Reasons = tuple[str, ...]


class Again(Exception):
    """What was drawn makes no patch of this kind: another is drawn. Never raised for what `check` said."""


@dataclass(frozen=True)
class World:
    """The files that patches are made of."""

    files: Mapping[str, bytes]

    def pick(self, draw: random.Random, *suffixes: str, least: int = 10) -> str:
        """A file that is not protected, of one of `suffixes`, with at least so many lines."""
        fits = [p for p, d in self.files.items() if p.endswith(suffixes) and d.count(b"\n") >= least]
        return draw.choice([p for p in fits if p.startswith(("protected_services/", "observed/"))])

    def foreign(self, path: str, after: bytes | None, mode: str = "100644", was: str | None = None) -> Reasons:
        return check_foreign((FileChange(path, mode, self.files.get(path), after, was),), existing=self.files)

    def own(self, change: Change, head: Mapping[str, bytes | None], mode: str = "100644") -> Reasons:
        base = tree({path: self.files[path] for path in (STACK, "deploy/policy.yaml", "docker-compose.yml")})
        new = with_files(base, head)
        if mode != "100644":
            new[STACK] = File(new[STACK].data, mode)
        return check(change, base, new)


def read_world() -> tuple[World, str]:
    paths = [
        p for d in ("protected_services", "deploy", "shared", "agents") for p in (ROOT / d).rglob("*") if p.is_file()
    ]
    files = {
        str(p.relative_to(ROOT)): p.read_bytes()
        for p in paths
        if "__pycache__" not in p.parts and "static" not in p.parts
    }
    files = {path: data for path, data in files.items() if data and b"\0" not in data}
    for name in ("docker-compose.yml", "AGENTS.md", "README.md", "pyproject.toml"):
        files[name] = (ROOT / name).read_bytes()
    # the YAML and TOML of this repository is protected; copies under an open name stand for a service's own
    for path in [p for p in files if p.startswith("deploy/prometheus/rules/")]:
        files[f"observed/{path.rpartition('/')[2]}"] = files[path]
    files["protected_services/settings.toml"] = files["pyproject.toml"]
    state = (
        "deploy/stack.yaml of this checkout"
        if STACK in files
        else "a stand-in (this checkout has no deploy/stack.yaml)"
    )
    files.setdefault(STACK, STAND_IN)
    return World(files), state


# ---- bad patches: each function is one kind ----

Kind = Callable[[World, random.Random], Reasons]


def _typed(world: World, draw: random.Random) -> tuple[Change, bytes]:
    """A change of the fleet's and the right edit for it."""
    services = parse_stack(world.files[STACK]).services
    name = draw.choice(sorted(services))
    change = draw.choice(_changes(name, services[name], draw))
    after = apply(change, world.files)[STACK]
    assert after is not None
    return change, after


def _changes(name: str, service: Service, draw: random.Random) -> list[Change]:
    mib = service.memory_mib
    found: list[Change] = [
        SetMemory(service=name, before=mib, after=mib + 2 ** draw.randint(4, 9)),
        SetReplicas(service=name, before=service.replicas, after=service.replicas + draw.randint(1, 4)),
        SetConfig(service=name, key=f"NEW_{draw.randint(0, 99)}", before=None, after=str(draw.random())),
    ]
    for key, value in service.environment.items():
        if key.startswith("FEATURE_"):
            found.append(SetFlag(service=name, flag=key, before=value == "on", after=value != "on"))
        else:
            found.append(SetConfig(service=name, key=key, before=value, after=f"{draw.random():.3f} $x '\""))
            found.append(SetConfig(service=name, key=key, before=value, after=None))
    return found


def envelope(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py", ".json", ".yml", ".toml")))
    text = world.files[path].decode()
    packed = base64.encodebytes(text.encode()).decode()
    answer = {
        "type": "file",
        "encoding": "base64",
        "path": path,
        "sha": f"{draw.getrandbits(160):040x}",
        "content": packed,
    }
    small = {"content": packed, "encoding": "base64"}
    wrapped = draw.choice(
        (answer, small, [answer], {"data": {"file": small}}, {"file": answer}, {"content": text, "path": path},
         {"choices": [{"message": {"content": text}}]}, {"message": "Bad credentials", "documentation_url": "https://x"})
    )  # fmt: skip
    after = json.dumps(wrapped, indent=draw.choice((None, 2)))
    if draw.random() < 0.3 and isinstance(wrapped, dict):
        after = "".join(f"{key}: {json.dumps(value)}\n" for key, value in wrapped.items())
    return world.foreign(path, after.encode())


def escaped(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py", ".json", ".yml", ".toml")))
    text = world.files[path].decode()
    forms = (
        json.dumps(text),
        json.dumps(json.dumps(text)),
        text.replace("\n", "\\n"),
        repr(text),
        f"```\n{text}\n```\n",
    )
    return world.foreign(path, draw.choice((*forms, base64.b64encode(text.encode()).decode())).encode())


def patch_as_file(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py", ".json", ".yml", ".toml")))
    body = "".join(f"{draw.choice(' +-')}{line}\n" for line in world.files[path].decode().splitlines()[:20])
    return world.foreign(
        path, f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,20 +1,20 @@\n{body}".encode()
    )


def wiped(world: World, draw: random.Random) -> Reasons:
    path = world.pick(draw, ".py", ".json", ".yml", ".toml", least=20)
    lines = world.files[path].splitlines(keepends=True)
    few = b"".join(draw.sample(lines, k=draw.randint(0, len(lines) // 3)))
    whole = draw.choice(
        (b"", b"\n", b"# TODO\n", b"pass\n", b"{}\n", few, lines[0], None, b"".join(lines[: len(lines) // 3]))
    )
    return world.foreign(path, whole)


def comment_only(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py", ".yml", ".toml", least=5)))
    lines = world.files[path].decode().splitlines()
    tops = [at for at, line in enumerate(lines) if line and line[0] not in " \t)]}'\"" and '"""' not in line]
    comment = draw.choice(("# fixed", f"# remediation {draw.randint(0, 9999)} at 12:00", "# TODO: restart", "#"))
    lines.insert(draw.choice((len(lines), *tops[1:3])) if path.endswith((".yml", ".yaml")) else len(lines), comment)
    return world.foreign(path, ("\n".join(lines) + "\n").encode())


def broken(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py", ".json", ".yml", ".toml")))
    text = world.files[path].decode()
    at = draw.choice([match.end() for match in re.finditer(r"\n", text)])
    junk = {".py": "def (:\n", ".toml": "= = =\n"}.get(Path(path).suffix, '"a: [}{\n')
    after = (text[:at] + junk + text[at:]).encode()
    if _reads(path, after):
        raise Again  # the junk fell into a docstring or a text: nothing is broken
    return world.foreign(path, after)


def _reads(path: str, data: bytes) -> bool:
    try:
        meaning(path, data)
    except Unreadable:
        return False
    return True


def duplicate_key(world: World, draw: random.Random) -> Reasons:
    kind = draw.choice(("stack", "yml", "json", "toml"))
    if kind == "stack":
        lines = world.files[STACK].decode().splitlines()
        at = draw.choice([n for n, line in enumerate(lines) if re.match(r"\s+[\w-]+: \S", line)])
        return world.foreign(STACK, "\n".join([*lines[: at + 1], lines[at], *lines[at + 1 :], ""]).encode())
    path = world.pick(draw, f".{kind}")
    text = world.files[path].decode()
    match kind:
        case "yml":
            key = draw.choice(re.findall(r"^(\w+):", text, re.MULTILINE))
            text += f"{key}: again\n"
        case "json":
            text = re.sub(r'^(\s*\{\s*)("[^"]+")', r"\1\2: 0, \2", text, count=1)
        case _:
            table = draw.choice(re.findall(r"^\[\w[\w.-]*\]$", text, re.MULTILINE))
            text += f"\n{table}\nagain = 1\n"
    return world.foreign(path, text.encode())


def unknown_service(world: World, draw: random.Random) -> Reasons:
    change, after = _typed(world, draw)
    names = sorted(parse_stack(after).services)
    name = draw.choice(names)
    new = draw.choice((f"{name}2", name.replace("-", "_") + "_", name.upper(), "kafka"))
    more = after + f"  {new}: {{mem_limit: 64m}}\n".encode()
    other = draw.choice((more, after.replace(f"  {name}:".encode(), f"  {new}:".encode())))
    return draw.choice((world.own(change, {STACK: other}), world.foreign(STACK, other)))


def link_or_mode(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py")))
    mode = draw.choice(("120000", "160000", "100755", "100600", "040000"))
    data = (
        draw.choice((b"/etc/passwd", b"../../.git/config", b"a" * 40)) if mode[0] == "1" and mode[1] in "26" else None
    )
    change, after = _typed(world, draw)
    if path == STACK:
        return world.own(change, {STACK: data or after}, mode)
    return world.foreign(path, data or world.files[path] + b"X = 1\n", mode, "100644")


def path_trick(world: World, draw: random.Random) -> Reasons:
    real = draw.choice((STACK, world.pick(draw, ".py", ".json")))
    folder, _, name = real.rpartition("/")
    tricks = (
        f"../{real}", f"{folder}/../{name}", f"/{real}", real.replace("/", "\\"), f"{folder}//{name}", f"./{real}",
        f"{folder}/.git/hooks/{name}", f".GIT/{name}", f"git~1/{name}", f"{real}.", f"{real} ", f"{folder} /{name}",
        real.swapcase(), folder.capitalize() + "/" + name, real.replace("e", "\u0435"), real.replace("/", "\u2215", 1),
        f"{folder}/\u200b{name}", f"{folder}/{name}\n", f"{folder}/{name}\0", f"C:/{real}", f"{folder}/aux.py",
    )  # fmt: skip
    new = draw.choice([trick for trick in tricks if trick != real])
    return check_foreign((FileChange(new, "100644", None, world.files[real]),), existing=world.files)


def protected(world: World, draw: random.Random) -> Reasons:
    held = [p for p in world.files if p.startswith(("agents/", "shared/")) or (p.startswith("deploy/") and p != STACK)]
    new = (".github/workflows/x.yml", "deploy/keys.toml", ".env", "agents/x/y.py", "tests/conftest.py", ".gitmodules")
    path = draw.choice((*draw.sample(held, 8), "docker-compose.yml", "AGENTS.md", "pyproject.toml", *new))
    head = world.files.get(path, b"") + b"\nx_y = 1\n"
    if draw.random() < 0.3:
        change, after = _typed(world, draw)
        return world.own(
            change, {STACK: after, "deploy/policy.yaml": world.files["deploy/policy.yaml"] + b"extra: 1\n"}
        )
    return world.foreign(draw.choice((path, path, path.upper())), head)


def too_large(world: World, draw: random.Random) -> Reasons:
    path = world.pick(draw, ".py")
    if draw.random() < 0.5:
        return world.foreign(
            path, world.files[path] + b"".join(b"x%d = 1\n" % n for n in range(draw.randint(601, 5_000)))
        )
    many = [FileChange(f"protected_services/n{n}.py", "100644", None, b"x = 1\n") for n in range(draw.randint(21, 90))]
    return check_foreign(many, existing=world.files)


def more_than_named(world: World, draw: random.Random) -> Reasons:
    change, after = _typed(world, draw)
    other, more = _typed(world, draw)
    if draw.random() < 0.5 and more != after:
        return world.own(change, {STACK: more})  # another change than the directive's
    try:
        both = apply(other, {STACK: after})[STACK]
    except Refused:
        both = None
    if both is None:
        return world.own(change, {STACK: after, "deploy/policy.yaml": b"version: 1\n"})
    return world.own(change, {STACK: both})


def lost_comments(world: World, draw: random.Random) -> Reasons:
    """The right key, and the file written anew by a program that knows no comments."""
    change, after = _typed(world, draw)
    services = parse_stack(after).services
    anew = "services:\n"
    for name, service in services.items():
        anew += f"  {name}:\n    mem_limit: {service.memory_mib}m\n    deploy: {{replicas: {service.replicas}}}\n"
        if service.image:
            anew += f"    image: {service.image}\n"
        pairs = ", ".join(
            f"{key}: {json.dumps(value.replace('$', '$$'))}" for key, value in service.environment.items()
        )
        anew += f"    environment: {{{pairs}}}\n"
    return world.own(change, {STACK: anew.encode()})


def bad_value(world: World, draw: random.Random) -> Reasons:
    text = world.files[STACK].decode()
    value = draw.choice(
        ("mem_limit: 192", "mem_limit: 192MB", "mem_limit: 1t", "mem_limit: 4m", "mem_limit: !!str 64m",
         "mem_limit: &a 64m", "mem_limit: [64m]", "mem_limit: ", "mem_limit: 64m\n    privileged: true",
         "mem_limit: 64m\n    command: [sh]", "mem_limit: 64m\n    deploy: {replicas: 1000}",
         "mem_limit: 64m\n    volumes: ['/:/host']", "mem_limit: ${LIMIT}")
    )  # fmt: skip
    at = draw.choice([match.start() for match in re.finditer(r"mem_limit: \w+", text)])
    return world.foreign(STACK, (text[:at] + value + text[text.index("\n", at) :]).encode())


def hidden(world: World, draw: random.Random) -> Reasons:
    path = draw.choice((STACK, world.pick(draw, ".py", ".yml")))
    mark = chr(draw.choice((0x202E, 0x2066, 0x200B, 0x2060, 0xFEFF, 0x200F)))
    return world.foreign(
        path,
        world.files[path] + f"# a{mark}b\nX_Y: 1\n".replace(": 1", " = 1" if path.endswith(".py") else ": 1").encode(),
    )


def revert_beyond(world: World, draw: random.Random) -> Reasons:
    """A revert that takes more than its commit back."""
    path = world.pick(draw, ".py", least=20)
    good = world.files[path]
    bad = good + b"\n\nBAD = 1\n"
    done = FileChange(path, "100644", good, bad)
    later = bad + b"LATER = 2\n"
    base = tree({path: later})
    wrong = draw.choice(
        (good, None, good + b"OTHER = 3\n", later + b"OTHER = 3\n", b"".join(good.splitlines(keepends=True)[:5]))
    )
    return check(RevertCommit(commit="a" * 40, paths=(path,)), base, with_files(base, {path: wrong}), (done,))


def placeholder_title(_: World, draw: random.Random) -> Reasons:
    what = draw.choice(("file", "stack.yaml", "deploy/stack.yaml", "bug", "issue #12", "code", "it", "config", "error"))
    verb = draw.choice(
        ("Update", "Fix", "fix:", "chore: update", "WIP", "TODO", "Edit", "Change", "Auto fix", "Hotfix")
    )
    mark = draw.choice(
        ("{{title}}", "<title>", "[title]", "${TITLE}", "<...>", "[PR description]", "{service}", "TODO", "%(name)s")
    )
    return check_title(
        draw.choice((f"{verb} {what}", verb, f"{mark}", f"Raise the memory limit of {mark} to 256m", ""))
    )


KINDS: Final[dict[Kind, str]] = {
    envelope: "API's answer|quoted string",
    escaped: "quoted string|escaped line ends|code fence|base64|not (Python|YAML|JSON|TOML)|a mapping|without quotes",
    patch_as_file: "a patch in place",
    wiped: "emptied|lines go|taken out|top is left|file is empty|not (Python|YAML|JSON|TOML)|a mapping|twice",
    comment_only: "nothing changes in meaning",
    broken: "not (Python|YAML|JSON|TOML)|several lines",
    duplicate_key: "written twice|Cannot declare|Cannot overwrite",
    unknown_service: "unknown service",
    link_or_mode: "symbolic link|submodule|mode",
    path_trick: "path|name|case",
    protected: "protected|git keeps|case",
    too_large: "is the most",
    more_than_named: "does not name|lacks|not named",
    lost_comments: "comments and layout|does not name",
    bad_value: "mem_limit|memory limit|unknown key|tag|anchors|replicas|quotes|single \\$",
    hidden: "U\\+",
    revert_beyond: "did not touch|not what taking|lines go|emptied|nothing is changed|not Python",
    placeholder_title: "title",
}
"""Each kind with what one of the reasons must say: a patch that is refused for something else counts as passed."""


# ---- good patches ----


def own_edit(world: World, draw: random.Random) -> Reasons:
    change, after = _typed(world, draw)
    return world.own(change, {STACK: after})


def own_revert(world: World, draw: random.Random) -> Reasons:
    """A commit to the desired state taken back while a later one stays."""
    _, bad = _typed(world, draw)
    later = bad
    for _ in range(draw.randint(0, 2)):
        more, _ = _typed(world, draw)
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


def run(world: World, kinds: dict[Kind, str], count: int, seed: int) -> tuple[Counter[str], list[str], list[float]]:
    """How many of each kind there were, what went wrong, and the seconds each took. `kinds` as in KINDS; "" for good
    ones, which must have no reason against them."""
    tried: Counter[str] = Counter()
    wrong, took = [], []
    for number in range(count):
        kind, expected = list(kinds.items())[number % len(kinds)]
        for attempt in range(100):
            began = time.perf_counter()
            try:
                reasons = kind(world, random.Random(f"{seed}/{kind.__name__}/{number}/{attempt}"))
            except Again:
                continue
            break
        else:
            raise RuntimeError(f"{kind.__name__} #{number} could not be drawn")
        took.append(time.perf_counter() - began)
        tried[kind.__name__] += 1
        as_expected = any(re.search(expected, reason) for reason in reasons) if expected else not reasons
        if not as_expected:
            wrong.append(f"{kind.__name__} #{number}: {'; '.join(reasons) or 'passed'}")
    return tried, wrong, took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    seed: int = parser.parse_args().seed
    world, state = read_world()
    print(f"seed {seed}, Python {sys.version.split()[0]}, {len(world.files)} files, desired state: {state}\n")
    failed = False
    for title, kinds, count in (("bad patches", KINDS, BAD), ("good patches", GOOD_KINDS, GOOD)):
        tried, wrong, took = run(world, kinds, count, seed)
        what = "passed, or refused for another reason" if kinds is KINDS else "refused"
        print(f"| {title} | tried | {what} |\n|---|---|---|")
        for name, number in tried.items():
            print(f"| {name.replace('_', ' ')} | {number} | {sum(line.startswith(name + ' ') for line in wrong)} |")
        middle = sorted(took)[len(took) // 2]
        print(f"| **all** (target 0; each took {middle * 1e3:.0f} ms at the median) | {count} | {len(wrong)} |\n")
        print("".join(f"  {line}\n" for line in wrong), end="")
        failed |= bool(wrong)
    changes = past_commits()
    passed = sum(not check_foreign((file,), existing=world.files) for _, file in changes)
    print(
        f"Of {len(changes)} changes of one file in the history of protected_services, {passed} would pass; the others:"
    )
    why = Counter(r.partition(": ")[2][:60] for _, f in changes for r in check_foreign((f,), existing=world.files)[:1])
    print("".join(f"  {number} × {re.sub(r'[0-9]+', 'N', reason)}\n" for reason, number in why.items()), end="")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
