"""The rules, one function each, and the ruling they add up to.

A failed rule forbids (`veto`), finds the diagnosis out of date (`stale`), waits for a passing obstacle (`wait`) or
asks for a person (`ask`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from shared.incident.change import REPLICAS, SetMemory, SetReplicas
from shared.incident.parts import Directive, Predicate
from shared.incident.situation import Action, Situation
from shared.policy.model import Policy

Weight = Literal["veto", "stale", "wait", "ask"]


Rule = Callable[[Policy, Directive, Situation], tuple[bool, str]]


def log_intact(_: Policy, __: Directive, s: Situation) -> tuple[bool, str]:
    return not s.gaps, "; ".join(s.gaps)[:250] or "no fact is missing"


def not_frozen(_: Policy, __: Directive, s: Situation) -> tuple[bool, str]:
    return not s.frozen, "an open issue says sre:freeze, or the switch is unreadable" if s.frozen else "no freeze"


def not_held(_: Policy, __: Directive, s: Situation) -> tuple[bool, str]:
    return not s.held, "label sre:hold" if s.held else "no hold"


def not_silenced(_: Policy, __: Directive, s: Situation) -> tuple[bool, str]:
    if s.silence is None or s.silence.until <= s.now:
        return True, "no silence"
    of, until = ", ".join(s.silence.services), f"{s.silence.until:%Y-%m-%d %H:%M:%S} UTC"
    return False, f"{of}: {s.silence.login} wants no action until {until} (#{s.silence.issue})"


def verb_in_catalogue(p: Policy, d: Directive, _: Situation) -> tuple[bool, str]:
    rule = p.catalogue.get(d.verb)
    if rule is None:
        return False, f"{d.verb} is not in the catalogue"
    return d.grace_s <= rule.max_grace_s, f"{d.verb}, grace {d.grace_s:g} s of at most {rule.max_grace_s:g} s"


def service_listed(p: Policy, d: Directive, _: Situation) -> tuple[bool, str]:
    rule = p.services.get(d.target)
    listed = rule is not None and d.verb in rule.verbs
    return listed, f"{d.target} is {'' if listed else 'not '}listed for {d.verb}"


def container_managed(_: Policy, d: Directive, s: Situation) -> tuple[bool, str]:
    return s.managed, f"{d.target} carries {'' if s.managed else 'no '}sre-space.managed=true"


def world_unchanged(_: Policy, d: Directive, s: Situation) -> tuple[bool, str]:
    if d.change is not None:
        if s.head is None:
            return False, "the default branch cannot be read"
        return s.head == d.base, f"the default branch is at {s.head[:10]}, decided on {(d.base or '')[:10]}"
    if s.observed is None:
        return False, f"{d.target} cannot be read"
    same = s.observed == d.observed
    return same, "container, start and image are as diagnosed" if same else "the container is not the one diagnosed"


def change_bounded(p: Policy, d: Directive, _: Situation) -> tuple[bool, str]:
    rule = p.catalogue.get(d.verb)
    match d.change:
        case SetMemory(before=before, after=after):
            most = rule.max_mib if rule and rule.max_mib is not None else before
            factor = rule.max_factor if rule and rule.max_factor is not None else 1.0
            bound = min(most, int(before * factor))
            return after <= bound, f"{after} MiB, at most {bound} MiB ({before} MiB now)"
        case SetReplicas(after=after):
            most = min(rule.max_replicas if rule and rule.max_replicas is not None else 0, REPLICAS)
            return 1 <= after <= most, f"{after} replicas, at most {most}: what is deployed here runs as one process"
        case _:
            return True, "no bound applies"


def undo_written(_: Policy, d: Directive, __: Situation) -> tuple[bool, str]:
    return bool(d.undo.strip()), d.undo or "no undo"


def evidence_cited(_: Policy, __: Directive, s: Situation) -> tuple[bool, str]:
    return not s.uncited, f"without evidence: {', '.join(s.uncited)}"[
        :250
    ] if s.uncited else "every claim cites evidence"


def confident(p: Policy, _: Directive, s: Situation) -> tuple[bool, str]:
    least = p.limits.minimum_confidence
    return s.confidence >= least, f"{s.confidence:.2f}, at least {least:.2f} to act alone"


def cooled_down(p: Policy, d: Directive, s: Situation) -> tuple[bool, str]:
    last = max((a.at for a in s.actions if a.target == d.target), default=None)
    if last is None:
        return True, "no earlier action in the window"
    passed = (s.now - last).total_seconds()
    least = p.limits.cool_down.total_seconds()
    return passed >= least, f"{passed:.0f} s since the last action, at least {least:.0f} s"


def service_budget(p: Policy, d: Directive, s: Situation) -> tuple[bool, str]:
    used = sum(a.target == d.target for a in _in_window(p, s))
    return used < p.limits.actions_per_service, f"{used} of {p.limits.actions_per_service} actions used"


def fleet_budget(p: Policy, _: Directive, s: Situation) -> tuple[bool, str]:
    used = len(_in_window(p, s))
    return used < p.limits.actions_in_all, f"{used} of {p.limits.actions_in_all} actions used"


def concurrency(p: Policy, _: Directive, s: Situation) -> tuple[bool, str]:
    return (
        s.acting_elsewhere < p.limits.concurrent_actions,
        f"{s.acting_elsewhere} other incidents being acted on, fewer than {p.limits.concurrent_actions} allowed",
    )


def minimum_healthy(p: Policy, _: Directive, s: Situation) -> tuple[bool, str]:
    if not s.healthy:
        return True, "no other managed container"
    share = sum(s.healthy.values()) / len(s.healthy)
    least = p.limits.minimum_healthy
    return share >= least, f"{share:.0%} of the others are healthy, at least {least:.0%}"


def autonomy(p: Policy, d: Directive, s: Situation) -> tuple[bool, str]:
    judged = [a for a in sorted(s.actions, key=lambda a: a.at) if a.verb == d.verb and a.effective is not None]
    last = judged[-p.autonomy.of_last :]
    failed = sum(not a.effective for a in last)
    return failed < p.autonomy.ineffective, f"{failed} of the last {len(last)} verified actions were ineffective"


def trusted(p: Policy, _: Directive, s: Situation) -> tuple[bool, str]:
    if s.standing is None:
        return True, "nothing was looked at"
    known, least = s.standing, p.trust.promote_after
    told = f"{known.successes} helped, {known.failures} did not, {known.undone} taken back"
    if not known.undone:
        return True, told
    return not p.trust.in_doubt(known), f"{told}; {known.in_a_row} helped since, {least} make it trusted again"


def no_approval_needed(p: Policy, d: Directive, s: Situation) -> tuple[bool, str]:
    if p.grants_to(d.target, s.cause, d.verb):
        return True, f"granted: {d.verb} against {s.cause} in {d.target}"
    verb, service = p.catalogue.get(d.verb), p.services.get(d.target)
    needed = verb is None or service is None or verb.approval or service.approval
    return not needed, "policy wants a person's approval" if needed else "policy allows it without a person"


def _in_window(p: Policy, s: Situation) -> list[Action]:
    return [a for a in s.actions if s.now - a.at <= p.limits.window]


RULES: Final[tuple[tuple[Rule, Weight], ...]] = (
    (log_intact, "veto"),
    (not_frozen, "wait"),
    (not_held, "wait"),
    (not_silenced, "wait"),
    (verb_in_catalogue, "veto"),
    (service_listed, "veto"),
    (container_managed, "veto"),
    (change_bounded, "veto"),
    (world_unchanged, "stale"),
    (undo_written, "veto"),
    (evidence_cited, "veto"),
    (service_budget, "veto"),
    (fleet_budget, "veto"),
    (cooled_down, "wait"),
    (concurrency, "wait"),
    (minimum_healthy, "wait"),
    (confident, "ask"),
    (autonomy, "ask"),
    (trusted, "ask"),
    (no_approval_needed, "ask"),
)


Outcome = Literal["allow", "needs-approval", "veto", "stale", "wait"]
BUDGETS: Final = frozenset((service_budget, fleet_budget))
"""They bound what the fleet does by itself. Where a person decides anyway, that person is told and decides."""
OUTCOMES: Final[dict[Weight, Outcome]] = {"veto": "veto", "stale": "stale", "wait": "wait", "ask": "needs-approval"}
"""What a failed rule of each weight leads to, gravest first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All predicates, and what they add up to."""

    outcome: Outcome
    predicates: tuple[Predicate, ...]

    @property
    def failed(self) -> tuple[Predicate, ...]:
        return tuple(p for p in self.predicates if not p.ok)


def rule(policy: Policy, directive: Directive, situation: Situation) -> Verdict:
    """Apply every rule. The gravest failure decides: veto, then stale, wait, ask."""
    predicates, failed = [], set[Weight]()
    for check, weight in RULES:
        ok, detail = check(policy, directive, situation)
        predicates.append(Predicate(name=check.__name__.replace("_", "-"), ok=ok, detail=detail[:300]))
        if not ok:
            failed.add(
                "ask" if check in BUDGETS and not no_approval_needed(policy, directive, situation)[0] else weight
            )
    outcome: Outcome = next((OUTCOMES[w] for w in OUTCOMES if w in failed), "allow")
    return Verdict(outcome, tuple(predicates))
