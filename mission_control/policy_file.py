"""The policy that the settings name, read from its file."""

from __future__ import annotations

from mission_control.settings import BadSettings, Settings
from shared.policy.model import Policy, parse_policy


def read_policy(settings: Settings) -> Policy:
    """Raises BadSettings with a line for each thing to mend."""
    try:
        return parse_policy(settings.policy.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        lines = str(error).splitlines()
        raise BadSettings(tuple(f"SRE_POLICY {settings.policy}: {line}" for line in lines)) from error
