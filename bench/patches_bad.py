"""Destructive patches: one function is one kind, and draws a patch of it that must be refused."""

from __future__ import annotations

import base64
import json
import random
import re
from pathlib import Path
from typing import Final

from bench.patch_world import Again, Kind, Reasons, World, typed
from shared.gitops.diff import FileChange, tree, with_files
from shared.gitops.edit import Refused, apply
from shared.gitops.meaning import Unreadable, meaning
from shared.gitops.refusals import check, check_foreign
from shared.gitops.stack import STACK, parse_stack
from shared.gitops.titles import check_title
from shared.incident.change import RevertCommit


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
    change, after = typed(world, draw)
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
    change, after = typed(world, draw)
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
        change, after = typed(world, draw)
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
    change, after = typed(world, draw)
    other, more = typed(world, draw)
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
    change, after = typed(world, draw)
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
