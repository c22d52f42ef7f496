"""`verify-comment`: `/verify` as a comment on a pull request, as GitHub's event file tells of it.

The event says no more than which comment it is. What counts is asked of GitHub: the words, whether they were edited,
and what their author may do at this moment.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mission_control.running import Target, target
from mission_control.settings import Settings
from mission_control.workflows.verify_pull import NotVerifiable, verify_jules_pr
from shared.adapters.github import Address, connect
from shared.adapters.github.parse import comment as parsed
from shared.incident.commands import RANK, parse
from shared.incident.thread import Comment
from shared.ports import Permanent, Transient
from shared.runtime.clock import SystemClock

COMMAND: Final = "verify"
NEEDS: Final = "write"
MOST: Final = 4_000_000
"""Bytes of an event file; GitHub's are smaller."""


@dataclass(frozen=True, slots=True)
class Said:
    """The comment that an event names, and the pull request it is on."""

    pull: int
    comment: int


def verify_comment(settings: Settings, event: Path) -> int:
    """0 where nothing was asked for by somebody who may; else as verify_jules_pr, which it raises as, too."""
    said = read_event(event)
    if said is None:
        return _done("the event is no comment on a pull request")
    at = target(settings)
    comment = _comment(at, said)
    if not any(command.name == COMMAND for command in parse(comment, (COMMAND,))):
        return _done(f"comment {said.comment} does not say /{COMMAND}, or was edited")
    permission = _permission(settings, at, comment.author)
    if RANK.get(permission, 0) < RANK[NEEDS]:
        return _done(f"/{COMMAND} needs {NEEDS} permission, its author has {permission}")
    return verify_jules_pr(settings, said.pull, as_json=False, status=True)


def read_event(file: Path) -> Said | None:
    """What an `issue_comment` event names; None for any other. Raises NotVerifiable for a file that is no event."""
    try:
        with file.open("rb") as opened:
            event = json.loads(opened.read(MOST))
        if event.get("action") != "created" or not event["issue"].get("pull_request"):
            return None
        return Said(int(event["issue"]["number"]), int(event["comment"]["id"]))
    except OSError as error:
        raise NotVerifiable(f"the event cannot be read: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NotVerifiable(f"{file} holds no event of a comment: {type(error).__name__}") from error


def _comment(at: Target, said: Said) -> Comment:
    """As it stands now. Raises NotVerifiable where it stands elsewhere than the event says."""
    row = at.repository.call("GET", f"/issues/comments/{said.comment}").json()
    if not str(row.get("issue_url", "")).endswith(f"/issues/{said.pull}"):
        raise NotVerifiable(f"comment {said.comment} is not on pull request {said.pull}")
    return parsed(row)


def _permission(settings: Settings, at: Target, login: str) -> str:
    """The author's role now. Raises NotVerifiable where it cannot be asked."""
    address = Address(at.repository.api, at.repository.name, at.repository.token)
    github = connect(address, settings.state_dir / "verify", SystemClock())
    try:
        return github.reads.permission(login)
    except (Transient, Permanent) as failure:
        raise NotVerifiable(f"nobody says what the author of the comment may do: {failure}") from failure
    finally:
        github.close()


def _done(why: str) -> int:
    sys.stdout.write(f"nothing to verify: {why}\n")
    return 0
