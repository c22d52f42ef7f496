"""Injects one real, reversible fault into the running stack, says what to expect, and takes it back.

It writes `faults.json` in the stack's state folder, which the marketplace services watch; `conversion` and `leak` are
commits to the repository, as a developer makes them. Standard library only, so any Python runs it. What faults there
are stands in `protected_services/faults.json`. Where no stack of processes runs it looks for one in containers (docker
compose) and does the same there.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mission_control.terminal.pipe import ends_with_its_reader
from mission_control.terminal.printable import printable_lines
from mission_control.world.as_developer import CannotCommit, Change, Developer
from mission_control.world.as_patcher import DoesNotApply, commit_patch

ROOT = Path(__file__).resolve().parent
CATALOGUE: dict[str, Any] = json.loads((ROOT / "protected_services" / "faults.json").read_text(encoding="utf-8"))
SERVICES = sorted({service for fault in CATALOGUE.values() for service in fault["services"]})
DEFAULT_SERVICE = "policy-service"
PATCHES = ROOT / "embedded" / "jules" / "patches"
CANNOT = 2
"""Exit status when nothing was done: no stack is running, or the request makes no sense."""

CHAOS_LABEL = "sre-space.chaos=true"
"""Marks the one container of a compose stack that mounts the fault file's folder writable."""
FORGE_LABEL = "sre-space.forge=true"
"""Marks the one that is the local forge and knows the developers' accounts."""
FORGE_ACCOUNTS = "/sre/state/forge/accounts.json"

HERRING = ("frontend", "FEATURE_YEARLY_PRICE", "Show what a cover costs a year", "asked for by the support desk")
"""A harmless commit: service, the feature that it turns over, message, and the remark it leaves in the file."""

Entry = dict[str, Any]


