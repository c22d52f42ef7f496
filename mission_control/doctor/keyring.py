"""The fleet's keys: the keyring, and the private keys that lie here. Modes, halves that belong together, validity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mission_control.doctor.finding import Finding, well, wrong
from mission_control.fleet.roster import ROLES
from mission_control.running import Target
from mission_control.settings import Settings
from mission_control.world.keys import read_key
from shared.incident.record import Role
from shared.incident.signing import Keyring

SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One private key that lies here. `public` is its other half; None when it cannot be used, and `trouble` why.

    `role`: None where SRE_KEY names the only key there is; whose it is says the keyring."""

    role: Role | None
    file: Path
    mode: int
    public: bytes | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class KeysSeen:
    """What was read. `now` is this machine's time: days matter here, not seconds."""

    keyring_file: Path
    keyring: Keyring | None
    trouble: str
    own: tuple[OwnKey, ...]
    now: datetime

    @property
    def worker(self) -> Role | None:
        """Whose the only key is: this is that worker's place and nobody else's. None where there may be several."""
        return next((_of(key, self.keyring) for key in self.own if key.role is None and self.keyring), None)

    def works_here(self, *roles: Role) -> bool:
        """Whether one of `roles` may work here: its key lies here, or nothing is set up yet."""
        if self.keyring is None:
            return True
        if self.worker is not None:
            return self.worker in roles
        return any(key.role in (None, *roles) for key in self.own)


def read(settings: Settings, at: Target | None, now: datetime) -> KeysSeen:
    """Look at the keyring and at every role's file, or at the one that SRE_KEY names."""
    keyring, trouble = None, ""
    try:
        keyring = at.keyring() if at is not None else None
    except (OSError, ValueError) as error:
        trouble = str(error)
    files: list[tuple[Role | None, Path]] = [(role, settings.key_file(role)) for role in get_args(Role)]
    if settings.key is not None:
        files = [(None, settings.key)]
    own = tuple(_own(role, file) for role, file in files if file.exists())
    return KeysSeen(settings.keys_file, keyring, trouble, own, now)


def _own(role: Role | None, file: Path) -> OwnKey:
    mode = file.stat().st_mode & 0o777
    try:
        public = read_key(file).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    except (OSError, ValueError) as error:
        return OwnKey(role, file, mode, None, str(error))
    return OwnKey(role, file, mode, public)


def judge(seen: KeysSeen) -> Iterator[Finding]:
    """The findings."""
    if seen.keyring is None:
        yield wrong("keyring", seen.trouble or f"{seen.keyring_file} is not there")
    else:
        count = len(seen.keyring.keys)
        yield well("keyring", f"{count} public keys of {', '.join(sorted(seen.keyring.accounts))}")
        for role in ROLES:
            yield from _valid(role, seen.keyring, seen.now)
    yield from (_file(key) for key in seen.own)
    if seen.keyring is not None:
        yield from (_pair(key, seen.keyring) for key in seen.own if key.public is not None)


def _valid(role: Role, keyring: Keyring, now: datetime) -> Iterator[Finding]:
    rows = [row for row in keyring.keys if row.role == role]
    if not rows:
        yield wrong("key-missing", f"the keyring has no key of {role}", role, role=role)
        return
    live = [row for row in rows if row.not_before <= now <= row.not_after]
    if not live:
        newest = max(row.not_after for row in rows)
        how = f"ended {newest:%Y-%m-%d}" if newest < now else "has not begun"
        yield wrong("key-expired", f"the newest key {how}", role, role=role)
        return
    end = max(row.not_after for row in live)
    said = f"valid until {end:%Y-%m-%d}"
    if end - now < SOON:
        yield wrong("key-expires", said, role, role=role, days=SOON.days)
    else:
        yield well("key-expires", said, role)


def _file(key: OwnKey) -> Finding:
    whose = key.role or ""
    if key.mode & 0o077:
        return wrong("key-file", f"{key.file} has mode {key.mode:04o}", whose, how=f"chmod 600 {key.file}")
    if key.public is None:
        return wrong("key-file", key.trouble, whose, how=f"put the right key into {key.file}, or make a new one")
    return well("key-file", "readable by its owner only", whose)


def _pair(key: OwnKey, keyring: Keyring) -> Finding:
    if whose := _of(key, keyring):
        return well("key-pair", "the public half is in the keyring", whose)
    return wrong("key-pair", f"{key.file} is of no key in the keyring", key.role or "", where=key.file)


def _of(key: OwnKey, keyring: Keyring) -> Role | None:
    """Whose key it is by the keyring; of several roles only its own counts."""
    return next((row.role for row in keyring.keys if row.key == key.public and key.role in (None, row.role)), None)


def mend(seen: KeysSeen) -> Iterator[str]:
    """Close private keys to others; says what was done. Raises OSError."""
    for key in seen.own:
        if key.mode & 0o077:
            key.file.chmod(0o600)
            yield f"chmod 600 {key.file}"
