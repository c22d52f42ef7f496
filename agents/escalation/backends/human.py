"""A person: always possible, and the last in every order. Privilege: none; it only says what to do."""

from __future__ import annotations

import re
from typing import Final

from shared.ports import Brief, Permanent, Queued, Session

_ID: Final = re.compile(r"[\w.-]+/[\w.-]+#([1-9][0-9]{0,9})/[1-9][0-9]{0,4}")


class Human:
    """Fulfils `shared.ports.Backend`. A session's id is the key of its brief, so nothing needs to be remembered."""

    def __init__(self, pages: str, repo: str) -> None:
        """`pages`: the address of GitHub for people."""
        self._pages, self._repo = pages.rstrip("/"), repo

    @property
    def name(self) -> str:
        return "human"

    def open(self, brief: Brief) -> Session | Queued:
        return self.look(brief.key)

    def find(self, brief: Brief) -> Session | None:
        return self.look(brief.key)

    def look(self, session_id: str) -> Session:
        found = _ID.fullmatch(session_id)
        if not found:
            raise Permanent(f"{session_id!r:.80} is no key of a brief")
        number = found[1]
        todo = (
            "A person changes the code; verify-jules-pr holds a pull request that says "
            f"“Fixes #{number}” against this incident. Then /retry has the fleet look again, or close the issue."
        )
        url = f"{self._pages}/{self._repo}/issues/{number}"
        return Session("human", session_id, url, "awaiting-feedback", detail=todo)

    def approve_plan(self, session_id: str) -> None:
        """A person shows no plan."""

    def tell(self, session_id: str, text: str) -> bool:
        """A person reads the issue."""
        del session_id, text
        return False
