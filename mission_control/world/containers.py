"""`keys` and `seed`: what a stack of containers needs before its workers start, made once and found again."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mission_control.exits import Ended
from mission_control.fleet.policy_file import read_policy
from mission_control.github import GithubSaysNo, Repository, pages
from mission_control.settings import BadSettings, Settings
from mission_control.world.keys import FLEET, REPOSITORY, make_accounts, make_keys
from mission_control.world.patients import SERVICES
from mission_control.world.record import Record
from mission_control.world.seed import NotSeeded, seed

ALERT_TOKEN: Final = "SRE_ALERT_TOKEN"  # noqa: S105 - its name
TOKEN: Final = "GITHUB_PERSONAL_ACCESS_TOKEN"  # noqa: S105 - its name
_MADE: Final = (TOKEN, "GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_SERVER_URL")
"""Settings that are made here when no GitHub is given; each is a file (see SRE_SETTINGS_DIR)."""
_AGAIN_AFTER: Final = 0.5


class NotMade(Ended):
    """Something that the fleet needs could not be made; the message says what and why."""


@dataclass(frozen=True, slots=True)
class SeenByPeople:
    """Where people open what the stack publishes: base URLs."""

    forge: str
    traces: str
    marketplace: str


@dataclass(frozen=True, slots=True)
class Places:
    """Folders and files that are made: `fleet` for every worker, the forge's `accounts`, Alertmanager's `token`."""

    fleet: Path
    accounts: Path
    token: Path


def make_for_containers(settings: Settings, places: Places, forge: str, site: str) -> int:
    """A key for each role in a folder of its own, the keyring and the made settings, accounts and the alerts' token.

    `forge` is its address as the workers reach it, `site` as people do; with a GitHub token given, nothing is made that
    points to it.
    """
    made = places.fleet / "settings"
    made.mkdir(mode=0o750, exist_ok=True)
    _share_token(settings, made / ALERT_TOKEN, places.token)
    if settings.github_token is not None:
        for name in _MADE:
            (made / name).unlink(missing_ok=True)
        token = settings.github_token.get_secret_value()
        login = Repository(settings.github_api_url, settings.github_repository or "", token).login()
    else:
        tokens, login = make_accounts(places.accounts), FLEET
        for name, value in zip(_MADE, (tokens.fleet, REPOSITORY, f"{forge}/api/v3", site), strict=True):
            _write(made / name, value)
    make_keys(settings.keys_dir or settings.state_dir / "keys", places.fleet / "keys.toml", login, apart=True)
    sys.stdout.write(f"the fleet is {login}; its keys are made\n")
    return 0


def seed_for_containers(settings: Settings, seen: SeenByPeople, faults: Path, within: float) -> int:
    """Labels, topics and, in an empty forge, the first files; then `faults`/run.json, which trigger_chaos.py reads.

    Exit code 1 when GitHub does not answer within `within` seconds, or Kafka refuses.
    """
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings((f"{TOKEN} and GITHUB_REPOSITORY must be set, or made by `mission-control keys`",))
    read_policy(settings)
    token = settings.github_token.get_secret_value()
    repository = Repository(settings.github_api_url, settings.github_repository, token)
    own = settings.github_repository == REPOSITORY and settings.github_api_url.startswith("http://forge:")
    try:
        _await(repository.sync_labels, within)
        if settings.kafka is not None:
            _make_topics(settings.kafka, settings.partitions)
        if own:
            seed(pages(settings.github_api_url), REPOSITORY, token, settings.policy, settings.keys_file)
    except NotSeeded as error:
        raise GithubSaysNo(str(error)) from error
    theirs = pages(settings.github_api_url, settings.github_server_url)
    _record(settings, seen if own else replace(seen, forge=theirs), faults)
    return 0


def _await(ask: Callable[[], object], within: float) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            ask()
        except GithubSaysNo:
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_AFTER)
        else:
            return


def _make_topics(brokers: str, partitions: int) -> None:
    """A consumer that subscribes before a topic is there hears of it only with its next look at the metadata."""
    from mission_control.fleet.topics import TopicsNotMade, make_topics

    try:
        make_topics(brokers, partitions)
    except (TopicsNotMade, OSError) as error:
        raise NotMade(f"Kafka at {brokers}: {error}") from error


def _record(settings: Settings, seen: SeenByPeople, faults: Path) -> None:
    """run.json without tokens: the patients can read this folder."""
    Record(
        github={"url": seen.forge, "api": settings.github_api_url, "repo": settings.github_repository, "tokens": {}},
        kafka=settings.kafka,
        traces={"otlp": settings.otlp_url, "query": seen.traces},
        docker=None,
        docker_readonly=None,
        marketplace=seen.marketplace,
        faults=str(faults / "faults.json"),
        processes={},
        containers=dict.fromkeys(SERVICES, ""),
        supervisor=0,
        state=str(faults),
    ).write()


def _share_token(settings: Settings, for_scout: Path, for_alertmanager: Path) -> None:
    """The bearer token that Alertmanager shows to Scout: the given one, else one made once."""
    if settings.alert_token is not None:
        token = settings.alert_token.get_secret_value()
    elif for_scout.exists():
        token = for_scout.read_text(encoding="utf-8")
    else:
        token = secrets.token_urlsafe(30)
    for file in (for_scout, for_alertmanager):
        _write(file, token)


def _write(file: Path, value: str) -> None:
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(value, encoding="utf-8")
    temporary.replace(file)
