"""What GitHub says of the repository, of the token, of itself: read only, besides requests that are refused as empty.

A fine-grained token does not say what it may. It is asked for something that cannot be: a label, a branch, a status
without content. Whoever may not is refused as such (403), whoever may is told that the content is missing (422), and
nothing is made either way. Read from https://docs.github.com/en/rest, not tried with a token of github.com.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from mission_control.github import Answer, GithubSaysNo, LabelChange, NotThere, Repository
from mission_control.running import as_operator, target
from mission_control.settings import Settings

Kind = Literal["classic", "fine-grained", "app", "unknown"]
NOBODY: Final = "0" * 40
"""A commit that no repository has."""
WRITES: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "issues": ("POST", "/labels", {}),
    "contents": ("POST", "/git/refs", {}),
    "pull requests": ("POST", "/pulls", {}),
    "commit statuses": ("POST", f"/statuses/{NOBODY}", {}),
}
"""Permission that the fleet needs, and an empty request that shows whether a token has it."""
TOO_MUCH: Final[dict[str, str]] = {
    "secrets": "/actions/secrets",
    "webhooks": "/hooks",
    "administration": "/actions/permissions",
}
"""Permission that the fleet does not need, and what only who has it may read."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What guards the default branch."""

    protected: bool
    reviews: int = 0
    """Approving reviews that a pull request needs."""


@dataclass(frozen=True, slots=True)
class GithubSeen:
    """One look. `trouble` says why there is no more than that."""

    repo: str
    trouble: str | None = None
    embedded: bool = False
    """The forge of this machine: what is public there is public to nobody else."""
    login: str = ""
    kind: Kind = "unknown"
    scopes: frozenset[str] | None = None
    """Of a classic token; None: it does not say."""
    may: dict[str, bool] = field(default_factory=dict)
    """Write permission to whether the token has it; asked of tokens without scopes."""
    too_much: tuple[str, ...] = ()
    repository: dict[str, Any] = field(default_factory=dict)
    labels: tuple[LabelChange, ...] = ()
    rules: Rules | None = None
    rate: tuple[int, int, datetime] | None = None
    """Requests left, of how many, until when."""
    skew_s: float | None = None
    """This machine's clock minus GitHub's; GitHub's has whole seconds."""
    operator: str | None = None
    """Whose words the command line says; None: nobody's."""
    writes_left: int | None = None


def read(settings: Settings) -> GithubSeen:
    """Look once, with the fleet's token. Raises NotRunning when no control plane is known."""
    repository = target(settings).repository
    embedded = settings.github_token is None
    try:
        about = repository.call("GET", "")
    except GithubSaysNo as no:
        return GithubSeen(repository.name, str(no), embedded)
    try:
        return _more(settings, repository, about, embedded)
    except GithubSaysNo as no:
        return GithubSeen(repository.name, str(no), embedded)


def _more(settings: Settings, repository: Repository, about: Answer, embedded: bool) -> GithubSeen:
    scopes = about.headers.get("X-OAuth-Scopes")
    branch = str(about.json()["default_branch"])
    login, kind = _who(repository)
    return GithubSeen(
        repo=repository.name,
        embedded=embedded,
        login=login,
        kind=kind,
        scopes=frozenset(name.strip() for name in scopes.split(",") if name.strip()) if scopes is not None else None,
        may={what: _may(repository, *how) for what, how in WRITES.items()} if scopes is None else {},
        too_much=tuple(what for what, path in TOO_MUCH.items() if _reads(repository, path)) if scopes is None else (),
        repository=about.json(),
        labels=repository.label_changes(),
        rules=_rules(repository, branch),
        rate=_rate(repository),
        skew_s=_skew(about),
        operator=_operator(settings),
        writes_left=_writes_left(settings, login),
    )


def kind_of(token: str) -> Kind:
    """By GitHub's prefixes (https://docs.github.com/en/authentication, "GitHub's token formats")."""
    kinds: dict[str, Kind] = {"ghp_": "classic", "gho_": "classic", "github_pat_": "fine-grained", "ghs_": "app"}
    return next((kind for prefix, kind in kinds.items() if token.startswith(prefix)), "unknown")


def _who(repository: Repository) -> tuple[str, Kind]:
    """Login and kind of token. An installation's token, and so a workflow's own, is nobody's."""
    kind = kind_of(repository.token)
    try:
        return repository.login(), kind
    except GithubSaysNo:
        if kind != "app":
            raise
    return "an app", "app"


def _may(repository: Repository, method: str, path: str, body: dict[str, Any]) -> bool:
    """Whether an empty request is refused for its emptiness, not for who asks."""
    try:
        repository.call(method, path, json=body)
    except NotThere:
        return False  # GitHub hides what a token may not see
    except GithubSaysNo as no:
        return no.status not in (401, 403)
    return True


def _reads(repository: Repository, path: str) -> bool:
    try:
        repository.call("GET", path)
    except GithubSaysNo:
        return False
    return True


def _rules(repository: Repository, branch: str) -> Rules | None:
    """None: this token may not see it."""
    try:
        protected = bool(repository.call("GET", f"/branches/{branch}").json().get("protected"))
    except GithubSaysNo:
        return None
    try:
        rows = repository.call("GET", f"/rules/branches/{branch}").json()
    except GithubSaysNo:  # a server without rulesets
        rows = []
    asked = [row.get("parameters", {}) for row in rows if row.get("type") == "pull_request"]
    reviews = max((int(row.get("required_approving_review_count", 0)) for row in asked), default=0)
    return Rules(protected or bool(rows), reviews)


def _rate(repository: Repository) -> tuple[int, int, datetime] | None:
    try:
        core = repository.ask("GET", "/rate_limit").json()["resources"]["core"]
    except (GithubSaysNo, KeyError):
        return None
    return int(core["remaining"]), int(core["limit"]), datetime.fromtimestamp(int(core["reset"]), UTC)


def _skew(answer: Answer) -> float | None:
    said = answer.headers.get("Date")
    if said is None:
        return None
    return (datetime.now(UTC) - answer.elapsed / 2 - parsedate_to_datetime(said)).total_seconds()


def _operator(settings: Settings) -> str | None:
    from mission_control.exits import Ended

    try:
        return as_operator(settings).repository.login()
    except Ended:
        return None


def _writes_left(settings: Settings, login: str) -> int | None:
    from shared.adapters.github.budget import WriteBudget
    from shared.ports import Transient
    from shared.runtime.clock import SystemClock

    folder = settings.state_dir / "budget"
    if not folder.is_dir() or not login:
        return None
    try:
        return int(WriteBudget(folder, login, SystemClock()).left())
    except (OSError, Transient):
        return None
