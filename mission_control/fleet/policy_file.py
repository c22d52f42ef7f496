"""The policy that the settings name, read from its file."""

from __future__ import annotations

from mission_control.settings import BadSettings, Settings
from shared.policy.model import Policy, parse_policy


def read_policy(settings: Settings) -> Policy:
    """Every merge is a person's unless SRE_MERGE=policy. Raises BadSettings with a line for each thing to mend."""
    try:
        policy = parse_policy(settings.policy.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        lines = str(error).splitlines()
        raise BadSettings(tuple(f"SRE_POLICY {settings.policy}: {line}" for line in lines)) from error
    return policy if settings.merge == "policy" else policy.proposing()
