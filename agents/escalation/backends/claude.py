"""Anthropic's Claude Code action, by a label on the issue. Privilege: a token that may label.

The action reads the issue, so the brief must stand on it before the label does. It refuses bots that are not in its
`allowed_bots`. It pushes a branch `claude/issue-N-…` and opens no pull request by default: that a branch has come to
rest without one is told. Wire: facts page of Tier 3, Claude Code action.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from agents.escalation.backends.github_wire import github, login, numbered, pulls, ref
from agents.escalation.backends.rest import Answered
from shared.incident.render import plain
from shared.ports import Brief, Clock, Queued, Session, SessionState

LABEL: Final = "claude"
"""The default of the action's `label_trigger`."""
RESTS_AFTER: Final = timedelta(minutes=10)
"""A branch whose newest commit is older is taken as finished: nothing else on GitHub says so."""
_ADVICE: Final = "The token must be one that may label issues (triage or better)"
_BRANCH: Final = re.compile(r"claude/issue-\d{1,10}-[A-Za-z0-9._/-]{1,200}")


class Claude:
    """Fulfils `shared.ports.Backend`. A session's id is the number of its issue, for which there is one session."""

    def __init__(self, url: str, token: str, repo: str, clock: Clock, *, label: str = LABEL) -> None:
        """`url`: base of GitHub's REST API. Raises Permanent for one that the token must not travel to."""
        self._rest = github(url, token, _ADVICE)
        self._repo, self._label, self._clock = repo, label, clock

    @property
    def name(self) -> str:
        return "claude"

    def open(self, brief: Brief) -> Session | Queued:
        if found := self.find(brief):
            return found
        self._rest.post(f"/repos/{self._repo}/issues/{brief.number}/labels", {"labels": [self._label]})
        return self._seen(brief.number)

    def find(self, brief: Brief) -> Session | None:
        issue = self._rest.get(f"/repos/{self._repo}/issues/{brief.number}")
        labels = issue.get("labels", []) if isinstance(issue, dict) else []
        named = {one.get("name") if isinstance(one, dict) else one for one in labels}
        return self._seen(brief.number) if self._label in named or self._branches(brief.number) else None

    def look(self, session_id: str) -> Session:
        return self._seen(numbered(session_id))

    def approve_plan(self, session_id: str) -> None:
        """It shows no plan, so none waits."""

    def tell(self, session_id: str, text: str) -> bool:
        """The action drops what is written after its trigger."""
        del session_id, text
        return False

    def close(self) -> None:
        self._rest.close()

    def _seen(self, number: int) -> Session:
        branches = self._branches(number)
        if not branches:
            detail = "labelled; no branch yet (the action refuses bots that are not among its allowed_bots)"
            return Session("claude", str(number), "", "working", detail=detail)
        branch, (at, url) = max(((b, self._tip(sha)) for b, sha in branches.items()), key=lambda found: found[1][0])
        for pull in pulls(self._rest, self._repo, {"head": f"{self._repo.split('/')[0]}:{branch}"}):
            opened = ref(pull)
            gone = pull.get("state") == "closed" and not pull.get("merged_at")
            detail = f"opened by {plain(login(pull.get('user')))[:100]}"
            state: SessionState = "failed" if gone else "completed"
            return Session("claude", str(number), opened.url, state, pull=opened, detail=detail)
        if self._clock.now() < at + RESTS_AFTER:
            return Session("claude", str(number), url, "working", detail=f"branch {branch} is moving")
        detail = f"branch {branch} has rested for {RESTS_AFTER.seconds // 60} minutes and has no pull request"
        return Session("claude", str(number), url, "completed", detail=detail)

    def _branches(self, number: int) -> dict[str, str]:
        """Name -> SHA of the branches for this issue."""
        try:
            found = self._rest.get(f"/repos/{self._repo}/git/matching-refs/heads/claude/issue-{number}-")
        except Answered as no:
            if no.status == 404:
                return {}
            raise
        names = {str(one["ref"]).removeprefix("refs/heads/"): str(one["object"]["sha"]) for one in found}
        return {name: sha for name, sha in names.items() if _BRANCH.fullmatch(name)}

    def _tip(self, sha: str) -> tuple[datetime, str]:
        commit: Any = self._rest.get(f"/repos/{self._repo}/commits/{sha}")
        return datetime.fromisoformat(commit["commit"]["committer"]["date"]), str(commit["html_url"])
