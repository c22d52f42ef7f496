"""ed25519 signatures over facts: one key per role, its public half in `deploy/keys.toml`.

Signed is the DSSE pre-authentication encoding (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
"""

from __future__ import annotations

import base64
import tomllib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.incident.record import Role

PAYLOAD_TYPE = b"application/vnd.sre-space.fact.v1+json"


def pre_authentication_encoding(payload: bytes) -> bytes:
    """DSSE's PAE: `DSSEv1 LEN(type) type LEN(payload) payload`."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(payload), payload)


class Signer(Protocol):
    """Signs payloads for one role."""

    @property
    def role(self) -> Role: ...

    def sign(self, payload: bytes) -> str:
        """The base64 signature over `payload`."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class KeySigner:
    """A role's private key. Never shown: `repr` names only the role."""

    role: Role
    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"KeySigner(role={self.role!r})"

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self.key.sign(pre_authentication_encoding(payload))).decode()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A role's public key and the time (GitHub's) in which comments by it count."""

    role: Role
    key: bytes
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Keyring:
    """All public keys of a fleet, and the GitHub logins whose comments may carry facts."""

    keys: tuple[PublicKey, ...]
    accounts: frozenset[str]

    def verifies(self, role: str, payload: bytes, signature: str, at: datetime) -> bool:
        """True when some key of `role`, valid at `at`, made exactly this signature (canonical base64 only)."""
        try:
            raw = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        if base64.b64encode(raw).decode() != signature:
            return False
        message = pre_authentication_encoding(payload)
        return any(
            _holds(k.key, raw, message) for k in self.keys if k.role == role and k.not_before <= at <= k.not_after
        )


def _holds(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def parse_keyring(text: str) -> Keyring:
    """A keyring from the text of `keys.toml`. Raises ValueError with the line a person must mend."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"keys.toml: {error}") from error
    accounts, rows = data.get("accounts"), data.get("key")
    if not isinstance(accounts, list) or not accounts or not all(isinstance(a, str) for a in accounts):
        raise ValueError("keys.toml: `accounts` must list the GitHub logins of the fleet")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("keys.toml: there must be a [[key]] table for each public key")
    return Keyring(tuple(_parse_key(n, row) for n, row in enumerate(rows, 1)), frozenset(accounts))


def _parse_key(n: int, row: dict[str, object]) -> PublicKey:
    role = next((known for known in get_args(Role) if known == row.get("role")), None)
    if role is None:
        raise ValueError(f"keys.toml: key {n} has the unknown role {row.get('role')!r}")
    where = f"keys.toml: key {n} ({role})"
    try:
        raw = base64.b64decode(str(row.get("public")), validate=True)
    except ValueError as error:
        raise ValueError(f"{where} has a `public` that is not base64") from error
    if len(raw) != 32:
        raise ValueError(f"{where} is not a 32-byte ed25519 public key")
    before, after = row.get("not_before"), row.get("not_after")
    if not isinstance(before, datetime) or not isinstance(after, datetime) or not before.tzinfo or not after.tzinfo:
        raise ValueError(f"{where} needs not_before and not_after with a time zone")
    if after <= before:
        raise ValueError(f"{where} has a not_after that is not later than its not_before")
    return PublicKey(role, raw, before, after)


def render_keyring(keyring: Keyring) -> str:
    """The text of `keys.toml` for `keyring`; `parse_keyring` reads it back."""
    accounts = ", ".join(f'"{a}"' for a in sorted(keyring.accounts))
    lines = [
        "# Public keys of the fleet. A comment is a fact only when one of these signed it.",
        f"accounts = [{accounts}]",
    ]
    for k in keyring.keys:
        lines += [
            "",
            "[[key]]",
            f'role = "{k.role}"',
            f'public = "{base64.b64encode(k.key).decode()}"',
            f"not_before = {k.not_before.isoformat()}",
            f"not_after = {k.not_after.isoformat()}",
        ]
    return "\n".join(lines) + "\n"
