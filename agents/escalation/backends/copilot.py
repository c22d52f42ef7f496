"""GitHub's Copilot coding agent, by assignment. Privilege: a user's token that may assign issues.

It reads what stands on the issue when it is assigned, and nothing later: the brief goes along as instructions. One
issue has one session, for GitHub knows no attempts. Wire: facts page of Tier 3, GitHub Copilot coding agent.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from agents.escalation.backends.github_wire import github, login, numbered, pulls, ref
from shared.incident.render import plain
from shared.ports import Brief, Permanent, Queued, Session

AGENT: Final = "copilot-swe-agent[bot]"
NAMES: Final = frozenset((AGENT, "copilot-swe-agent", "copilot"))
"""How its account is called in answers, in lower case."""
_ADVICE: Final = "Copilot can only be assigned with a user's token: set one that may write issues"
_UNFINISHED: Final = re.compile(r"\s*\[wip\]", re.IGNORECASE)


class Copilot:
    """Fulfils `shared.ports.Backend`. A session's id is the number of its issue."""

    def __init__(self, url: str, token: str, repo: str) -> None:
        """`url`: base of GitHub's REST API. Raises Permanent for one that the token must not travel to."""
        self._rest = github(url, token, _ADVICE)
        self._repo = repo

    @property
    def name(self) -> str:
        return "copilot"

    def open(self, brief: Brief) -> Session | Queued:
        if found := self.find(brief):
            return found
        wish = {
            "assignees": [AGENT],
            "agent_assignment": {
                "target_repo": brief.repo,
                "base_branch": brief.branch,
                "custom_instructions": brief.text,
            },
        }
        issue = self._rest.post(f"/repos/{self._repo}/issues/{brief.number}/assignees", wish)
        if not _assigned(issue):  # GitHub drops whom it cannot assign without a word
            raise Permanent(f"GitHub did not assign Copilot to issue {brief.number}: is it enabled for {self._repo}?")
        return self._seen(brief.number, issue)

    def find(self, brief: Brief) -> Session | None:
        issue = self._issue(brief.number)
        return self._seen(brief.number, issue) if _assigned(issue) else None

    def look(self, session_id: str) -> Session:
        number = numbered(session_id)
        return self._seen(number, self._issue(number))

    def approve_plan(self, session_id: str) -> None:
        """It shows no plan, so none waits."""

    def tell(self, session_id: str, text: str) -> bool:
        """Later words are not read."""
        del session_id, text
        return False

    def close(self) -> None:
        self._rest.close()

    def _issue(self, number: int) -> Any:
        return self._rest.get(f"/repos/{self._repo}/issues/{number}")

    def _seen(self, number: int, issue: Any) -> Session:
        """Where it is, from its newest pull request that is linked to the issue."""
        url = str(issue.get("html_url", "")) if isinstance(issue, dict) else ""
        mine = [p for p in pulls(self._rest, self._repo, {}) if login(p.get("user")) in NAMES and _links(p, number)]
        if not mine:
            if _assigned(issue):
                return Session("copilot", str(number), url, "working", detail="assigned; no pull request yet")
            return Session("copilot", str(number), url, "failed", detail="it is no longer assigned and opened nothing")
        newest, pull = mine[0], ref(mine[0])
        shown = replace(Session("copilot", str(number), pull.url, "completed"), pull=pull)
        if newest.get("state") == "closed" and not newest.get("merged_at"):
            return replace(shown, state="failed", detail=f"pull request {pull.number} was closed without a merge")
        unasked = not newest.get("requested_reviewers")
        if newest.get("draft") and (unasked or _UNFINISHED.match(str(newest.get("title")))):
            return replace(shown, state="working", detail=f"at work on “{plain(newest.get('title'))[:200]}”")
        return shown


def _assigned(issue: Any) -> bool:
    found = issue.get("assignees") if isinstance(issue, dict) else None
    return isinstance(found, list) and any(login(one) in NAMES for one in found)


def _links(pull: Any, number: int) -> bool:
    """Whether a pull request says that it settles the issue (GitHub's closing keywords)."""
    keyword = rf"(?:clos|fix|resolv)(?:e|es|ed|s)?:?\s+(?:[\w.-]+/[\w.-]+)?#{number}(?!\d)"
    return re.search(rf"\b{keyword}", str(pull.get("body") or ""), re.IGNORECASE) is not None
