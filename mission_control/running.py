"""Which control plane a command speaks to: the one in the settings, else the one of the running world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mission_control import record
from mission_control.github import Repository
from mission_control.settings import Settings
from shared.incident.signing import Keyring, parse_keyring


@dataclass(frozen=True, slots=True)
class Target:
    """A repository to speak to, and where the fleet's public keys are."""

    repository: Repository
    keyring_file: Path

    def keyring(self) -> Keyring:
        """The fleet's public keys. Raises ValueError or OSError when the file cannot be used."""
        return parse_keyring(self.keyring_file.read_text(encoding="utf-8"))


def target(settings: Settings, account: Literal["fleet", "operator"] = "fleet") -> Target:
    """The control plane, seen by `account`. Raises record.NotRunning when none is given and none runs."""
    if settings.github_token is not None:
        token = settings.github_token.get_secret_value()
        return Target(Repository(settings.github_api_url, settings.github_repository or "", token), settings.keys_file)
    running = record.read(settings.state_dir.resolve())
    tokens = running.github["tokens"]
    token = tokens.get(account) or tokens["fleet"]
    return Target(Repository(running.github["api"], running.github["repo"], token), settings.keys_file)
