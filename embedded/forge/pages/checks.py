"""What machines say about a commit, statuses and check runs alike."""

from dataclasses import dataclass
from typing import Final

from embedded.forge.rows import CheckRun, CommitStatus
from embedded.forge.store import Store

_GOOD: Final = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True, slots=True)
class Check:
    """`state` is good, bad or waiting; `word` is what GitHub calls it; `link` is http(s) or empty."""

    key: str
    name: str
    state: str
    word: str
    text: str
    link: str


def checks(store: Store, sha: str) -> list[Check]:
    """The newest of each status context and each check run's name, by name."""
    with store.reading():
        statuses, runs = store.checks.latest(sha), store.checks.runs(sha)
    newest = {run.name: run for run in reversed(runs)}
    found = [_status(one) for one in statuses] + [_run(one) for one in newest.values()]
    return sorted(found, key=lambda check: check.name.lower())


def together(found: list[Check]) -> str:
    """good, bad or waiting over all; "" without any."""
    states = {check.state for check in found}
    return next((state for state in ("bad", "waiting", "good") if state in states), "")


def _status(row: CommitStatus) -> Check:
    state = {"success": "good", "pending": "waiting"}.get(row.state, "bad")
    return Check(f"status-{row.id}", row.context, state, row.state, row.description or "", _safe(row.target_url))


def _run(row: CheckRun) -> Check:
    word = (row.conclusion or row.status).replace("_", " ")
    state = "waiting" if row.conclusion is None else "good" if row.conclusion in _GOOD else "bad"
    text = str(row.output.get("title") or "")
    return Check(f"run-{row.id}", row.name, state, word, text, _safe(row.details_url))


def _safe(url: str | None) -> str:
    return url if url and url.lower().startswith(("http://", "https://")) else ""
