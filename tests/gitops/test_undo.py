"""Every change has an undo, a reach and a line that says how it is taken back."""

from __future__ import annotations

from typing import get_args

import pytest

from shared.gitops.diff import FileChange
from shared.gitops.stack import STACK, parse_stack
from shared.gitops.undo import blast_radius, inverse, undo_line
from shared.incident.change import Change, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas
from tests.gitops.samples import STATE

CHANGES: list[Change] = [
    RevertCommit(commit="a" * 40, paths=(STACK,)),
    SetMemory(service="policy-service", before=192, after=256),
    SetReplicas(service="policy-service", before=1, after=2),
    SetConfig(service="policy-service", key="A", before=None, after="x" * 200),
    SetConfig(service="policy-service", key="A", before="y" * 200, after="x" * 200),
    SetFlag(service="policy-service", flag="FEATURE_A", before=True, after=False),
]
DESIRED = parse_stack(STATE)
EVERYTHING = ("frontend", "policy-service", "quote-service")


def test_every_verb_of_the_catalogue_is_here() -> None:
    assert {type(change) for change in CHANGES} == set(get_args(get_args(Change)[0]))


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_has_an_undo_and_says_it_in_one_line(change: Change) -> None:
    back = inverse(change, "b" * 40)
    assert back != change
    assert back.verb == change.verb
    line = undo_line(change)
    assert line.isprintable()
    assert 10 < len(line) <= 300
    if not isinstance(change, RevertCommit):
        assert inverse(back) == change


def test_a_reverts_undo_reverts_the_commit_that_it_became() -> None:
    assert inverse(CHANGES[0], "b" * 40) == RevertCommit(commit="b" * 40, paths=(STACK,))
    with pytest.raises(ValueError, match="not known"):
        inverse(CHANGES[0])


@pytest.mark.parametrize("change", CHANGES[1:])
def test_a_lever_reaches_its_service(change: Change) -> None:
    assert blast_radius(change, DESIRED) == ("policy-service",)


@pytest.mark.parametrize(
    ("path", "after", "reached"),
    [
        (STACK, STATE.replace('"1.8"', '"0.8"'), ("policy-service",)),
        (STACK, STATE.replace('"1.8"', '"0.8"').replace("1g", "2g"), ("frontend", "policy-service")),
        (STACK, "services: [", EVERYTHING),
        ("protected_services/quote_service/app.py", "", ("quote-service",)),
        ("protected_services/common/service.py", "", EVERYTHING),
        ("protected_services/faults.json", "", EVERYTHING),
        ("deploy/Dockerfile", "", EVERYTHING),
    ],
)
def test_a_revert_reaches_the_services_that_the_commit_touched(path: str, after: str, reached: tuple[str, ...]) -> None:
    change = RevertCommit(commit="a" * 40, paths=(path,))
    done = FileChange(path, "100644", STATE.encode(), after.encode())
    assert blast_radius(change, DESIRED, (done,)) == reached


def test_a_revert_of_an_unknown_commit_of_the_desired_state_reaches_everything() -> None:
    assert blast_radius(CHANGES[0], DESIRED) == EVERYTHING
