"""A typed change applied to the desired state: the key it names, and no other character."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.gitops.diff import stack_diff, tree, with_files
from shared.gitops.edit import Refused, apply, key_change
from shared.gitops.refusals import check
from shared.gitops.stack import STACK, parse_stack
from shared.gitops.undo import inverse
from shared.incident.change import Change, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas
from tests.gitops.samples import STATE, VALUES, states

Typed = SetMemory | SetReplicas | SetConfig | SetFlag


def edited(change: Change, text: str = STATE) -> str:
    new = apply(change, {STACK: text.encode(), "README.md": b"read me\n"})
    assert list(new) == [STACK]
    data = new[STACK]
    assert data is not None
    return data.decode()


def touched(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came, each in its order."""
    old, new = before.split("\n"), after.split("\n")
    went: list[str] = []
    came: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            went += old[a:b]
            came += new[c:d]
    return went, came


@pytest.mark.parametrize(
    ("change", "went", "came"),
    [
        (
            SetMemory(service="policy-service", before=192, after=256),
            ["    mem_limit: 192m", "    memswap_limit: 192m"],
            ["    mem_limit: 256m", "    memswap_limit: 256m"],
        ),
        (SetMemory(service="frontend", before=1024, after=1536), ["    mem_limit: 1g"], ["    mem_limit: 1536m"]),
        (
            SetReplicas(service="policy-service", before=1, after=3),
            ["    deploy: {replicas: 1}     # optional"],
            ["    deploy: {replicas: 3}     # optional"],
        ),
        (SetReplicas(service="frontend", before=1, after=2), [], ["    deploy:", "      replicas: 2"]),
        (
            SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before="1.8", after="2.0"),
            ['      MAX_RISK_FACTOR: "1.8"   # risks above it are not insured'],
            ['      MAX_RISK_FACTOR: "2.0"   # risks above it are not insured'],
        ),
        (
            SetConfig(service="policy-service", key="NEW", before=None, after='a "b" $c \\d'),
            [],
            ['      NEW: "a \\"b\\" $$c \\\\d"'],
        ),
        (
            SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before="1.8", after=None),
            ['      MAX_RISK_FACTOR: "1.8"   # risks above it are not insured'],
            [],
        ),
        (SetConfig(service="frontend", key="NEW", before=None, after="1"), [], ["    environment:", '      NEW: "1"']),
        (
            SetConfig(service="quote-service", key="PRICE_FACTOR", before="1.0", after="it's"),
            ["  quote-service: {mem_limit: 256m, environment: {PRICE_FACTOR: '1.0'}}"],
            ["  quote-service: {mem_limit: 256m, environment: {PRICE_FACTOR: 'it''s'}}"],
        ),
        (
            SetConfig(service="quote-service", key="PRICE_FACTOR", before="1.0", after=None),
            ["  quote-service: {mem_limit: 256m, environment: {PRICE_FACTOR: '1.0'}}"],
            ["  quote-service: {mem_limit: 256m}"],
        ),
        (
            SetFlag(service="policy-service", flag="FEATURE_INSTANT_QUOTES", before=True, after=False),
            ['      FEATURE_INSTANT_QUOTES: "on"'],
            ['      FEATURE_INSTANT_QUOTES: "off"'],
        ),
    ],
)
def test_only_the_lines_of_the_key_are_touched(change: Change, went: list[str], came: list[str]) -> None:
    assert touched(STATE, edited(change)) == (went, came)


def test_the_last_setting_takes_its_mapping_with_it_and_leaves_the_comments() -> None:
    text = 'services:\n  a:\n    mem_limit: 64m\n    environment: # why\n      # because\n      B: "1"\n  # next\n'
    after = edited(SetConfig(service="a", key="B", before="1", after=None), text)
    assert after == "services:\n  a:\n    mem_limit: 64m\n      # because\n  # next\n"


