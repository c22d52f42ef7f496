"""One incident as a card, from its facts alone. Pure."""

from __future__ import annotations

from dashboard.shapes import Action, Card, Cause, Stage, stamp
from shared.incident.facts import Diagnosed, Proved
from shared.incident.fitting import fits
from shared.incident.outlook import outlook
from shared.incident.parts import Directive
from shared.incident.render import title
from shared.incident.replay import Incident
from shared.incident.stages import stages


def card(incident: Incident) -> Card:
    """Raises LookupError for an issue that is no incident."""
    detected = incident.detected
    diagnosed = next((e.fact for e in reversed(incident.firing) if isinstance(e.fact, Diagnosed)), None)
    directive = incident.directive or _last(incident)
    words = [w.created_at for w in incident.words]
    return Card(
        number=incident.number,
        url=incident.url,
        title=title(detected),
        service=detected.service,
        symptom=detected.symptom,
        severity=detected.severity,
        status=incident.status.value.removeprefix("Status: "),
        closed=incident.closed,
        held=incident.held,
        whole=incident.whole,
        since=stamp(detected.since),
        opened_at=stamp(incident.opened_at) if incident.opened_at else None,
        updated_at=stamp(max([incident.entries[-1].posted_at, *words])),
        recurrence=detected.recurrence,
        summary=detected.summary,
        cause=Cause(text=diagnosed.root_cause, confidence=diagnosed.confidence) if diagnosed else None,
        action=_action(directive) if directive else None,
        waiting=outlook(incident),
        can=list(fits(incident)),
        stages=[
            Stage(stage=s.name, state=s.state, at=stamp(s.at) if s.at else None, took_s=s.took_s, by=s.by, note=s.note)
            for s in stages(incident)
        ],
    )


def _last(incident: Incident) -> Directive | None:
    """The last directive of the firing, whatever came of it."""
    for entry in reversed(incident.firing):
        if isinstance(entry.fact, Diagnosed | Proved) and entry.fact.directive is not None:
            return entry.fact.directive
    return None


def _action(directive: Directive) -> Action:
    text = f"{directive.verb} {directive.target}; undo: {directive.undo}"
    return Action(verb=directive.verb, target=directive.target, text=text, digest=directive.digest)
