"""The rules that the systemd units keep, read from the files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mission_control.fleet.roster import AGENTS
from mission_control.settings import variables

UNITS: Final = Path(__file__).resolve().parents[2] / "deploy" / "systemd"


def lines(name: str, key: str) -> list[str]:
    """The values of one key, in order."""
    text = (UNITS / name).read_text(encoding="utf-8")
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def test_the_target_wants_every_agent() -> None:
    wanted = {unit for value in lines("sre-space.target", "Wants") for unit in value.split()}
    assert wanted == {f"sre-space@{agent}.service" for agent in AGENTS}


def saying(key: str, word: str) -> set[str]:
    """The files that have `word` in a value of `key`."""
    files = {path.relative_to(UNITS).as_posix() for path in UNITS.rglob("*") if path.is_file()}
    return {name for name in files if word in " ".join(lines(name, key)).split()}


def test_only_the_fixer_and_the_reader_without_a_network_may_open_the_engine() -> None:
    reader = "sre-space-engine-reader.service"
    assert saying("SupplementaryGroups", "docker") == {"sre-space@fixer.service.d/hands.conf", reader}
    assert lines(reader, "PrivateNetwork") == ["yes"]


def test_who_looks_at_containers_and_nobody_else_is_let_to_the_engine_that_is_only_shown() -> None:
    """By its group: a path that is hidden from a unit is there again when what makes it comes later."""
    lookers = {f"sre-space@{name}.service.d/eyes.conf" for name in ("scout", "brain", "guardrail")}
    assert saying("SupplementaryGroups", "sre-space-reader") == lookers
    assert saying("Environment", "DOCKER_HOST=unix:///run/sre-space/docker.sock") == lookers
    assert lines("sre-space-engine-reader.service", "Group") == ["sre-space-reader"]
    assert lines("sre-space-engine-reader.service", "UMask") == ["0007"]


def test_the_dashboard_is_told_of_no_key() -> None:
    assert lines("sre-space@dashboard.service.d/page.conf", "UnsetEnvironment") == ["SRE_KEY"]


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
