"""How a deploy went, as a commit status. API: https://docs.github.com/rest/commits/statuses"""

from __future__ import annotations

import logging
from typing import Final

from mission_control.deployer.journal import Journal
from mission_control.github import GithubSaysNo, Repository
from shared.redaction import Redactor

log = logging.getLogger("mission_control.deployer")

CONTEXT: Final = "sre-space/deploy"
LONGEST: Final = 140
"""Characters of a description that GitHub takes."""
MOST_OWED: Final = 50


def one_line(text: str, redactor: Redactor) -> str:
    """Printable, redacted, and as short as GitHub wants it."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in redactor.text(text)).split())
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def post(repository: Repository, sha: str, state: str, description: str) -> bool:
    """Say it on the commit; False when GitHub does not take it now."""
    body = {"state": state, "context": CONTEXT, "description": description}
    try:
        repository.call("POST", f"/statuses/{sha}", json=body)
    except GithubSaysNo as no:
        log.warning("the status of %s is not said yet: %s", sha[:10], no)
        return False
    return True


def pay(repository: Repository | None, journal: Journal) -> tuple[tuple[str, str, str], ...]:
    """Say what is owed, oldest first; what is still owed afterwards."""
    if repository is None:
        return ()
    owed = list(journal.owed[-MOST_OWED:])
    while owed and post(repository, *owed[0]):
        owed.pop(0)
    return tuple(owed)
