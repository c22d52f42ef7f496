"""The embedded world's accounts and keys: made once, added to, never replaced, readable by their owner only."""

from __future__ import annotations

import json
from pathlib import Path

from embedded.forge.accounts import Role, read_accounts
from embedded.jules.workshop import LOGIN
from mission_control.world.keys import JULES, make_accounts, make_jules_key


def test_an_accounts_file_from_before_jules_gets_its_account_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    first = make_accounts(file)
    older = json.loads(file.read_text())
    older["accounts"] = [row for row in older["accounts"] if row["login"] != JULES]
    file.write_text(json.dumps(older))
    again = make_accounts(file)
    assert (again.fleet, again.operator, again.outsider) == (first.fleet, first.operator, first.outsider)
    assert again.jules != first.jules
    assert make_accounts(file) == again


def test_the_forge_reads_the_accounts_and_jules_may_write_but_no_more(tmp_path: Path) -> None:
    made = make_accounts(tmp_path / "accounts.json")
    known = {one.login: one for one in read_accounts(tmp_path / "accounts.json").everyone}
    assert (known[JULES].role, known[JULES].token) == (Role.WRITE, made.jules)
    assert JULES == LOGIN


def test_the_key_of_the_embedded_jules_is_made_once_and_is_private(tmp_path: Path) -> None:
    key = make_jules_key(tmp_path / "jules.key")
    assert len(key) >= 30
    assert make_jules_key(tmp_path / "jules.key") == key
    assert (tmp_path / "jules.key").stat().st_mode & 0o077 == 0
