"""The rules that the systemd units keep, read from the files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mission_control.roster import AGENTS
from mission_control.settings import variables

UNITS: Final = Path(__file__).resolve().parents[2] / "deploy" / "systemd"


def lines(name: str, key: str) -> list[str]:
    """The values of one key, in order."""
    text = (UNITS / name).read_text(encoding="utf-8")
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def test_the_target_wants_every_agent() -> None:
    wanted = {unit for value in lines("sre-space.target", "Wants") for unit in value.split()}
    assert wanted == {f"sre-space@{agent}.service" for agent in AGENTS}


def test_only_the_fixer_and_the_reader_without_a_network_may_open_the_engine() -> None:
    holders = {path.relative_to(UNITS).as_posix() for path in UNITS.rglob("*") if path.is_file()}
    holders = {name for name in holders if "docker" in " ".join(lines(name, "SupplementaryGroups"))}
    assert holders == {"sre-space@fixer.service.d/hands.conf", "sre-space-engine-reader.service"}
    assert lines("sre-space-engine-reader.service", "PrivateNetwork") == ["yes"]


def test_a_worker_sees_its_own_key_alone_and_runs_bounded_and_without_capabilities() -> None:
    unit = "sre-space@.service"
    assert lines(unit, "TemporaryFileSystem") == ["/etc/sre-space/keys:ro"]
    assert lines(unit, "BindReadOnlyPaths") == ["-/etc/sre-space/keys/%i.key"]
    assert lines(unit, "CapabilityBoundingSet") == [""]
    assert lines(unit, "NoNewPrivileges") == ["yes"]
    assert lines(unit, "MemoryMax")


def test_the_units_set_only_what_the_settings_know() -> None:
    names = {pair.partition("=")[0] for value in lines("sre-space@.service", "Environment") for pair in value.split()}
    ours = {name for name in names if name.startswith(("SRE_", "DOCKER_"))}
    assert ours <= set(variables().values())