class _Parser(argparse.ArgumentParser):
    """argparse with errors of one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(CANNOT, f"{self.prog}: {message}\n")


class Stack:
    """The running stack as its `run.json` describes it."""

    def __init__(self, folder: Path) -> None:
        self.run = _read_run(folder)
        self.faults_file = Path(self.run.get("faults") or folder / "faults.json")

    def developer(self) -> Developer | None:
        """Somebody who may commit: the operator, else whose token the environment holds; None without either."""
        github = self.run.get("github") or {}
        tokens = github.get("tokens") or {}
        token = tokens.get("operator") or os.environ.get("GITHUB_PERSONAL_ACCESS_TOKEN")
        if not (github.get("api") and github.get("repo") and token):
            return None
        return Developer(str(github["api"]), str(github["repo"]), str(token))

    def active(self, now: float) -> list[Entry]:
        """The entries of the fault file that have not run out."""
        try:
            entries: list[Entry] = json.loads(self.faults_file.read_text(encoding="utf-8"))["faults"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as bad:
            _fail(f"{self.faults_file} is damaged ({bad}); delete it to start afresh")
        return [entry for entry in entries if entry.get("until") is None or entry["until"] > now]

    def change(self, change: Callable[[list[Entry]], list[Entry]]) -> None:
        """Replace the entries by what `change` makes of them: locked, and atomic for those who watch the file."""
        with _lock(self.faults_file.with_suffix(".lock")):
            entries = change(self.active(time.time()))
            with tempfile.NamedTemporaryFile(
                "w", dir=self.faults_file.parent, prefix=".faults-", encoding="utf-8", delete=False
            ) as fresh:
                json.dump({"faults": entries}, fresh, indent=2)
            Path(fresh.name).chmod(0o644)  # a service in a container may run as another user
            Path(fresh.name).replace(self.faults_file)

    def places(self) -> dict[str, str]:
        """Where to watch, by what is seen there."""
        github, traces = self.run.get("github") or {}, self.run.get("traces") or {}
        site = str(github.get("url") or "").rstrip("/").replace("https://api.github.com", "https://github.com")
        found = {
            "issues": f"{site}/{github.get('repo')}/issues" if site and github.get("repo") else None,
            "shop": self.run.get("marketplace"),
            "traces": traces.get("query") if isinstance(traces, dict) else None,
            "containers": f"docker -H {self.run['docker']} ps" if self.run.get("docker") else None,
        }
        return {name: str(place) for name, place in found.items() if place}


def main(argv: Sequence[str] | None = None) -> int:
    """0 when done, 2 when nothing was done."""
    arguments = _parse(argv)
    given = arguments.state or os.environ.get("SRE_STATE_DIR")
    arguments.state = given or _default_state()
    nothing_here = not given and not (Path(arguments.state) / "run.json").exists()
    if (arguments.compose or nothing_here) and (inside := _container()):
        words = [a for a in (sys.argv[1:] if argv is None else argv) if a != "--compose"]
        return _in_containers(inside, words, arguments)
    if arguments.compose:
        _fail("no stack runs in containers here: start it with docker compose up -d --build")
    stack = Stack(Path(arguments.state))
    if arguments.list:
        return _list(stack, arguments.json)
    if arguments.undo:
        return _undo(stack, arguments)
    if arguments.herring and not arguments.fault:
        return _tell_herring(_herring(_developer(stack.developer())), arguments.json)
    if "committed" in CATALOGUE[arguments.fault]:
        return _commit_fault(stack.developer(), stack.places(), arguments)
    return _inject(stack, arguments)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="trigger_chaos.py",
        description="Inject one real, reversible fault into the running stack.",
        epilog="faults:\n" + "\n".join(f"  {name:<11} {fault['what']}" for name, fault in CATALOGUE.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("fault", nargs="?", choices=tuple(CATALOGUE), metavar="|".join(CATALOGUE))
    parser.add_argument("--service", help=f"one of {', '.join(SERVICES)} (default {DEFAULT_SERVICE})")
    parser.add_argument("--grade", choices=("mild", "medium", "severe"), help="how bad (each fault has a default)")
    parser.add_argument("--sticky", action="store_true", help="the fault survives a restart")
    parser.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="take it back after that time")
    parser.add_argument(
        "--state", metavar="DIR", help=f"the stack's state folder (SRE_STATE_DIR, else {_default_state()})"
    )
    parser.add_argument("--compose", action="store_true", help="the stack in containers, also when another runs here")
    parser.add_argument("--undo", action="store_true", help="take back this fault; with no fault named, everything")
    parser.add_argument(
        "--herring", action="store_true", help="commit a harmless change of another service too (or alone)"
    )
    parser.add_argument("--list", action="store_true", help="show what is injected")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    arguments = parser.parse_args(argv)
    if not (arguments.fault or arguments.undo or arguments.list or arguments.herring):
        parser.error(f"name a fault ({', '.join(CATALOGUE)}), or --list, or --undo")
    committed = arguments.fault and "committed" in CATALOGUE[arguments.fault]
    if arguments.herring and arguments.fault and not committed:
        commits = [name for name, fault in CATALOGUE.items() if "committed" in fault]
        parser.error(f"--herring goes with {' or '.join(commits)}, or alone")
    if committed and arguments.seconds is not None:
        parser.error(f"{arguments.fault} is a commit, which does not run out: --undo commits what takes it back")
    if arguments.grade and arguments.fault and "grades" not in CATALOGUE[arguments.fault]:
        parser.error(f"{arguments.fault} has no grades")
    if arguments.service and arguments.service not in SERVICES:
        parser.error(f"no service {arguments.service!r}; there are {', '.join(SERVICES)}")
    if arguments.seconds is not None and not arguments.seconds > 0:
        parser.error("--for takes a number of seconds above 0")
    return arguments


def _default_state() -> str:
    return str(ROOT / ".sre-space")


def _container(label: str = CHAOS_LABEL) -> str | None:
    """The running container of a stack started with docker compose that has this label, when one runs here."""
    if shutil.which("docker") is None:
        return None
    wanted = ("--filter", f"label={label}", "--filter", "status=running", "--format", "{{.Names}}")
    done = subprocess.run(["docker", "ps", *wanted], capture_output=True, text=True, check=False, timeout=20)
    names = done.stdout.split() if done.returncode == 0 else []
    return names[0] if names else None


def _in_containers(name: str, argv: Sequence[str], arguments: argparse.Namespace) -> int:
    """The same command where the stack is; commits are made from here, where the forge can be reached."""
    there = ["docker", "exec", name, "python", "-P", "/app/trigger_chaos.py"]
    everything = arguments.undo and not arguments.fault
    commits = arguments.herring if not arguments.fault else "committed" in CATALOGUE[arguments.fault]
    if arguments.list or not (commits or everything):
        return subprocess.run([*there, *argv], check=False).returncode
    github = json.loads(_read_in(name, "/sre/faults/run.json") or "{}").get("github") or {}
    developer = _developer_outside(github)
    if arguments.undo:
        removed: list[Entry] = []
        if everything:
            words = [*argv, *([] if arguments.json else ["--json"])]
            done = subprocess.run([*there, *words], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                _fail(done.stderr.strip())
            removed = json.loads(done.stdout)["undone"]
        return _tell_undone(removed, _take_back(developer, arguments), arguments.json)
    if not arguments.fault:
        return _tell_herring(_herring(_developer(developer)), arguments.json)
    places = {"issues": f"{github.get('url')}/{github.get('repo')}/issues"} if github else {}
    return _commit_fault(developer, places, arguments)


def _developer_outside(github: dict[str, Any]) -> Developer | None:
    """Who may commit to the repository of a stack in containers, at the address that this host knows."""
    token = os.environ.get("GITHUB_PERSONAL_ACCESS_TOKEN")
    if forge := _container(FORGE_LABEL):
        accounts = json.loads(_read_in(forge, FORGE_ACCOUNTS) or '{"accounts": []}')["accounts"]
        tokens = {row["role"]: row["token"] for row in accounts}
        if "maintain" in tokens and "//forge:" in str(github.get("api")):
            return Developer(f"{github['url']}/api/v3", str(github["repo"]), tokens["maintain"])
    if token and github.get("api") and github.get("repo"):
        return Developer(str(github["api"]), str(github["repo"]), token)
    return None


def _read_in(container: str, file: str) -> str | None:
    done = subprocess.run(
        ["docker", "exec", container, "cat", file], capture_output=True, text=True, check=False, timeout=20
    )
    return done.stdout if done.returncode == 0 else None


def _developer(developer: Developer | None) -> Developer:
    if developer is None:
        _fail("no repository is known that could be committed to (run.json without github and a token for it)")
    return developer


def _commit_fault(developer: Developer | None, places: dict[str, str], arguments: argparse.Namespace) -> int:
    """Commit the bad value or patch, and the harmless change right after it where one is asked for."""
    kind = CATALOGUE[arguments.fault]
    service = _service(arguments)
    since = time.time()
    try:
        if "grades" in kind:
            told, lines = _commit_value(_developer(developer), service, arguments)
        else:
            told, lines = _commit_patch(_developer(developer), service, arguments.fault)
    except CannotCommit as no:
        _fail(str(no))
    herring = _herring(_developer(developer)) if arguments.herring else None
    if arguments.json:
        told |= {"id": told["commit"], "service": service, "fault": arguments.fault, "since": since, "watch": places}
        print(json.dumps(told | ({"herring": herring.sha} if herring else {})))
        return 0
    _say(lines)
    _say(f"Expect: once it is deployed, within about {kind['expect_within_s']} s, an issue for {service} opens.")
    for name, place in places.items():
        _say(f"  {name:<11} {place}")
    _say(f"A restart does not heal it. Take it back with: python trigger_chaos.py {arguments.fault} --undo")
    return _tell_herring(herring, as_json=False) if herring else 0


def _commit_value(developer: Developer, service: str, arguments: argparse.Namespace) -> tuple[Entry, str]:
    """What was done, for programs and for people. Raises CannotCommit."""
    kind = CATALOGUE[arguments.fault]
    key, grade = kind["committed"], arguments.grade or kind["default_grade"]
    made = developer.set(service, key, kind["grades"][grade]["value"], kind["grades"][grade]["message"])
    told = {"commit": made.sha, "grade": grade, "before": made.before, "after": made.after}
    return told, f"Committed {made.sha[:10]}: {key} of {service} is {made.after}, no longer {made.before}."


def _commit_patch(developer: Developer, service: str, fault: str) -> tuple[Entry, str]:
    """The same for a patch."""
    kind = CATALOGUE[fault]
    made = commit_patch(developer, PATCHES / kind["committed"], kind["message"])
    told = {"commit": made.sha, "files": list(made.files)}
    return told, f"Committed {made.sha[:10]} to {service}: {kind['message']} ({len(made.files)} files)."


def _herring(developer: Developer) -> Change:
    service, key, message, remark = HERRING
    try:
        value = "off" if developer.value(service, key) == "on" else "on"
        return developer.set(service, key, value, message if value == "on" else f"Do not {message.lower()}", remark)
    except CannotCommit as no:
        _fail(str(no))


def _tell_herring(made: Change, as_json: bool) -> int:
    service, key, *_ = HERRING
    told = {"service": service, "commit": made.sha, "before": made.before, "after": made.after}
    if as_json:
        print(json.dumps(told))
    else:
        _say(f"Committed {made.sha[:10]}: {key} of {service} is {made.after}; harmless.")
    return 0


def _take_back(developer: Developer | None, arguments: argparse.Namespace) -> list[Entry]:
    """Commit what was before, where a bad value or patch still stands; what was undone."""
    undone: list[Entry] = []
    for fault, kind in CATALOGUE.items():
        if "committed" not in kind or arguments.fault not in {None, fault}:
            continue
        if developer is None:
            if arguments.fault == fault:
                _developer(developer)
            continue
        for service in kind["services"]:
            if arguments.service not in {None, service}:
                continue
            take_back = _take_back_value if "grades" in kind else _take_back_patch
            try:
                undone += [{"fault": fault, "service": service} | done for done in take_back(developer, service, kind)]
            except CannotCommit as no:
                _fail(str(no))
    return undone


def _take_back_value(developer: Developer, service: str, kind: dict[str, Any]) -> list[Entry]:
    """Raises CannotCommit."""
    by_message = {grade["message"]: name for name, grade in kind["grades"].items()}
    standing = developer.standing(service, kind["committed"], tuple(by_message))
    if standing is None:
        return []
    message = f"Put {kind['committed']} of {service} back to {standing.before}"
    made = developer.set(service, kind["committed"], standing.before, message)
    grade = next(n for n, g in kind["grades"].items() if g["value"] == standing.after)
    return [{"grade": grade, "commit": made.sha}]


def _take_back_patch(developer: Developer, _service: str, kind: dict[str, Any]) -> list[Entry]:
    """Raises CannotCommit."""
    message = f"Do not {kind['message'][0].lower()}{kind['message'][1:]}"
    try:
        return [{"commit": commit_patch(developer, PATCHES / kind["committed"], message, reverse=True).sha}]
    except DoesNotApply:
        return []  # it was not committed, or somebody has changed it since


def _inject(stack: Stack, arguments: argparse.Namespace) -> int:
    kind, service = CATALOGUE[arguments.fault], _service(arguments)
    now = time.time()
    entry: Entry = {
        "id": f"{arguments.fault}-{service}-{secrets.token_hex(3)}",
        "service": service,
        "fault": arguments.fault,
        "grade": arguments.grade or kind["default_grade"],
        "since": now,
        "until": None if arguments.seconds is None else now + arguments.seconds,
        "sticky": arguments.sticky or kind["sticky"],
    }
    stack.change(lambda entries: [other for other in entries if not _same(other, arguments.fault, service)] + [entry])
    places = stack.places()
    grade = entry["grade"]
    wait = kind["expect_within_s"] if grade != "mild" else None
    when = f"within about {wait} s" if wait else "after a while, for a mild fault is hard to tell from noise,"
    expect = f"{when} an issue for {service} opens" + (f" at {places['issues']}" if "issues" in places else "")
    if arguments.json:
        print(json.dumps(entry | {"expect": expect, "watch": places, "file": str(stack.faults_file)}))
        return 0
    _say(f"Injected {grade} {arguments.fault} into {service}: {kind['what']}.")
    _say(f"Expect: {expect}.")
    for name, place in places.items():
        _say(f"  {name:<11} {place}")
    cure = "It survives a restart." if entry["sticky"] else "A restart heals it."
    standard = os.environ.get("SRE_STATE_DIR") or _default_state()
    where = "" if arguments.state == standard else f" --state {arguments.state}"
    _say(f"{cure} Take it back with: python trigger_chaos.py {arguments.fault} --service {service} --undo{where}")
    return 0


def _service(arguments: argparse.Namespace) -> str:
    """Whom the fault is for: as asked, else the usual one, else the only one."""
    services: list[str] = CATALOGUE[arguments.fault]["services"]
    service = arguments.service or (DEFAULT_SERVICE if DEFAULT_SERVICE in services else services[0])
    if service not in services:
        _fail(f"{arguments.fault} works on {', '.join(services)}, not on {service}")
    return str(service)


def _undo(stack: Stack, arguments: argparse.Namespace) -> int:
    removed: list[Entry] = []

    def without(entries: list[Entry]) -> list[Entry]:
        removed.extend(entry for entry in entries if _same(entry, arguments.fault, arguments.service))
        return [entry for entry in entries if entry not in removed]

    stack.change(without)
    return _tell_undone(removed, _take_back(stack.developer(), arguments), arguments.json)


def _tell_undone(removed: list[Entry], committed: list[Entry], as_json: bool) -> int:
    if as_json:
        print(json.dumps({"undone": removed + committed}))
    elif not removed + committed:
        print("Nothing to undo.")
    for entry in [] if as_json else removed + committed:
        how = f" by commit {entry['commit'][:10]}" if "commit" in entry else ""
        _say(f"Undone: {' '.join(filter(None, (entry.get('grade'), entry['fault'])))} on {entry['service']}{how}.")
    return 0


def _list(stack: Stack, as_json: bool) -> int:
    now = time.time()
    entries = stack.active(now)
    if as_json:
        print(json.dumps({"faults": entries}))
    elif not entries:
        print("No faults are injected.")
    for entry in [] if as_json else entries:
        end = "until undone" if entry["sticky"] else "until a restart or undone"
        if entry["until"] is not None:
            end = f"for {entry['until'] - now:.0f} s more"
        _say(f"{entry['service']:<15} {entry['fault']:<11} {entry['grade']:<7} for {now - entry['since']:.0f} s, {end}")
    return 0


def _same(entry: Entry, fault: str | None, service: str | None) -> bool:
    return fault in {None, entry["fault"]} and service in {None, entry["service"]}


def _read_run(folder: Path) -> dict[str, Any]:
    start = "start it with ./mission-control.sh up"
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        _fail(f"no stack is running in {folder}: {start}")
    except (OSError, ValueError) as bad:
        _fail(f"{folder / 'run.json'} cannot be read: {bad}")
    if not isinstance(run, dict):
        _fail(f"{folder / 'run.json'} does not describe a stack")
    processes = run.get("processes")
    if isinstance(processes, dict) and processes and not any(_alive(pid) for pid in processes.values()):
        _fail(f"the stack of {folder} has stopped: {start}")
    return run


def _alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    """For people: what the world wrote in it is not obeyed by a terminal."""
    sys.stdout.write(printable_lines(text))


def _fail(message: str) -> NoReturn:
    sys.stderr.write(printable_lines(f"trigger_chaos.py: {message}"))
    sys.exit(CANNOT)


if __name__ == "__main__":
    with ends_with_its_reader():
        sys.exit(main())
