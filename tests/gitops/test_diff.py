"""What differs in meaning, key by key and file by file."""

from __future__ import annotations

import pytest
from hypothesis import given

from shared.gitops.diff import File, FileChange, KeyChange, stack_diff, tree, tree_diff, with_files
from shared.gitops.stack import BadStack, parse_stack
from tests.gitops.samples import STATE, states


def changed(service: str, key: str, before: str | None, after: str | None) -> KeyChange:
    return KeyChange(service=service, key=key, before=before, after=after)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"1.8"', '"0.8"', changed("policy-service", "environment.MAX_RISK_FACTOR", "1.8", "0.8")),
        ('"on"', '"off"', changed("policy-service", "environment.FEATURE_INSTANT_QUOTES", "on", "off")),
        ("256m", "512m", changed("quote-service", "mem_limit", "256m", "512m")),
        ("1g", "1g\n    deploy: {replicas: 2}", changed("frontend", "deploy.replicas", "1", "2")),
        (
            ":0.1.0",
            ":0.2.0",
            changed("policy-service", "image", *(f"sre-space/policy-service:0.{n}.0" for n in (1, 2))),
        ),
        (
            "      FEATURE_INSTANT",
            '      A: "1"\n      FEATURE_INSTANT',
            changed("policy-service", "environment.A", None, "1"),
        ),
    ],
)
def test_the_changed_key_of_a_commit_is_named(old: str, new: str, expected: KeyChange) -> None:
    assert stack_diff(STATE, STATE.replace(old, new)) == (expected,)
    assert stack_diff(STATE.replace(old, new), STATE) == (expected.inverse(),)


def test_comments_blank_lines_order_quotes_and_spelling_are_no_difference() -> None:
    other = """
services:
  frontend: {mem_limit: 1024m, deploy: {replicas: 1}}
  quote-service:
    environment: {PRICE_FACTOR: "1.0"}
    mem_limit: 256m
  policy-service: # now last
    environment:
      FEATURE_INSTANT_QUOTES: 'on'
      "MAX_RISK_FACTOR": '1.8'
    mem_limit: 192m
    image: "sre-space/policy-service:0.1.0"
"""
    assert stack_diff(STATE, other) == ()


def test_a_service_that_comes_is_all_its_keys() -> None:
    assert stack_diff(STATE, STATE + "  load: {mem_limit: 64m}\n") == (
        changed("load", "deploy.replicas", None, "1"),
        changed("load", "mem_limit", None, "64m"),
    )


def test_a_state_that_cannot_be_read_has_no_difference() -> None:
    with pytest.raises(BadStack):
        stack_diff(STATE, "services: []")


@given(states(), states())
def test_the_difference_backwards_is_the_inverse_and_there_is_none_exactly_where_the_states_are_equal(
    one: str, other: str
) -> None:
    there, back = stack_diff(one, other), stack_diff(other, one)
    assert back == tuple(change.inverse() for change in there)
    same = [{name: s.levers() for name, s in parse_stack(text).services.items()} for text in (one, other)]
    assert (there == ()) == (same[0] == same[1])


def test_a_tree_differs_in_content_mode_and_presence() -> None:
    base = {**tree({"a": b"1", "b": b"2", "c": b"3", "e": b"5"}), "f": File(b"6", "100755")}
    head = {**with_files(base, {"a": b"x", "b": None, "d": b"4", "f": b"7"}), "c": File(b"3", "100755")}
    assert tree_diff(base, head) == (
        FileChange("a", "100644", b"1", b"x"),
        FileChange("b", "100644", b"2", None),
        FileChange("c", "100755", b"3", b"3", was="100644"),
        FileChange("d", "100644", None, b"4"),
        FileChange("f", "100755", b"6", b"7"),
    )
    assert tree_diff(base, base) == ()
