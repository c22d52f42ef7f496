"""`init`: asks which services to look after, makes keys, and opens one pull request with everything else.

Done again it finds what it did: keys are never replaced, files that are there are left, the branch is named after what
is in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mission_control.exits import Exit
from mission_control.github import GithubSaysNo
from mission_control.init.files import KEYRING, Program, files, pull_text
from mission_control.init.plan import SOCKET, Plan, env_text, shown, steps
from mission_control.settings import REPOSITORY_ROOT, BadSettings, Settings
from mission_control.terminal.shapes import InitShape
from mission_control.world.keys import make_keys
from shared.adapters.github import Address, GitHub, connect
from shared.adapters.github.pulls import GitHubPulls
from shared.adapters.github.source import GitHubSource
from shared.ports import Permanent, Transient
from shared.recall.grants import POLICY
from shared.runtime.clock import SystemClock
from shared.source import OURS, NewCommit, Pull

TITLE: Final = "Bring {} under the eyes of SRE-Space"
NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said on the command line. `source`: `owner/name` of a copy of SRE-Space on the same GitHub."""

    services: tuple[str, ...]
    source: str | None
    yes: bool
    dry_run: bool
    as_json: bool


def init(settings: Settings, answers: Answers) -> int:
    """0 when it stands or nothing is missing, APPROVAL when nobody said yes. Raises BadSettings, GithubSaysNo."""
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings(
            (
                "GITHUB_PERSONAL_ACCESS_TOKEN and GITHUB_REPOSITORY (or --repo) must be set: init speaks to a real "
                "repository, as the account that the fleet will have",
            )
        )
    with _github(settings) as github:
        plan = _plan(settings, answers, github)
        if not answers.as_json:
            sys.stdout.write(shown(plan))
        if answers.dry_run:
            return _shape(plan, None, None) if answers.as_json else 0
        if not plan.new:
            return _tell(plan, None, settings, answers)
        if not (answers.yes or _agreed()):
            sys.stderr.write("nothing was changed: answer y, or give --yes\n")
            return Exit.APPROVAL
        source = GitHubSource(github.wire)
        pull = _open(plan, source, GitHubPulls(github.wire, source, github.budget))
    return _tell(plan, pull, settings, answers)


@contextmanager
def _github(settings: Settings) -> Iterator[GitHub]:
    """Raises GithubSaysNo for what GitHub, or the way there, refused."""
    token = settings.github_token.get_secret_value() if settings.github_token else ""
    address = Address(settings.github_api_url, settings.github_repository or "", token, user_agent="sre-space/init")
    github = connect(address, settings.state_dir / "budget", SystemClock())
    try:
        yield github
    except (Transient, Permanent) as failure:
        raise GithubSaysNo(str(failure)) from failure
    finally:
        github.close()


def _plan(settings: Settings, answers: Answers, github: GitHub) -> Plan:
    repo, source = settings.github_repository or "", GitHubSource(github.wire)
    try:
        base, branch = source.head(), source.default_branch()
    except Permanent as no:
        raise GithubSaysNo(f"{no}; init needs a repository with at least one commit on its default branch") from no
    folder = settings.state_dir.resolve() / "fleets" / repo.replace("/", "--")
    services = answers.services or _asked(_managed(settings))
    wrong = [name for name in services if not NAME.fullmatch(name)]
    if wrong or not services:
        raise BadSettings((f"--service: {', '.join(wrong) or 'at least one container'} must be named exactly",))
    wanted = files(services, _keyring(folder, github.login, answers.dry_run), _program(answers.source))
    there = source.files(base, tuple(wanted))
    new = {path: text for path, text in wanted.items() if path not in there}
    kept = tuple(path for path in wanted if path in there)
    if KEYRING in there and there[KEYRING].data != wanted[KEYRING].encode():
        raise GithubSaysNo(f"{repo} has a {KEYRING} with other keys: its fleet was set up from somewhere else")
    return Plan(repo, github.login, services, new, kept, base, branch, folder)


def _keyring(folder: Path, login: str, dry_run: bool) -> str:
    """The public keys, made where there are none; of those that a dry run makes only the text is real."""
    there = folder / "keys.toml"
    if not dry_run:
        make_keys(folder / "keys", there, login)
    if there.exists():
        return there.read_text(encoding="utf-8")
    with TemporaryDirectory() as made:
        make_keys(Path(made, "keys"), Path(made, "keys.toml"), login)
        return Path(made, "keys.toml").read_text(encoding="utf-8")


def _managed(settings: Settings) -> tuple[str, ...]:
    """Containers on the engine that carry the fleet's label; none where no engine answers."""
    import docker

    address = settings.docker_host or (f"unix://{SOCKET}" if SOCKET.exists() else None)
    if address is None:
        return ()
    try:
        client = docker.DockerClient(base_url=address, version="auto", timeout=5)
    except docker.errors.DockerException:
        return ()
    try:
        found = client.containers.list(all=True, filters={"label": "sre-space.managed=true"})
        return tuple(sorted(one.name for one in found if one.name and NAME.fullmatch(one.name)))
    except docker.errors.DockerException:
        return ()
    finally:
        client.close()


def _asked(found: tuple[str, ...]) -> tuple[str, ...]:
    if not sys.stdin.isatty():
        return found
    usual = f" [{' '.join(found)}]" if found else ""
    sys.stdout.write(f"Containers that the fleet may restart once you approve, by exact name{usual}: ")
    sys.stdout.flush()
    return tuple(dict.fromkeys(sys.stdin.readline().replace(",", " ").split())) or found


def _program(source: str | None) -> Program | None:
    """This copy's commit, at `source`. Raises BadSettings where this is no copy with a commit."""
    if source is None:
        return None
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise BadSettings((f"--source {source}: must be owner/name",))
    asked = ["git", "-C", str(REPOSITORY_ROOT), "rev-parse", "HEAD"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise BadSettings(("--source: this copy of SRE-Space has no commit that a workflow could fetch",))
    return Program(source, told.stdout.strip())


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stdout.write("Open this pull request? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def _open(plan: Plan, source: GitHubSource, pulls: GitHubPulls) -> Pull:
    text = "\n".join((plan.base, *(f"{path}\n{plan.new[path]}" for path in sorted(plan.new))))
    branch = f"{OURS}init-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    title = TITLE.format(", ".join(plan.services[:3]) + (" and others" if len(plan.services) > 3 else ""))
    data = {path: text.encode() for path, text in plan.new.items()}
    pulls.branch(branch, NewCommit(plan.base, data, title, source.commit(plan.base).at))
    return pulls.propose(branch, title, pull_text(plan.services, plan.new, plan.kept), ())


def _tell(plan: Plan, pull: Pull | None, settings: Settings, answers: Answers) -> int:
    """Leave the file that the fleet is started with, and say what is next."""
    if POLICY in plan.new:
        plan.policy.write_text(plan.new[POLICY], encoding="utf-8")
    plan.env.write_text(env_text(plan, settings), encoding="utf-8")
    if answers.as_json:
        return _shape(plan, pull, plan.env)
    sys.stdout.write(steps(plan, pull, settings))
    return 0


def _shape(plan: Plan, pull: Pull | None, env: Path | None) -> int:
    told: InitShape = {
        "repo": plan.repo, "account": plan.account, "services": list(plan.services), "new": sorted(plan.new),
        "kept": list(plan.kept), "env": None if env is None else str(env),
        "pull": None if pull is None else {"number": pull.number, "url": pull.link, "branch": pull.branch},
    }  # fmt: skip
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0
