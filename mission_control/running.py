"""Which control plane a command speaks to: the one in the settings, else the one of the running world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mission_control.exits import Ended, Exit
from mission_control.github import Repository
from mission_control.settings import Settings
from mission_control.world import record

if TYPE_CHECKING:
    from shared.incident.signing import Keyring


@dataclass(frozen=True, slots=True)
class Target:
    """A repository to speak to, and where the fleet's public keys are."""

    repository: Repository
    keyring_file: Path

    def keyring(self) -> Keyring:
        """The fleet's public keys. Raises ValueError or OSError when the file cannot be used."""
        from shared.incident.signing import parse_keyring  # cryptography: most commands check no signature

        return parse_keyring(self.keyring_file.read_text(encoding="utf-8"))


class NoOperator(Ended):
    """Whose words these are is not known: a token of a person is missing."""

    code = Exit.USAGE


def target(settings: Settings, account: Literal["fleet", "operator"] = "fleet") -> Target:
    """The control plane, seen by `account`. Raises record.NotRunning when none is given and none runs."""
    if settings.github_token is not None:
        token = settings.github_token.get_secret_value()
        return Target(Repository(settings.github_api_url, settings.github_repository or "", token), settings.keys_file)
    running = record.read(settings.state_dir.resolve())
    tokens = running.github["tokens"]
    token = tokens.get(account) or tokens["fleet"]
    return Target(Repository(running.github["api"], running.github["repo"], token), settings.keys_file)


def as_operator(settings: Settings) -> Target:
    """The control plane, seen by a person: SRE_OPERATOR_TOKEN, else the running world's operator.

    Raises NoOperator or record.NotRunning. The fleet's own token never speaks for a person.
    """
    own = settings.operator_token.get_secret_value() if settings.operator_token is not None else None
    if settings.github_token is not None:
        api, name = settings.github_api_url, settings.github_repository or ""
    else:
        running = record.read(settings.state_dir.resolve())
        api, name = running.github["api"], running.github["repo"]
        own = own or running.github["tokens"].get("operator")
    if own is None:
        raise NoOperator(
            "GITHUB_PERSONAL_ACCESS_TOKEN is the fleet's, and no account of the fleet may speak for a person:\n"
            "set SRE_OPERATOR_TOKEN to a token of your own that may write issues here"
        )
    return Target(Repository(api, name, own), settings.keys_file)
