"""What Memory proposes to write into the repository: post-mortems, runbooks, grants. Each from facts alone. Pure.

A paper is a pull request that a person merges. Its branch is named after what it is about, so it is proposed once: who
closes it unmerged has said no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.incident.episodes import Episode, episodes
from shared.incident.labels import FORGET
from shared.incident.parts import Cause
from shared.incident.postmortem import accounts
from shared.incident.render import code, render_postmortem
from shared.incident.replay import Incident
from shared.incident.situation import Standing
from shared.policy.model import Policy
from shared.recall import runbook
from shared.recall.grants import POLICY, TABLE, CannotEdit, earned, granted, table, with_table
from shared.recall.trust import Rung, standings
from shared.recall.would import as_markdown, held_back, summary
from shared.source import OURS

POSTMORTEMS: Final = "docs/postmortems/"
FIRST_DAY: Final = "docs/reports/first-day.md"
A_DAY: Final = timedelta(days=1)
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Paper:
    """`make` gives the files as they are to be from those that are there (of `reads`); empty: nothing is to be done.

    `replaces`: branches of older versions of the same paper, which are closed if nobody touched them.
    """

    branch: str
    title: str
    body: str
    reads: tuple[str, ...]
    make: Callable[[Files], dict[str, bytes]]
    at: datetime
    replaces: tuple[str, ...] = ()


def wanted(incidents: tuple[Incident, ...], policy: Policy, now: datetime) -> Iterator[Paper]:
    """Everything that the policy wants written, oldest first."""
    whole = tuple(i for i in incidents if i.is_incident and not i.gaps and FORGET not in i.labels)
    past = tuple(e for i in whole for e in episodes(i))
    if policy.memory.postmortems == "pull":
        for incident in whole:
            yield from _postmortems(incident)
    if policy.memory.runbooks == "pull":
        yield from _runbooks(past, policy.memory.runbook_after)
    if policy.memory.grants == "pull":
        yield from _grants(standings(past, now - policy.trust.horizon), past, policy)
    if policy.memory.first_day == "pull":
        yield from _first_day(whole, now)


def _postmortems(incident: Incident) -> Iterator[Paper]:
    told = {e.firing: e for e in episodes(incident)}
    for firing, account in accounts(incident):
        episode = told[firing]
        head = (
            f"# {episode.detected}: {episode.symptom}, {episode.since:%Y-%m-%d}\n\n"
            f"Incident {incident.repo}#{incident.number}, firing {firing}; from the signed facts up to "
            f"{episode.digest[:12]}. Check them: `./mission-control.sh verify {incident.number}`.\n\n"
        )
        text = head + render_postmortem(incident, account, firing)
        name = f"{POSTMORTEMS}{episode.since:%Y-%m-%d}-{episode.name}-{episode.detected}-{episode.symptom}.md"
        yield Paper(
            branch=f"{OURS}postmortem-{episode.name}",
            title=f"Post-mortem of #{incident.number}: {episode.symptom} on {episode.detected}",
            body=_body(f"The post-mortem of incident #{incident.number}, rendered from its signed facts.", name),
            reads=(name,),
            make=_once(name, text.encode()),
            at=episode.at,
        )


def _once(name: str, data: bytes) -> Callable[[Files], dict[str, bytes]]:
    return lambda there: {} if name in there else {name: data}


def _runbooks(past: tuple[Episode, ...], after: int) -> Iterator[Paper]:
    helped: dict[tuple[str, Cause], list[Episode]] = {}
    for episode in sorted(past, key=lambda e: (e.at, e.issue)):
        if episode.ending == "worked" and episode.cause != "unknown":
            helped.setdefault((episode.service, episode.cause), []).append(episode)
    for (service, cause), found in sorted(helped.items()):
        versions = _versions(len(found), after)
        if not versions:
            continue
        latest = found[versions[-1] - 1]
        known = tuple(e for e in past if e.at <= latest.at)
        name = runbook.path(service, cause)
        text = runbook.draft(service, cause, known)
        branches = [f"{OURS}runbook-{service}-{cause}-{n}" for n in versions]
        yield Paper(
            branch=branches[-1],
            title=f"Runbook for {cause} in {service}, after {versions[-1]} verified fixes",
            body=_body(
                f"Drafted from {len(found)} incidents of {cause} in {code(service)} that ended verified. Edit it as "
                "you like: what is on the default branch is what the fleet is reminded of, and it changes only its own "
                "block.",
                name,
            ),
            reads=(name,),
            make=_drafted(name, f"{cause} in {service}", text),
            at=latest.at,
            replaces=tuple(branches[:-1]),
        )


def _versions(count: int, after: int) -> list[int]:
    """After how many verified fixes there was a version: `after`, then each time they have doubled."""
    found, n = [], after
    while n <= count:
        found.append(n)
        n *= 2
    return found


def _drafted(name: str, title: str, text: str) -> Callable[[Files], dict[str, bytes]]:
    def make(there: Files) -> dict[str, bytes]:
        existing = there[name].decode("utf-8", "replace") if name in there else None
        made = runbook.with_draft(existing, title, text)
        return {} if made is None else {name: made.encode()}

    return make


def _grants(known: Mapping[Rung, Standing], past: tuple[Episode, ...], policy: Policy) -> Iterator[Paper]:
    for rung in earned(policy, known):
        stands = known[rung]
        issues = [
            e.issue
            for e in past
            for t in e.tries
            if (t.directive.target, t.cause, t.verb, t.result) == (rung.service, rung.cause, rung.verb, "worked")
        ]
        named = ", ".join(f"#{n}" for n in dict.fromkeys(issues[-20:]))
        yield Paper(
            branch=f"{OURS}grant-{rung.service}-{rung.cause}-{rung.verb}",
            title=f"Let the fleet do {rung.verb} against {rung.cause} in {rung.service} without asking",
            body=_body(
                f"A person approved it {stands.approved} times in a row, and each time it is verified to have helped "
                f"({named}). With this grant nobody is asked for exactly this any more. One undo takes that back at "
                "once, whatever the file says. Close this pull request to leave things as they are; it is not proposed "
                "again.",
                POLICY,
            ),
            reads=(POLICY, TABLE),
            make=_granting(rung, known, policy),
            at=max(e.at for e in past),
        )


def _granting(rung: Rung, known: Mapping[Rung, Standing], policy: Policy) -> Callable[[Files], dict[str, bytes]]:
    def make(there: Files) -> dict[str, bytes]:
        if POLICY not in there:
            return {}
        try:
            made = {POLICY: granted(there[POLICY].decode(), rung).encode()}
        except (CannotEdit, ValueError):
            return {}
        if TABLE in there:
            made[TABLE] = with_table(there[TABLE].decode(), table(known, policy)).encode()
        return {path: data for path, data in made.items() if data != there[path]}

    return make


def _first_day(incidents: tuple[Incident, ...], now: datetime) -> Iterator[Paper]:
    """Once, a day after the first thing that only a person's approval held back; as the logs stood then."""
    asked = held_back(incidents, datetime.min.replace(tzinfo=UTC))
    if not asked or now < (until := asked[0].asked_at + A_DAY):
        return
    held = held_back(incidents, asked[0].asked_at, until)
    text = (
        f"# What the fleet would have done\n\nFrom {asked[0].asked_at:%Y-%m-%d %H:%M} UTC on, one day, by its facts. "
        "Counted is what passed every rule of the policy but one: that a person is asked.\n\n"
        f"{summary(held)}\n\n{as_markdown(held)}\n"
        f"To let it act: `approval: false` (for changes `merge: policy`) in {code(POLICY)}, or a grant for one "
        "service, cause and action. `./mission-control.sh report --would` makes this table for any time.\n"
    )
    yield Paper(
        branch=f"{OURS}first-day",
        title="The first day: what the fleet would have done without asking",
        body=_body(summary(held), FIRST_DAY),
        reads=(FIRST_DAY,),
        make=_once(FIRST_DAY, text.encode()),
        at=until,
    )


def _body(what: str, name: str) -> str:
    return f"{what}\n\nIt writes {code(name)}. The fleet never merges it: a person does, or closes it.\n"
