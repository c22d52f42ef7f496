"""Keys: whose, from when to when, and what to mend when the file is wrong."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from shared.incident.replay import replay
from shared.incident.signing import Keyring, parse_keyring, render_keyring
from shared.incident.status import Status
from shared.testing.log import LogBuilder, keyring, public_key, signer
from shared.testing.samples import FLEET, START

PUBLIC = base64.b64encode(public_key(signer("scout")).key).decode()
GOOD = f"""
accounts = ["sre-fleet"]
[[key]]
role = "scout"
public = "{PUBLIC}"
not_before = 2026-01-01T00:00:00Z
not_after = 2027-01-01T00:00:00Z
"""


def test_what_is_rendered_is_read_back() -> None:
    assert parse_keyring(render_keyring(keyring())) == keyring()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('accounts = ["sre-fleet"]', "", "accounts"),
        ('["sre-fleet"]', "[]", "accounts"),
        ('["sre-fleet"]', '"sre-fleet"', "accounts"),
        ('["sre-fleet"]', "[1]", "accounts"),
        ('"scout"', '"scooter"', "scooter"),
        ('role = "scout"', "", "key 1"),
        ('role = "scout"', 'role = ["scout"]', "key 1"),
        (PUBLIC, PUBLIC[:-5], "key 1"),
        (PUBLIC, PUBLIC[:-8], "32-byte"),
        (PUBLIC, "not base64 at all!", "key 1"),
        (f'public = "{PUBLIC}"', "", "key 1"),
        (f'"{PUBLIC}"', "5", "key 1"),
        ("not_before = 2026-01-01T00:00:00Z", "", "not_before"),
        ("not_after = 2027-01-01T00:00:00Z", "", "not_after"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "time zone"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00", "time zone"),
        ("2027-01-01T00:00:00Z", "2027-01-01", "not_after"),
        ("2027-01-01T00:00:00Z", '"2027-01-01T00:00:00Z"', "not_after"),
        ("2027-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "not_after"),
        ("[[key]]", "[key]", "[[key]]"),
        ("[[key]]", "key = 5\n[other]", "[[key]]"),
        ("[[key]]", "key = [5]\n[other]", "[[key]]"),
        ("[[key]]", "[[keys]]", "[[key]]"),
        ("[[key]]", "[[key", "line 3"),
    ],
)
def test_a_wrong_file_says_what_to_mend(old: str, new: str, says: str) -> None:
    parse_keyring(GOOD)
    assert old in GOOD
    with pytest.raises(ValueError) as error:
        parse_keyring(GOOD.replace(old, new))
    assert str(error.value).startswith("keys.toml: ")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("before_s", "after_s", "counts"), [(0, 0, True), (1, 60, False), (-60, -1, False), (-60, 60, True)]
)
def test_a_key_counts_from_not_before_to_not_after_by_githubs_clock(before_s: int, after_s: int, counts: bool) -> None:
    log = LogBuilder().to(Status.DETECTED)
    key = public_key(signer("scout"), START + timedelta(seconds=before_s), START + timedelta(seconds=after_s))
    assert replay(log.thread(), Keyring((key,), frozenset({FLEET}))).is_incident == counts


def test_during_a_rotation_both_keys_of_a_role_count() -> None:
    log = LogBuilder().to(Status.DETECTED)
    log.post(log.text(log.next("diagnosed"), key=signer("brain", "new")))
    old = keyring()
    both = Keyring((*old.keys, public_key(signer("brain", "new"))), old.accounts)
    assert replay(log.thread(), old).status is Status.DETECTED
    assert replay(log.thread(), both).status is Status.DIAGNOSED


def test_a_signer_does_not_show_its_key() -> None:
    assert repr(signer("fixer")) == "KeySigner(role='fixer')"
