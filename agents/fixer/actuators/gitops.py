"""The Hand for changes of the repository: one pull request a directive, in steps, each found again when it was done.

    propose -> prove -> merge -> deployed        undo: propose, merge, deployed        withdraw: close

There is no ledger: GitHub is asked what stands. The branch's name comes from the directive, its commit is the same
whenever it is made, a ref is created once, and a merge names the head that was proved.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from agents.fixer import pull_text
from agents.fixer.overtaken import as_proposed
from shared import crashpoints
from shared.agent import Act, Withdraw
from shared.gitops.diff import File, FileChange, tree_diff, with_files
from shared.gitops.edit import REGULAR_MODES, apply
from shared.gitops.edit import Refused as NotMade
from shared.gitops.merge import Conflict
from shared.gitops.merge import merged as merge_lines
from shared.gitops.paths import shown
from shared.gitops.refusals import check
from shared.gitops.stack import STACK
from shared.gitops.titles import check_body, check_title
from shared.gitops.words import meaning
from shared.incident.change import Change, MergePull, RevertCommit
from shared.incident.evidence import one_line
from shared.incident.facts import AnyFact, Deployed, Diagnosed, Merged, Proposed, Proved, Refused, Undone
from shared.incident.labels import AUTO_FIX, AUTO_MERGED, UNVERIFIED
from shared.incident.parts import Directive, Verb
from shared.incident.replay import Entry
from shared.policy.model import Policy
from shared.ports import Permanent, Transient
from shared.proof import Compose, Prover, report
from shared.source import DEPLOY, NewCommit, Pull, Pulls, Source

LOOK_AGAIN: Final = 0.5
"""Seconds between looks for the deployer's word."""
DEPLOYED_WITHIN: Final = timedelta(minutes=5)
"""A merge that no deployer has reported on by then counts as not deployed."""

QUICKER: Final[frozenset[Verb]] = frozenset(("set-memory",))
"""Where the service is down and a restart brings it back: what is not merged at once does not wait for a person."""
NO_WAIT: Final = "it is merged without a person"
UNMOVED: Final = "the default branch is where it was"