def test_a_file_without_a_last_newline_gets_its_key_on_a_line_of_its_own() -> None:
    text = "services:\n  a:\n    mem_limit: 64m"
    assert edited(SetReplicas(service="a", before=1, after=2), text) == text + "\n    deploy:\n      replicas: 2"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (SetMemory(service="load", before=192, after=256), "no service"),
        (SetMemory(service="Policy-Service", before=192, after=256), "no service"),
        (SetMemory(service="policy-service", before=128, after=256), "is '192m', not '128m'"),
        (SetMemory(service="policy-service", before=192, after=192), "already"),
        (SetReplicas(service="policy-service", before=2, after=3), "is '1', not '2'"),
        (SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before="1.80", after="2"), "is '1.8'"),
        (SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before=None, after="2"), "not not set"),
        (SetConfig(service="policy-service", key="OTHER", before="1", after="2"), "is not set"),
        (SetConfig(service="policy-service", key="OTHER", before=None, after=None), "already"),
        (SetConfig(service="policy-service", key="FEATURE_X", before=None, after="on"), "set-flag"),
        (SetConfig(service="policy-service", key="LD_PRELOAD", before=None, after="/x.so"), "load"),
        (SetFlag(service="policy-service", flag="FEATURE_X", before=False, after=True), "is not set"),
        (SetFlag(service="policy-service", flag="FEATURE_INSTANT_QUOTES", before=False, after=True), "'on'"),
        (SetFlag(service="policy-service", flag="FEATURE_INSTANT_QUOTES", before=True, after=True), "already"),
    ],
)
def test_a_change_of_what_is_not_there_is_refused(change: Change, told: str) -> None:
    with pytest.raises(Refused) as refused:
        edited(change)
    assert told in str(refused.value)


def test_a_state_that_is_missing_or_cannot_be_read_is_refused_with_the_line() -> None:
    change = SetMemory(service="a", before=64, after=128)
    with pytest.raises(Refused, match=r"there is no deploy/stack\.yaml"):
        apply(change, {})
    with pytest.raises(Refused, match="line 2: `a` has no `mem_limit`"):
        apply(change, {STACK: b"services:\n  a: {}\n"})


def test_a_comment_that_would_be_lost_is_a_reason_to_refuse() -> None:
    text = 'services:\n  a: {mem_limit: 64m, environment: {B: "1", # kept\n    C: "2"}}\n'
    with pytest.raises(Refused, match="comment"):
        edited(SetConfig(service="a", key="B", before="1", after=None), text)


@st.composite
def typed(draw: st.DrawFn, text: str) -> Typed:
    """A change that may be made to `text`."""
    services = parse_stack(text).services
    name = draw(st.sampled_from(sorted(services)))
    service = services[name]
    flags = sorted(key for key in service.environment if key.startswith("FEATURE_"))
    match draw(st.sampled_from(("memory", "replicas", "set", "add", "remove", "flag"))):
        case "memory":
            return SetMemory(service=name, before=service.memory_mib, after=draw(st.integers(16, 65_536)))
        case "replicas":
            return SetReplicas(service=name, before=service.replicas, after=draw(st.integers(0, 100)))
        case "flag" if flags:
            flag = draw(st.sampled_from(flags))
            on = service.environment[flag] == "on"
            return SetFlag(service=name, flag=flag, before=on, after=not on)
        case "remove" | "set" as kind if set(service.environment) - set(flags):
            key = draw(st.sampled_from(sorted(set(service.environment) - set(flags))))
            after = draw(VALUES) if kind == "set" else None
            return SetConfig(service=name, key=key, before=service.environment[key], after=after)
        case _:
            key = draw(st.sampled_from(("NEW", "Z_1")))
            return SetConfig(service=name, key=key, before=None, after=draw(VALUES))


@settings(max_examples=30)
@given(st.data())
def test_in_every_style_the_edit_is_exact_small_keeps_comments_and_can_be_undone(data: st.DataObject) -> None:
    text = data.draw(states())
    change = data.draw(typed(text))
    wanted = key_change(change)
    assume(wanted.before != wanted.after)
    after = edited(change, text)
    assert stack_diff(text, after) == (wanted,)
    went, came = touched(text, after)
    assert len(went) <= 2
    assert len(came) <= 2
    own_lines = [line for line in text.split("\n") if line.strip().startswith("#")]
    assert [line for line in after.split("\n") if line.strip().startswith("#")] == own_lines
    base = tree({STACK: text.encode()})
    assert check(change, base, with_files(base, {STACK: after.encode()})) == ()
    back = edited(inverse(change), after)
    assert stack_diff(text, back) == ()


@settings(max_examples=30)
@given(st.data())
def test_setting_a_value_and_setting_it_back_gives_the_very_same_file(data: st.DataObject) -> None:
    text = data.draw(states()).replace("1g", "1024m")
    change = data.draw(typed(text))
    wanted = key_change(change)
    levers = parse_stack(text).services[change.service].levers()
    written = wanted.key in levers and not isinstance(change, SetReplicas)
    assume(wanted.before != wanted.after and wanted.after is not None and written)
    assert edited(inverse(change), edited(change, text)) == text


def test_a_revert_is_not_made_by_the_typed_path() -> None:
    with pytest.raises(Refused, match="did not change"):
        apply(RevertCommit(commit="a" * 40, paths=(STACK,)), {STACK: STATE.encode()})
