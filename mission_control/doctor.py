"""`doctor`: looks at everything the fleet needs here, and says of each fault what it is, why, and how to mend it."""

from __future__ import annotations

import json
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, get_args

import requests

from mission_control import record
from mission_control.github import GithubSaysNo
from mission_control.keys import read_key
from mission_control.running import target
from mission_control.settings import BadSettings, Settings
from shared.incident.labels import CATALOGUE
from shared.incident.record import Role

_TIMEOUT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` is empty when it is as it should be."""

    id: str
    ok: bool
    why: str
    fix: str = ""


def doctor(settings: Settings, as_json: bool, fix: bool = False) -> int:
    """0 when all is well, 3 when something is not. `fix`: make the topics of a Kafka that was given first."""
    mended = tuple(_mend(settings)) if fix else ()
    state = settings.state_dir.resolve()
    try:
        running: record.Record | None = record.read(state)
    except record.NotRunning:
        running = None
    findings = [*mended, *(finding for look in _LOOKS for finding in look(settings, running))]
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        for finding in findings:
            sys.stdout.write(f"{'ok  ' if finding.ok else 'BAD '} {finding.id:20} {finding.why}\n")
            if finding.fix:
                sys.stdout.write(f"{'':26}→ {finding.fix}\n")
    return 0 if all(finding.ok for finding in findings) else 3


def _tools(_settings: Settings, _running: record.Record | None) -> Iterator[Finding]:
    new_enough = sys.version_info >= (3, 11)
    yield Finding("python", new_enough, platform.python_version(), "" if new_enough else "install Python 3.11 or newer")
    git = shutil.which("git")
    if git is None:
        yield Finding("git", False, "not found on PATH", "install git")
        return
    version = subprocess.run([git, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    yield Finding("git", bool(version), version or f"{git} does not run", "" if version else "reinstall git")


def _world(settings: Settings, running: record.Record | None) -> Iterator[Finding]:
    state = settings.state_dir.resolve()
    if running is None:
        ok = settings.github_token is not None
        why = "the real GitHub is configured" if ok else f"nothing runs on {state}"
        yield Finding("world", ok, why, "" if ok else "./mission-control.sh up")
        return
    alive = record.owner(state) is not None
    why = f"supervisor {running.supervisor} on {state}"
    yield Finding("world", alive, why if alive else f"{why} is gone", "" if alive else "./mission-control.sh down")
    mode = (state / record.FILE).stat().st_mode & 0o077
    yield Finding("run.json", not mode, "readable by its owner only" if not mode else "others can read its tokens",
                  "" if not mode else f"chmod 600 {state / record.FILE}")  # fmt: skip
    for name, pid in running.processes.items():
        there = Path(f"/proc/{pid}").exists() if sys.platform == "linux" else True
        log = state / "logs" / f"{name}.log"
        yield Finding(f"process {name}", there, f"pid {pid}", "" if there else f"read {log}")


def _github(settings: Settings, running: record.Record | None) -> Iterator[Finding]:
    if running is None and settings.github_token is None:
        return
    try:
        repository = target(settings).repository
        login = repository.login()
        there = {row["name"] for row in repository.pages("/labels")}
        permission = repository.call("GET", f"/collaborators/{login}/permission").json()["permission"]
    except GithubSaysNo as no:
        yield Finding("github", False, str(no), "check GITHUB_API_URL, GITHUB_REPOSITORY and the token's permissions")
        return
    yield Finding("github", True, f"{repository.name} as {login}")
    may = permission in ("write", "admin")
    yield Finding("github permission", may, f"{login} has {permission}",
                  "" if may else f"give {login} write access to {repository.name}")  # fmt: skip
    missing = sorted(set(map(str, CATALOGUE)) - there)
    yield Finding("labels", not missing, f"{len(CATALOGUE) - len(missing)} of {len(CATALOGUE)} are there",
                  "" if not missing else f"./mission-control.sh labels --sync: {', '.join(missing[:3])} …")  # fmt: skip


def _parts(settings: Settings, running: record.Record | None) -> Iterator[Finding]:
    kafka = running.kafka if running else settings.kafka
    if kafka:
        yield _reached("kafka", kafka, lambda: _connect(kafka), "start it or unset KAFKA_BOOTSTRAP_SERVERS")
    query = running.traces.get("query") if running else settings.jaeger_url
    if query:
        yield _reached("traces", query, lambda: _get(f"{query}/api/v3/services"), "start it or check JAEGER_URL")
    docker = running.docker if running else settings.docker_host
    if docker:
        yield _reached("engine", docker, lambda: _ping(docker), "start it or check DOCKER_HOST")


def _topics(settings: Settings, _running: record.Record | None) -> Iterator[Finding]:
    """Of a Kafka that was given: the embedded broker makes topics by itself, and cannot be asked to."""
    if settings.kafka is None:
        return
    from mission_control.topics import partitions_of

    try:
        have = partitions_of(settings.kafka, _TIMEOUT)
    except OSError as error:
        yield Finding("topics", False, f"cannot be listed: {error}", "start Kafka")
        return
    few = sorted(name for name, count in have.items() if count < settings.partitions)
    why = f"{len(have) - len(few)} of {len(have)} have {settings.partitions} partitions"
    yield Finding("topics", not few, why, f"./mission-control.sh doctor --fix makes {', '.join(few)}" if few else "")


def _mend(settings: Settings) -> Iterator[Finding]:
    if settings.kafka is None:
        yield Finding(
            "topics made", True, "none: KAFKA_BOOTSTRAP_SERVERS is not set, the embedded broker needs no help"
        )
        return
    from mission_control.topics import TopicsNotMade, make_topics

    try:
        made = make_topics(settings.kafka, settings.partitions)
    except (TopicsNotMade, OSError) as error:
        yield Finding("topics made", False, str(error), "look at the broker's log and the rights of this client")
        return
    yield Finding("topics made", True, ", ".join(made) or "all were there")


def _keys(settings: Settings, running: record.Record | None) -> Iterator[Finding]:
    file = settings.keys_file
    if running is None and settings.github_token is None and not file.exists():
        return
    try:
        count = len(target(settings).keyring().keys)
        yield Finding("keyring", True, f"{count} public keys in {file}")
    except (OSError, ValueError) as error:
        yield Finding("keyring", False, str(error), "set SRE_KEYRING to the fleet's keys.toml, or run up to make one")
    for role in get_args(Role):
        own = settings.key_file(role)
        if not own.exists():
            continue
        try:
            read_key(own)
        except (OSError, ValueError) as error:
            yield Finding(f"key {role}", False, str(error), f"chmod 600 {own}, or make a new one")


def _policy(settings: Settings, _running: record.Record | None) -> Iterator[Finding]:
    from mission_control.policy_file import read_policy

    try:
        policy = read_policy(settings)
    except BadSettings as bad:
        yield Finding("policy", False, bad.lines[0], "mend it; until then nothing is allowed")
        return
    yield Finding("policy", True, f"{settings.policy}: {len(policy.services)} services")


def _sandbox(settings: Settings, _running: record.Record | None) -> Iterator[Finding]:
    from mission_control.sandbox import choose

    chosen = choose(settings)
    strength = chosen.sandbox.strength
    if strength.word == "none":
        fix = (
            "install bubblewrap, or set SRE_SANDBOX_IMAGE and SRE_SANDBOX_DOCKER_HOST; until then proofs are unverified"
        )
        yield Finding("sandbox", False, strength.line, fix)
        return
    yield Finding("sandbox", True, f"{strength.word}: {strength.line} ({chosen.why})")


def _knowledge(settings: Settings, running: record.Record | None) -> Iterator[Finding]:
    where = settings.chroma_url or (running.knowledge if running else None)
    if where is None:
        return
    from mission_control.memory_index import state_of

    try:
        ok, why = state_of(settings, target(settings), kept=running is None or "memory" in running.workers)
    except (GithubSaysNo, record.NotRunning) as no:
        ok, why = False, str(no)
    fix = "start Chroma or check CHROMA_URL; then Memory fills it, or ./mission-control.sh memory rebuild does"
    yield Finding("knowledge", ok, why, "" if ok else fix)


def _model(settings: Settings, _running: record.Record | None) -> Iterator[Finding]:
    if settings.model is None:
        return
    from mission_control.adviser import OPENAI, try_out

    what = f"{settings.model} at {settings.model_url or OPENAI}"
    told = try_out(settings)
    if told.text is None:
        said = f"status {told.status}" if told.status else told.why
        yield Finding("model", False, f"{what}: {said}", "check SRE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY")
        return
    try:
        kept = json.loads(told.text) == {"ok": True}
    except ValueError:
        kept = False
    if not kept:
        yield Finding("model", False, f"{what} answers, but not in the form asked for", "choose another SRE_MODEL")
        return
    how = "with a schema" if told.structured else "asked plainly: the server takes no schema"
    yield Finding("model", True, f"{what} answers in the form asked for, {how}")


def _reached(name: str, where: str, reach: Callable[[], None], fix: str) -> Finding:
    try:
        reach()
    except (OSError, ValueError) as error:  # requests' and docker's errors about connections are OSErrors
        return Finding(name, False, f"{where} does not answer: {error}", fix)
    return Finding(name, True, where)


def _connect(brokers: str) -> None:
    host, _, port = brokers.split(",", maxsplit=1)[0].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_TIMEOUT):
        return


def _get(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = "//127.0.0.1" not in url
        session.get(url, timeout=_TIMEOUT).raise_for_status()


def _ping(address: str) -> None:
    import docker

    try:
        client = docker.DockerClient(base_url=address, version="auto", timeout=int(_TIMEOUT))
    except docker.errors.DockerException as error:
        raise OSError(str(error)) from error
    client.close()


_LOOKS: Final = (_tools, _world, _github, _parts, _topics, _keys, _policy, _sandbox, _knowledge, _model)