class PullRequests:
    """`now` is GitHub's clock; `compose` is asked before a push; `deployed_within` bounds the wait for the deployer's
    word on a merge."""

    def __init__(
        self,
        source: Source,
        pulls: Pulls,
        prover: Prover,
        policy: Policy,
        now: Callable[[], datetime],
        *,
        compose: Compose | None = None,
        deployed_within: timedelta = DEPLOYED_WITHIN,
        reach: Callable[[str], None] = crashpoints.reach,
    ) -> None:
        self._source = source
        self._pulls = pulls
        self._prover = prover
        self._policy = policy
        self._now = now
        self._compose = compose
        self._deployed_within = deployed_within
        self._reach = reach

    def carry_out(self, act: Act | Withdraw) -> AnyFact | None:
        """The fact of the step that is next; None where there is nothing to say. Raises Transient while its outcome is
        not known yet."""
        if isinstance(act, Withdraw):
            self._withdraw(act)
            return None
        if act.undo is not None:
            return self._undo(act)
        said = {type(e.fact): e for e in act.incident.way}
        if merged := said.get(Merged):
            return self._deployed(act.directive, merged)
        if proved := said.get(Proved):
            return self._merge(act.directive, proved)
        if proposed := said.get(Proposed):
            return self._prove(act, proposed)
        return self._propose(act)

    def _propose(self, act: Act) -> Proposed | Refused:
        """Open the pull request, or refuse with what is wrong with it."""
        directive, change = act.directive, _change(act.directive)
        branch = pull_text.branch(directive)
        found = self._source.pulls_of(branch)
        if not found and (head := self._source.head()) != directive.base:
            return _refused(directive, UNMOVED, f"{head[:10]}, decided on {directive.base}")
        base = directive.base or ""
        try:
            files, done = self._made(change, base)
        except NotMade as reason:
            return _refused(directive, "the change can be made", str(reason))
        before = self._source.files(base, tuple({*files, STACK}))
        differing = tree_diff(before, with_files(before, files))
        complaint = self._complaint(files.get(STACK))
        if wrong := check(change, before, with_files(before, files), commit=done, compose_says=complaint):
            return _refused(directive, "the change is sound", "; ".join(wrong))
        title, body = pull_text.title(directive), pull_text.body(act.incident, directive, differing)
        if wrong := (*check_title(title), *check_body(body)):
            return _refused(directive, "the text says what the change is", "; ".join(wrong))
        self._reach("change-made")
        given = act.incident.way[0].posted_at
        new = NewCommit(base, files, pull_text.message(act.incident, directive), given)
        sha = self._pulls.branch(branch, new)
        self._reach("branch-made")
        pull = self._pulls.propose(branch, title, body, (AUTO_FIX,))
        self._reach("pull-open")
        if pull.head_sha != sha:
            raise Permanent(f"pull request {pull.number} is at {pull.head_sha[:10]}, made was {sha[:10]}")
        return Proposed(
            directive_id=directive.id,
            number=pull.number,
            link=pull.link,
            branch=branch,
            base_sha=base,
            head_sha=sha,
            files=tuple(sorted(files)),
            changes=meaning(differing),
        )

    def _complaint(self, stack: bytes | None) -> str | None:
        """What compose has against the new desired state; None for nothing, also where nobody was asked."""
        if stack is None or self._compose is None:
            return None
        said = self._compose.says(stack)
        return said.detail if said.ok is False else None

    def _made(self, change: Change, base: str) -> tuple[dict[str, bytes | None], tuple[FileChange, ...]]:
        """The new files, and for a revert what its commit did. Raises NotMade."""
        done: tuple[FileChange, ...] = ()
        paths: tuple[str, ...] = (STACK,)
        if isinstance(change, RevertCommit):
            parents = self._source.commit(change.commit).parents
            if not parents:
                raise NotMade(f"commit {change.commit[:10]} is the first one")
            done, paths = self._source.difference(parents[0], change.commit), change.paths
        now = {path: file.data for path, file in self._source.files(base, paths).items()}
        return apply(change, now, done), done

    def _prove(self, act: Act, proposed: Entry) -> Proved | Refused:
        fact = proposed.fact
        if not isinstance(fact, Proposed):
            raise TypeError(fact)
        proof = self._prover.prove(act.incident, fact.base_sha, fact.head_sha)
        self._reach("proved")
        report(self._pulls, fact.head_sha, proof.checks, "failure" if proof.verdict == "refuted" else "error")
        if proof.verdict == "unverified":
            self._pulls.add_label(fact.number, UNVERIFIED)
        alone = proof.verdict == "proved" and self._merges(act)
        if act.directive.verb in QUICKER and proof.verdict != "refuted" and not alone:
            lacking = "; ".join(f"{c.name}: {c.detail}" for c in proof.checks if c.ok is False)
            why = lacking or "it is proved, and here a person merges"
            return _refused(act.directive, NO_WAIT, f"pull request {fact.number} stays open for review; {why}")
        merge = "nobody" if proof.verdict == "refuted" else "policy" if alone else "person"
        if proof.verdict == "refuted":
            self._pulls.close_pull(fact.number)
        return Proved.model_validate(
            {
                "directive_id": act.directive.id,
                "number": fact.number,
                "head_sha": fact.head_sha,
                "verdict": proof.verdict,
                "merge": merge,
                "checks": proof.checks,
            }
        )

    def _merges(self, act: Act) -> bool:
        """Whether policy lets it in once it is proved."""
        given, directive = act.incident.way[0].fact, act.directive
        if isinstance(given, Diagnosed) and self._policy.grants_to(directive.target, given.cause, directive.verb):
            return True
        rule = self._policy.catalogue.get(directive.verb)
        return rule is not None and rule.merge == "policy"

    def _merge(self, directive: Directive, entry: Entry) -> Merged | Refused:
        proved = entry.fact
        if not isinstance(proved, Proved):
            raise TypeError(proved)
        pull = self._source.pull(proved.number)
        if not pull.merged:
            if (head := self._source.head()) != directive.base:
                self._pulls.close_pull(pull.number)
                self._reach("closed")
                why = f"{head[:10]}, proved was the change on top of {(directive.base or '')[:10]}"
                return _refused(directive, UNMOVED, why)
            if not pull.open:
                raise Permanent(f"pull request {pull.number} was closed by somebody; /retry proposes anew")
        pull = self._pulls.merge(proved.number, proved.head_sha)  # or finds that it was, at this very head
        self._reach("merged")
        if proved.merge == "policy" and pull.merged_by == pull.author:
            self._pulls.add_label(pull.number, AUTO_MERGED)
        return _merged(directive, pull)

    def _deployed(self, directive: Directive, entry: Entry) -> Deployed:
        merged = entry.fact
        if not isinstance(merged, Merged):
            raise TypeError(merged)
        outcome, detail, at = self._word(merged.merge_sha, entry.posted_at)
        return Deployed.model_validate(
            {
                "directive_id": directive.id,
                "sha": merged.merge_sha,
                "outcome": outcome,
                "detail": detail,
                "took_s": max((at - entry.posted_at).total_seconds(), 0.0),
            }
        )

    def _word(self, sha: str, since: datetime) -> tuple[str, str, datetime]:
        """What the deployer said of a commit, and when. Raises Transient while it has said nothing final.

        `since`: when the wait began; a deployer that is silent for too long has failed."""
        status = next((s for s in self._source.statuses(sha) if s.context == DEPLOY), None)
        if status is not None and status.state in ("success", "failure", "error"):
            return ("running" if status.state == "success" else "failed"), one_line(status.description), status.at
        now = self._now()
        if now - since > self._deployed_within:
            waited = f"{(now - since).total_seconds():.0f} s"
            return "failed", f"no deployer has reported on {sha[:10]} in {waited}", now
        raise Transient(f"the deployer has not reported on {sha[:10]} yet", LOOK_AGAIN)

    def _withdraw(self, act: Withdraw) -> None:
        """Close it once: what a person pushed to, or opened again, is theirs."""
        pull = self._source.pull(act.number)
        if as_proposed(pull, act.head_sha) and not self._source.was_closed(act.number):
            self._pulls.close_pull(act.number)

    def _undo(self, act: Act) -> Undone:
        """Take back the merge that this incident holds. Its branch is made of the merge alone, so it is found again;
        what came to the default branch since stays."""
        standing = act.incident.standing
        if standing is None or act.undo is None:
            raise Permanent("there is no change to take back")
        merged, directive = standing
        branch = pull_text.undo_branch(directive)
        found = self._source.pulls_of(branch)
        pull = next((p for p in found if p.merged), None)
        if pull is None:
            sha = self._undo_branch(act, merged, branch)
            self._reach("undo-branch-made")
            text = pull_text.undo_body(act.incident, merged, act.undo)
            pull = self._pulls.propose(branch, pull_text.undo_title(directive), text, (AUTO_FIX,))
            self._reach("undo-open")
            if not pull.open:
                raise Permanent(f"pull request {pull.number}, which takes the change back, was closed by somebody")
            pull = self._pulls.merge(pull.number, sha)
        self._reach("undo-merged")
        sha = pull.merge_sha or ""
        outcome, detail, _ = self._word(sha, act.incident.entries[-1].posted_at)
        if outcome != "running":
            raise Permanent(f"what took the change back, {sha[:10]}, is not deployed: {detail}")
        return Undone(directive_id=merged.directive_id, why=act.undo, number=pull.number, merge_sha=sha, detail=detail)

    def _undo_branch(self, act: Act, merged: Merged, branch: str) -> str:
        """The commit that takes `merged` back, on its branch. Raises Permanent where that does not apply any more."""
        done = self._source.difference(self._source.commit(merged.merge_sha).parents[0], merged.merge_sha)
        now = self._source.files(self._source.head(), tuple(f.path for f in done))
        for file in done:
            if file.was is not None or file.mode not in REGULAR_MODES:
                raise Permanent(
                    f"{shown(file.path)} is not an ordinary file whose content changed; a person reverts it"
                )
            _still_applies(file, now.get(file.path))
        said = next(e.posted_at for e in act.incident.entries if e.fact is merged)
        files = {f.path: f.before for f in done}
        message = pull_text.undo_message(act.incident, merged)
        return self._pulls.branch(branch, NewCommit(merged.merge_sha, files, message, said))


def _still_applies(done: FileChange, now: File | None) -> None:
    """Raises Permanent when what came later stands in the way of taking `done` back."""
    data = now.data if now is not None else None
    if data in (done.after, done.before):
        return
    try:
        if data is None or done.before is None or done.after is None:
            raise Conflict("it was made or removed as a whole")
        merge_lines(done.after, data, done.before)
    except Conflict as reason:
        why = f"{shown(done.path)} was changed since: {reason}"
        raise Permanent(f"the change cannot be taken back by itself: {why}") from reason


def _change(directive: Directive) -> Change:
    if directive.change is None or isinstance(directive.change, MergePull):
        raise Permanent(f"{directive.verb} proposes nothing")
    return directive.change


def _merged(directive: Directive, pull: Pull) -> Merged:
    return Merged(
        directive_id=directive.id,
        number=pull.number,
        head_sha=pull.head_sha,
        merge_sha=pull.merge_sha or "",
        by=pull.merged_by or "",
    )


def _refused(directive: Directive, precondition: str, detail: str) -> Refused:
    return Refused(directive_id=directive.id, precondition=precondition, detail=detail[:300])
