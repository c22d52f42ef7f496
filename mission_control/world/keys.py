"""The fleet's keys and the embedded forge's accounts: made once, at the first start, readable only by their owner."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mission_control.fleet.roster import ROLES
from shared.incident.record import Role
from shared.incident.signing import Keyring, PublicKey, parse_keyring, render_keyring

VALID_FOR: Final = timedelta(days=365)
REPOSITORY: Final = "sre-space/marketplace"
FLEET: Final = "sre-fleet"
JULES: Final = "google-labs-jules[bot]"
"""Whose pull requests are Jules', on GitHub and in the embedded world."""
_PEOPLE: Final = ((FLEET, "admin"), ("olivia", "maintain"), ("mallory", "read"), (JULES, "write"))
"""The embedded forge's accounts and their roles."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Tokens of the embedded forge's accounts."""

    fleet: str = field(repr=False)
    operator: str = field(repr=False)
    outsider: str = field(repr=False)
    jules: str = field(repr=False)


def make_keys(folder: Path, keyring: Path, account: str, *, apart: bool = False) -> None:
    """One private key per role in `folder` (PKCS8 PEM, 0600) and the public halves in `keyring`, made where missing.

    A key is never replaced: facts signed with it stay valid. `apart`: each in a folder of its role's name, so that
    each can be mounted alone; the operator, who is no worker, gets none there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC).replace(microsecond=0)
    known = parse_keyring(keyring.read_text()) if keyring.exists() else Keyring((), frozenset())
    rows = list(known.keys)
    for role in ROLES if apart else get_args(Role):
        file = (folder / role if apart else folder) / f"{role}.key"
        if not file.exists():
            file.parent.mkdir(mode=0o700, exist_ok=True)
            _write_secret(file, _pem(Ed25519PrivateKey.generate()))
        public = read_key(file).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        if not any(row.role == role and row.key == public for row in rows):
            rows.append(PublicKey(role, public, now - timedelta(hours=1), now + VALID_FOR))
    wanted = Keyring(tuple(rows), known.accounts | {account})
    if wanted != known:
        temporary = keyring.with_suffix(".tmp")
        temporary.write_text(render_keyring(wanted))
        temporary.replace(keyring)


def read_key(file: Path) -> Ed25519PrivateKey:
    """The private key in `file`. Raises PermissionError when others can read it, ValueError when it is none."""
    if file.stat().st_mode & 0o077:
        raise PermissionError(f"{file} can be read by others: chmod 600 it")
    key = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file} is not an ed25519 key")
    return key


def make_accounts(file: Path) -> Accounts:
    """The accounts in `file`, as `embedded.forge --accounts` reads them; those that are missing get random tokens."""
    known = json.loads(file.read_text())["accounts"] if file.exists() else []
    there = {row["login"] for row in known}
    missing = [(login, role) for login, role in _PEOPLE if login not in there]
    rows = known + [{"login": login, "token": secrets.token_urlsafe(30), "role": role} for login, role in missing]
    if missing:
        _write_secret(file, json.dumps({"repo": REPOSITORY, "accounts": rows}, indent=2).encode())
    tokens = {row["login"]: row["token"] for row in rows}
    return Accounts(fleet=tokens[FLEET], operator=tokens["olivia"], outsider=tokens["mallory"], jules=tokens[JULES])


def make_jules_key(file: Path) -> str:
    """The key that callers of the embedded Jules show (its `--key-file`), made at the first start."""
    if not file.exists():
        _write_secret(file, secrets.token_urlsafe(30).encode())
    return file.read_text(encoding="utf-8").strip()


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_secret(file: Path, content: bytes) -> None:
    """Write whole or not at all, never readable by others."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
