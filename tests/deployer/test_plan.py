"""What must be made anew for which difference between two commits. Pure: no repository, no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mission_control.deployer.plan import Plan, Seen, plan
from mission_control.deployer.release import BadRelease, Release
from mission_control.world.patients import LOAD, SERVICES, Site, marketplace
from shared.gitops.stack import Service

ALL = (*SERVICES, LOAD)
SITE = Site({name: 8000 + n for n, name in enumerate(ALL)}, Path("/state"), "http://127.0.0.1:4318", "127.0.0.1:9092")
BLOBS = {
    "deploy/stack.yaml": "s1",
    "protected_services/__init__.py": "i1",
    "protected_services/README.md": "r1",
    "protected_services/faults.json": "f1",
    "protected_services/common/serving.py": "c1",
    **{f"protected_services/{name.replace('-', '_')}/app.py": f"{name}1" for name in ALL},
}
USUAL = Service(memory_mib=192, environment={"KEY": "1"})
BASE = Release("a" * 40, Path("/releases/a"), BLOBS, dict.fromkeys(SERVICES, USUAL))


def specs(release: Release) -> dict[str, str]:
    return {patient.name: patient.digest for patient in marketplace(SITE, release)}


def running(release: Release) -> dict[str, Seen]:
    return {name: Seen(spec, "running") for name, spec in specs(release).items()}


def with_files(**changed: str) -> Release:
    """The next commit, with other contents of these files (`__` is `/`)."""
    blobs = BLOBS | {path.replace("__", "/"): blob for path, blob in changed.items()}
    return replace(BASE, sha="b" * 40, folder=Path("/releases/b"), blobs=blobs)


def with_service(name: str, **changed: object) -> Release:
    services: Mapping[str, Service] = {**BASE.services, name: USUAL.model_copy(update=changed)}
    return replace(BASE, sha="b" * 40, folder=Path("/releases/b"), services=services)


def anew(after: Release) -> tuple[str, ...]:
    return plan(specs(after), running(BASE)).recreate


def test_a_commit_that_changes_nothing_about_a_service_touches_none() -> None:
    assert anew(replace(BASE, sha="b" * 40, folder=Path("/releases/b"))) == ()
    assert anew(replace(with_files(), blobs=BLOBS | {"protected_services/README.md": "r2", "docs/x.md": "d"})) == ()


@pytest.mark.parametrize("name", ALL)
def test_a_change_of_one_package_touches_its_service_alone(name: str) -> None:
    path = f"protected_services/{name.replace('-', '_')}/app.py"
    assert anew(replace(with_files(), blobs=BLOBS | {path: "new"})) == (name,)
    assert anew(replace(with_files(), blobs=BLOBS | {path.replace("app", "more"): "new"})) == (name,)
    assert anew(replace(with_files(), blobs={p: b for p, b in BLOBS.items() if p != path})) == (name,)


@pytest.mark.parametrize("path", ["common/serving.py", "common/new.py", "__init__.py", "faults.json"])
def test_a_change_of_what_all_are_made_of_touches_all(path: str) -> None:
    assert anew(replace(with_files(), blobs=BLOBS | {f"protected_services/{path}": "new"})) == ALL


@pytest.mark.parametrize(
    "changed",
    [{"memory_mib": 256}, {"environment": {"KEY": "2"}}, {"environment": {}}, {"image": "sre-space/other:2"}],
)
def test_a_lever_touches_its_service_alone(changed: dict[str, object]) -> None:
    assert anew(with_service("policy-service", **changed)) == ("policy-service",)


def test_what_was_killed_crashed_or_restarted_is_not_changed() -> None:
    for status in ("exited", "running", "restarting", "dead", "paused"):
        there = {name: replace(seen, status=status) for name, seen in running(BASE).items()}
        assert plan(specs(BASE), there) == Plan((), ())


def test_what_crashed_is_made_anew_when_its_description_changes() -> None:
    there = running(BASE) | {"frontend": Seen(running(BASE)["frontend"].spec, "exited")}
    assert plan(specs(with_service("frontend", memory_mib=256)), there).recreate == ("frontend",)


def test_what_is_missing_is_made_and_what_was_never_started_is_started() -> None:
    there = running(BASE)
    del there["user-service"]
    there["frontend"] = replace(there["frontend"], status="created")
    assert plan(specs(BASE), there) == Plan(("user-service",), ("frontend",))


def test_a_world_that_wakes_up_starts_what_is_not_running() -> None:
    there = {name: replace(seen, status="exited") for name, seen in running(BASE).items()}
    assert plan(specs(BASE), there, waking=True) == Plan((), ALL)


@pytest.mark.parametrize(
    ("release", "says"),
    [
        (replace(BASE, services={"frontend": USUAL}), "must describe"),
        (replace(BASE, services={**BASE.services, "billing": USUAL}), "billing"),
        (with_service("frontend", environment={"PORT": "1"}), "PORT is for the deployer"),
        (with_service("frontend", environment={"PYTHONPATH": "/tmp"}), "PYTHONPATH is for the deployer"),
        (with_service("frontend", environment={"LD_PRELOAD": "x"}), "LD_PRELOAD"),
        (with_service("frontend", environment={"SRE_SPACE_UP": "x"}), "SRE_SPACE_UP"),
        (with_service("frontend", replicas=2), "2 replicas cannot be had here"),
        (with_service("frontend", replicas=0), "0 replicas cannot be had here"),
    ],
)
def test_what_cannot_be_had_here_is_refused_before_anything_is_touched(release: Release, says: str) -> None:
    with pytest.raises(BadRelease, match=says):
        marketplace(SITE, release)


def test_a_container_runs_the_files_of_its_release_and_says_which() -> None:
    (policy,) = (p for p in marketplace(SITE, BASE) if p.name == "policy-service")
    options = policy.options(BASE, "http://127.0.0.1:8001/healthz")
    assert options["environment"]["PYTHONPATH"] == options["working_dir"] == "/releases/a"
    assert options["environment"]["KEY"] == "1"
    assert options["environment"]["SERVICE_VERSION"] == "a" * 12
    assert options["labels"]["sre-space.release"] == BASE.sha
    assert options["labels"]["sre-space.managed"] == "true"
    assert options["mem_limit"] == 192 * 1024 * 1024
    assert "KEY" not in repr(policy)
