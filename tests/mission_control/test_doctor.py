"""What doctor makes of what it saw: every finding is in the table and on the page, and each fault is told apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mission_control.doctor import engine, github_judged, keyring, machine, parts, policy, world
from mission_control.doctor.engine import EngineSeen
from mission_control.doctor.finding import Finding, wrong
from mission_control.doctor.github_seen import GithubSeen, Rules, kind_of
from mission_control.doctor.keyring import KeysSeen, OwnKey
from mission_control.doctor.machine import LEAST_ROOM, Machine
from mission_control.doctor.parts import Asked, PartsSeen
from mission_control.doctor.policy import PolicySeen
from mission_control.doctor.table import TABLE
from mission_control.doctor.world import World
from mission_control.github import LabelChange
from mission_control.settings import read_settings
from shared.incident.signing import Keyring
from shared.testing import log
from shared.testing.log import public_key, signer
from tests.machine import ROOT

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PLACE = Path("/srv/state")
ABOUT: dict[str, Any] = {
    "has_issues": True,
    "archived": False,
    "private": True,
    "allow_merge_commit": True,
    "allow_auto_merge": False,
    "default_branch": "main",
    "permissions": {"push": True, "admin": False},
}
SEEN = GithubSeen(
    repo="acme/shop",
    login="sre-fleet",
    kind="classic",
    scopes=frozenset({"repo"}),
    repository=ABOUT,
    rules=Rules(protected=True),
    rate=(4000, 5000, NOW),
    skew_s=0.4,
    operator="olivia",
    writes_left=60,
)


def faults(findings: Iterator[Finding]) -> set[str]:
    return {finding.id for finding in findings if not finding.ok}


def github(merge: str = "propose", about: dict[str, Any] | None = None, **seen: Any) -> set[str]:
    what = replace(SEEN, repository=ABOUT | (about or {}), **seen)
    return faults(github_judged.judge(what, merge, frozenset({"sre-fleet"})))


def said_in_code() -> set[str]:
    """Every id that the code can say, from its calls of `well` and `wrong`."""
    found: set[str] = set()
    for file in (ROOT / "mission_control" / "doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id in ("well", "wrong", "_reached") and node.args:  # type: ignore[attr-defined]
                first = node.args[0]  # type: ignore[attr-defined]
                found |= {str(first.value)} if isinstance(first, ast.Constant) else set()
    return found


def test_every_id_that_the_code_says_is_in_the_table_and_each_of_the_table_is_said() -> None:
    assert said_in_code() == set(TABLE)


def test_the_page_of_findings_is_up_to_date_and_has_each_of_them() -> None:
    done = subprocess.run(
        [sys.executable, "docs/doctor.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert all(f"\n### {id}\n" in told for id in TABLE)


def test_every_finding_has_a_reason_and_one_line_that_mends_it() -> None:
    values = dict.fromkeys(("where", "how", "log", "login", "repo", "what", "branch", "reset", "role", "days"), "X")
    for id in TABLE:
        found = wrong(id, "seen", file="X", **values)
        assert found.why
        assert found.fix
        assert "\n" not in found.fix


def test_a_repository_and_a_token_as_they_should_be_have_no_fault() -> None:
    assert github() == set()
    assert github("policy") == set()


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("github", {"trouble": "401 Bad credentials"}),
        ("token-narrow", {"scopes": frozenset({"public_repo"})}),
        ("token-narrow", {"scopes": None, "may": {"issues": True, "contents": False}}),
        ("token-wide", {"scopes": frozenset({"repo", "delete_repo"})}),
        ("token-wide", {"scopes": None, "may": {"issues": True}, "too_much": ("secrets",)}),
        ("token-kind", {"kind": "app", "scopes": None, "may": {"issues": True}}),
        ("permission", {"about": {"permissions": {"pull": True}}}),
        ("permission-wide", {"about": {"permissions": {"push": True, "admin": True}}}),
        ("one-account", {"operator": "sre-fleet"}),
        ("issues", {"about": {"has_issues": False}}),
        ("writable", {"about": {"archived": True}}),
        ("public", {"about": {"private": False}}),
        ("merge-method", {"about": {"allow_merge_commit": False}}),
        ("auto-merge", {"about": {"allow_auto_merge": True}}),
        ("labels", {"labels": (LabelChange("incident", None, "b60205", "x"),)}),
        ("branch-rules", {"rules": Rules(protected=False)}),
        ("branch-reviews", {"merge": "policy", "rules": Rules(protected=True, reviews=1)}),
        ("rate-budget", {"rate": (40, 5000, NOW)}),
        ("write-budget", {"writes_left": 0}),
        ("clock", {"skew_s": -31.0}),
        ("clock", {"skew_s": 3600.0}),
    ],
)
def test_each_fault_of_the_control_plane_is_told_by_its_name_and_alone(fault: str, seen: dict[str, Any]) -> None:
    assert github(**seen) == {fault}


def test_on_the_embedded_forge_what_is_public_is_public_to_nobody_and_its_account_may_administer_it() -> None:
    about = {"private": False, "permissions": {"push": True, "admin": True}}
    assert github(about=about, embedded=True, rules=Rules(protected=False)) == set()


def test_a_note_does_not_count_as_bad() -> None:
    assert {id for id, entry in TABLE.items() if entry.severity == "note"} >= {"token-wide", "public", "clock"}


@pytest.mark.parametrize(
    ("token", "kind"),
    [("ghp_a", "classic"), ("github_pat_a", "fine-grained"), ("ghs_a", "app"), ("anything", "unknown")],
)
def test_the_kind_of_a_token_is_told_by_its_beginning(token: str, kind: str) -> None:
    assert kind_of(token) == kind


def keys(ring: Keyring | None, *own: OwnKey, now: datetime = NOW) -> set[str]:
    return faults(keyring.judge(KeysSeen(PLACE / "keys.toml", ring, "damaged" if ring is None else "", own, now)))


def own(mode: int = 0o600, salt: str = "", trouble: str = "") -> OwnKey:
    public = None if trouble else public_key(signer("scout", salt)).key
    return OwnKey("scout", PLACE / "keys" / "scout.key", mode, public, trouble)


def test_keys_are_judged_by_validity_mode_and_whether_their_halves_belong_together() -> None:
    ring = log.keyring()
    start = ring.keys[0].not_before + timedelta(days=365)
    assert keys(ring, own(), now=start) == set()
    assert keys(None) == {"keyring"}
    assert keys(ring, own(mode=0o640), now=start) == {"key-file"}
    assert keys(ring, own(trouble="not an ed25519 key"), now=start) == {"key-file"}
    assert keys(ring, own(salt="another"), now=start) == {"key-pair"}
    assert keys(ring, now=ring.keys[0].not_after - timedelta(days=3)) == {"key-expires"}
    assert keys(ring, now=ring.keys[0].not_after + timedelta(seconds=1)) == {"key-expired"}
    assert keys(ring, now=ring.keys[0].not_before - timedelta(seconds=1)) == {"key-expired"}
    some = Keyring(tuple(row for row in ring.keys if row.role != "brain"), ring.accounts)
    assert keys(some, now=start) == {"key-missing"}


def test_where_one_worker_lives_its_key_is_known_by_the_keyring_and_nobody_elses_is_missed(tmp_path: Path) -> None:
    ring, file = log.keyring(), tmp_path / "mine.key"
    mine = OwnKey(None, file, 0o600, public_key(signer("memory", "")).key)
    seen = KeysSeen(PLACE / "keys.toml", ring, "", (mine,), ring.keys[0].not_before)
    assert seen.worker == "memory"
    assert [found.about for found in keyring.judge(seen) if found.id == "key-pair"] == ["memory"]
    strange = replace(seen, own=(replace(mine, public=bytes(32)),))
    assert strange.worker is None
    assert faults(keyring.judge(strange)) == {"key-pair"}
    assert (seen.works_here("memory"), seen.works_here("fixer", "escalation"), strange.works_here("fixer")) == (1, 0, 1)
    file.write_text("no key")
    read = keyring.read(read_settings(state_dir=tmp_path, key=file), None, NOW)
    assert [(key.role, key.file) for key in read.own] == [(None, file)]


def test_where_no_key_lies_nobody_who_needs_one_works_unless_nothing_is_set_up_yet() -> None:
    herald = KeysSeen(PLACE / "keys.toml", log.keyring(), "", (), NOW)
    assert not herald.works_here("fixer")
    assert replace(herald, keyring=None).works_here("fixer")
    assert replace(herald, own=(replace(own(), role="fixer"),)).works_here("fixer")


def test_an_old_key_beside_a_new_one_is_no_fault() -> None:
    ring = log.keyring()
    old = replace(ring.keys[0], not_before=NOW - timedelta(days=400), not_after=NOW - timedelta(days=30))
    start = ring.keys[0].not_before + timedelta(days=365)
    assert keys(Keyring((old, *ring.keys), ring.accounts), now=start) == set()


def test_the_machine_is_judged_by_its_python_git_room_and_folder() -> None:
    fine = Machine((3, 12, 1), "git version 2", PLACE, LEAST_ROOM, 0o700)
    assert faults(machine.judge(fine)) == set()
    assert faults(machine.judge(Machine((3, 10, 0), None, PLACE, LEAST_ROOM - 1, 0o777))) == {
        "python", "git", "disk", "state-folder",
    }  # fmt: skip


def test_the_world_is_judged_by_its_owner_its_processes_and_its_record() -> None:
    there = World(PLACE, False, 4, 4, 0o600, (("forge", 5, True),))
    assert faults(world.judge(there)) == set()
    assert faults(world.judge(World(PLACE, False))) == {"world"}
    assert faults(world.judge(World(PLACE, True))) == set()
    assert faults(world.judge(World(PLACE, False, 4, None, 0o644, (("forge", 5, False),)))) == {
        "world", "run-json", "process",
    }  # fmt: skip


def test_parts_are_judged_one_by_one() -> None:
    fine = PartsSeen(Asked("k:1"), {"a": 12}, Asked("http://t"), "v3", Asked("http://p"))
    assert faults(parts.judge(fine, 12)) == set()
    assert faults(parts.judge(PartsSeen(), 12)) == set()
    assert faults(parts.judge(replace(fine, kafka=Asked("k:1", "refused"), topics={"a": 1}), 12)) == {"kafka", "topics"}
    assert faults(parts.judge(replace(fine, traces_api="legacy"), 12)) == {"traces-api"}
    assert faults(parts.judge(replace(fine, prometheus=Asked("http://p", "404")), 12)) == {"prometheus"}


def test_an_engine_is_judged_by_who_may_write_and_what_is_managed() -> None:
    fine = EngineSeen("unix:///ro", writes=False, managed=("shop",))
    assert faults(engine.judge(fine)) == set()
    assert faults(engine.judge(EngineSeen("unix:///ro", "refused"))) == {"engine"}
    assert faults(engine.judge(EngineSeen("unix:///rw", writes=True))) == {"engine-hands", "managed"}
    assert faults(engine.judge(replace(fine, writes=True), fixers_own=True)) == set()


def test_the_policy_is_held_against_the_containers_that_are_there() -> None:
    file = PLACE / "policy.yaml"
    assert faults(policy.judge(PolicySeen(file, services=("shop",), managed=("shop",)))) == set()
    assert faults(policy.judge(PolicySeen(file, "version: 2"))) == {"policy"}
    assert faults(policy.judge(PolicySeen(file, services=("shoq",), managed=("shop",)))) == {
        "policy-stranger", "policy-unlisted",
    }  # fmt: skip
    assert faults(policy.judge(PolicySeen(file, services=("shop",), managed=None))) == set()


@pytest.mark.parametrize(("same", "fault"), [(None, set()), (True, set()), (False, {"policy-reviewed"})])
def test_the_policy_that_is_obeyed_is_held_against_the_one_that_people_review(
    same: bool | None, fault: set[str]
) -> None:
    assert faults(policy.judge(PolicySeen(PLACE / "policy.yaml", services=("shop",), reviewed=same))) == fault
