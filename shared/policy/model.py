"""`deploy/policy.yaml` as frozen values. Deny by default: an absent verb or service is a forbidden one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from shared.incident.parts import Cause, Verb
from shared.incident.record import Line, Name, Record
from shared.incident.situation import Standing

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value) if isinstance(value, str) else None
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]]) if match else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""Written as a number with s, m, h or d."""
Share = Annotated[float, Field(ge=0, le=1)]


class VerbRule(Record):
    """What holds for one verb everywhere.

    `merge` is who lets a pull request in: the policy, once it is proved, or a person. The bounds are those of the
    changes that have one: `max_mib` and `max_factor` of a memory limit, `max_replicas`, of
    which no more is allowed than is deployed (`change.REPLICAS`).
    """

    approval: bool
    max_grace_s: Annotated[float, Field(ge=0, le=60)] = 30.0
    merge: Literal["policy", "person"] = "person"
    max_mib: Annotated[int, Field(ge=16)] | None = None
    max_factor: Annotated[float, Field(gt=1)] | None = None
    max_replicas: Annotated[int, Field(ge=1)] | None = None


class ServiceRule(Record):
    """What holds for one container."""

    verbs: tuple[Verb, ...]
    approval: bool = False


class Limits(Record):
    """Bounds on how often and when."""

    LATER = frozenset(("silence_at_most",))
    actions_per_service: Annotated[int, Field(ge=0)]
    actions_in_all: Annotated[int, Field(ge=0)]
    window: Duration
    cool_down: Duration
    concurrent_actions: Annotated[int, Field(ge=1)]
    minimum_healthy: Share
    minimum_confidence: Share
    ruling_holds_for: Duration
    approval_holds_for: Duration
    silence_at_most: Duration = timedelta(days=1)


class Autonomy(Record):
    """When the fleet loses the right to act without a person."""

    ineffective: Annotated[int, Field(ge=1)]
    of_last: Annotated[int, Field(ge=1)]


class Grant(Record):
    """What a person no longer has to approve, because it was verified to help often enough: see `Trust`."""

    service: Name
    cause: Cause
    verb: Literal["restart", "revert-commit", "set-memory", "set-config", "set-flag"]
    """Never a pull request of somebody else: each of those is another change."""


class Trust(Record):
    """The ladder. `promote_after`: verified successes in a row, each approved by a person, after which Memory proposes
    a grant; and successes in a row after which what was once taken back is trusted again."""

    promote_after: Annotated[int, Field(ge=2)] = 5
    horizon: Duration = timedelta(days=30)
    """How far back the logs are counted."""

    def in_doubt(self, known: Standing) -> bool:
        """Whether it was taken back, and has not helped often enough since."""
        return known.undone > 0 and known.in_a_row < self.promote_after


class Keeping(Record):
    """What Memory writes down besides the incident itself."""

    LATER = frozenset(("first_day",))
    postmortems: Literal["comment", "pull"] = "comment"
    """`pull`: besides the comment, a file under docs/postmortems/ by pull request."""
    runbooks: Literal["none", "pull"] = "none"
    """`pull`: after `runbook_after` verified fixes a runbook under docs/runbooks/ by pull request."""
    runbook_after: Annotated[int, Field(ge=2)] = 3
    grants: Literal["none", "pull"] = "none"
    """`pull`: what has earned it is proposed as a grant in this file, by pull request."""
    first_day: Literal["none", "pull"] = "none"
    """`pull`: a day after the first thing that only a person's approval held back, docs/reports/first-day.md."""
    leave_out: tuple[Line, ...] = ()
    """Paths that are not indexed, with `*` for any characters."""


class Policy(Record):
    """The whole policy; its `digest` stands in every ruling, and a policy without the sections that came later keeps
    the one it had."""

    LATER = frozenset(("trust", "grants", "memory"))
    version: Literal[1]
    catalogue: dict[Verb, VerbRule]
    services: dict[Name, ServiceRule]
    limits: Limits
    autonomy: Autonomy
    escalate_after: Annotated[int, Field(ge=1)]
    trust: Trust = Trust()
    grants: tuple[Grant, ...] = ()
    memory: Keeping = Keeping()

    def grants_to(self, service: str, cause: str, verb: Verb) -> bool:
        """Whether a person has given it away."""
        return any((g.service, g.cause, g.verb) == (service, cause, verb) for g in self.grants)

    def asks(self, service: str, cause: str, verb: Verb) -> bool:
        """Whether a person must approve it, or merge it."""
        if self.grants_to(service, cause, verb):
            return False
        of_verb, of_service = self.catalogue.get(verb), self.services.get(service)
        if of_verb is None or of_service is None or of_verb.approval or of_service.approval:
            return True
        return verb != "restart" and of_verb.merge == "person"

    def lists(self, service: str, verb: Verb) -> bool:
        """Whether the verb is in the catalogue and listed for the service."""
        rule = self.services.get(service)
        return verb in self.catalogue and rule is not None and verb in rule.verbs

    def proposing(self) -> Policy:
        """This policy with every merge left to a person."""
        asking = {verb: rule.model_copy(update={"merge": "person"}) for verb, rule in self.catalogue.items()}
        restarts = tuple(g for g in self.grants if g.verb == "restart")
        return self.model_copy(update={"catalogue": asking, "grants": restarts})


class _Strict(yaml.SafeLoader):
    """YAML in which a key may stand only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(k) for k in keys if keys.count(k) > 1}
        if twice:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: written twice: {', '.join(sorted(twice))}")
        return super().construct_mapping(node, deep)


def parse_policy(text: str) -> Policy:
    """The policy in `text` (YAML). Raises ValueError with one line per thing to mend."""
    try:
        return Policy.model_validate(yaml.load(text, Loader=_Strict))  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"policy: not YAML: {error}") from error
    except ValidationError as error:
        lines = [f"policy: {'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors()]
        raise ValueError("\n".join(lines)) from error
