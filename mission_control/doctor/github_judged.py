"""What is made of one look at GitHub. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mission_control.doctor.finding import Finding, well, wrong
from mission_control.doctor.github_seen import GithubSeen

SKEW_S: Final = 30.0
WIDE: Final = frozenset(
    ("admin:org", "admin:repo_hook", "admin:org_hook", "admin:public_key", "admin:gpg_key", "admin:enterprise",
     "delete_repo", "site_admin", "write:org", "user", "gist", "write:packages", "delete:packages", "codespace")
)  # fmt: skip
"""Scopes of classic tokens that the fleet has no use for."""
LOW: Final = 0.1
"""Share of the hour's requests below which it is said."""


def judge(seen: GithubSeen, merge: str, fleet: frozenset[str]) -> Iterator[Finding]:
    """The findings. `merge`: who merges ("policy" or "propose"); `fleet`: logins of the keyring."""
    if seen.trouble is not None:
        yield wrong("github", seen.trouble)
        return
    yield well("github", f"{seen.repo} as {seen.login}")
    yield from _token(seen)
    yield from _people(seen, fleet)
    yield from _repository(seen)
    yield from _branch(seen, merge)
    yield from _labels(seen)
    yield from _budgets(seen)
    if seen.skew_s is not None:
        said = f"this clock is {abs(seen.skew_s):.0f} s {'ahead of' if seen.skew_s > 0 else 'behind'} GitHub's"
        yield wrong("clock", said) if abs(seen.skew_s) > SKEW_S else well("clock", "within 30 s of GitHub's")


def _token(seen: GithubSeen) -> Iterator[Finding]:
    private = bool(seen.repository.get("private"))
    if seen.scopes is not None:
        needed = "repo" if private else "public_repo"
        enough = "repo" in seen.scopes or needed in seen.scopes
        listed = ", ".join(sorted(seen.scopes)) or "none"
        if enough:
            yield well("token-narrow", f"scopes: {listed}")
        else:
            yield wrong("token-narrow", f"scopes: {listed}", how=f"give the token the scope {needed}")
        if wide := sorted(seen.scopes & WIDE):
            yield wrong("token-wide", f"scopes: {', '.join(wide)}", how=f"take these scopes off: {', '.join(wide)}")
        else:
            yield well("token-wide", "no scope that the fleet has no use for")
    else:
        lacks = sorted(what for what, may in seen.may.items() if not may)
        if lacks:
            yield wrong("token-narrow", f"may not write {', '.join(lacks)}",
                        how=f"give the token write permission for {', '.join(lacks)}")  # fmt: skip
        else:
            yield well("token-narrow", f"may write {', '.join(sorted(seen.may))}")
        if seen.too_much:
            listed = ", ".join(seen.too_much)
            yield wrong("token-wide", f"may also read {listed}", how=f"take these permissions off: {listed}")
        else:
            yield well("token-wide", "reads neither secrets nor webhooks nor administration")
    if seen.kind == "app":
        yield wrong("token-kind", "an installation's token; a workflow's own looks the same")
    else:
        yield well("token-kind", f"a token of {seen.login}")


def _people(seen: GithubSeen, fleet: frozenset[str]) -> Iterator[Finding]:
    rights: dict[str, Any] = seen.repository.get("permissions") or {}
    names = {"login": seen.login, "repo": seen.repo}
    if not rights.get("push"):
        yield wrong("permission", f"{seen.login} may not write", **names)
    else:
        yield well("permission", f"{seen.login} may write")
        if rights.get("admin") and not seen.embedded:
            yield wrong("permission-wide", f"{seen.login} administers {seen.repo}", **names)
    if seen.operator is None:
        yield well("one-account", "nobody speaks from this command line: people decide on GitHub")
    elif seen.operator == seen.login or seen.operator in fleet:
        yield wrong("one-account", f"{seen.operator} is the operator and an account of the fleet")
    else:
        yield well("one-account", f"{seen.operator} speaks for people, {seen.login} for the fleet")


def _repository(seen: GithubSeen) -> Iterator[Finding]:
    about, names = seen.repository, {"repo": seen.repo}
    yield well("issues", "issues are on") if about.get("has_issues") else wrong("issues", "they are", **names)
    closed = [word for word in ("archived", "disabled") if about.get(word)]
    yield wrong("writable", f"it is {closed[0]}", **names) if closed else well("writable", "it can be written to")
    if not about.get("private") and not seen.embedded:
        yield wrong("public", f"{seen.repo} is public", **names)
    merges = about.get("allow_merge_commit")  # None: only who may write is told
    if merges is not None:
        yield well("merge-method", "merge commits are on") if merges else wrong("merge-method", "they are off", **names)
    if about.get("allow_auto_merge"):
        yield wrong("auto-merge", "auto-merge is on", **names)
    elif about.get("allow_auto_merge") is not None:
        yield well("auto-merge", "auto-merge is off")


def _branch(seen: GithubSeen, merge: str) -> Iterator[Finding]:
    branch = str(seen.repository.get("default_branch", "main"))
    if seen.rules is None or seen.embedded:
        return
    if seen.rules.protected:
        yield well("branch-rules", f"{branch} is protected")
    else:
        yield wrong("branch-rules", f"{branch} has no rule", branch=branch)
    if merge == "policy" and seen.rules.reviews:
        yield wrong("branch-reviews", f"{branch} asks for {seen.rules.reviews} review(s)", branch=branch)


def _labels(seen: GithubSeen) -> Iterator[Finding]:
    if not seen.labels:
        yield well("labels", "as the catalogue has them")
        return
    missing = [change.name for change in seen.labels if change.was is None]
    other = [change.name for change in seen.labels if change.was is not None]
    said = f"{len(missing)} missing, {len(other)} with another colour, name or description"
    yield wrong("labels", said, what=", ".join((missing + other)[:3]) + (" …" if len(seen.labels) > 3 else ""))


def _budgets(seen: GithubSeen) -> Iterator[Finding]:
    if seen.rate is not None:
        left, of, reset = seen.rate
        said = f"{left:,} of {of:,} requests are left until {reset:%H:%M} UTC"
        yield wrong("rate-budget", said, reset=f"{reset:%H:%M} UTC") if left < of * LOW else well("rate-budget", said)
    if seen.writes_left is not None:
        said = f"{seen.writes_left} comments or issues may be written just now"
        yield well("write-budget", said) if seen.writes_left > 0 else wrong("write-budget", said)
