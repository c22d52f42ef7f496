"""The question to the model: the hypotheses and the evidence as data, redacted, fenced and short."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from agents.brain.grounded import LONGEST, OBSERVE
from shared.incident.evidence import one_line
from shared.incident.parts import Evidence, Hypothesis
from shared.incident.record import canonical_json
from shared.incident.render import plain
from shared.incident.replay import Incident
from shared.ports import Question
from shared.redaction import Redactor

MOST_EVIDENCE: Final = 24
LONGEST_TEXT: Final = 240
"""Characters of one text from the world."""
SENTENCES: Final = 4
_PROMPTS: Final = Environment(
    loader=PackageLoader("agents.brain", "prompts"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - plain text for a model; nothing from the world is put into it
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence: its real id, and its text as the model sees it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the model is shown. Evidence goes by short names (e1, e2, …): ids hold text from the world."""

    hypotheses: tuple[Hypothesis, ...]
    evidence: Mapping[str, Piece]


def shown(hypotheses: Sequence[Hypothesis], evidence: Sequence[Evidence], redactor: Redactor) -> Shown:
    """The listed hypotheses, and the evidence they cite first."""
    rank = {id: n for n, id in reversed(list(enumerate(id for h in hypotheses for id in h.evidence)))}
    first = sorted(evidence, key=lambda e: rank.get(e.id, len(rank)))[:MOST_EVIDENCE]
    pieces = {f"e{n}": Piece(e.id, f"{e.kind}: {_clean(e.summary, redactor)}") for n, e in enumerate(first, 1)}
    return Shown(tuple(hypotheses), pieces)


def question(incident: Incident, seen: Shown, redactor: Redactor) -> Question:
    """What is asked about `incident`."""
    names = {piece.id: name for name, piece in seen.evidence.items()}
    value = {
        "symptom": _clean(f"{incident.detected.symptom} of {incident.detected.service}", redactor),
        "hypotheses": [
            {
                "id": h.id,
                "service": h.service,
                "cause": h.cause,
                "probability": round(h.probability, 2),
                "why": _clean(h.why, redactor),
                "evidence": [names[id] for id in h.evidence if id in names],
            }
            for h in seen.hypotheses
        ],
        "evidence": [{"id": name, "seen": piece.text} for name, piece in seen.evidence.items()],
    }
    text = json.dumps(value, indent=1)
    fence = hashlib.sha256(text.encode()).hexdigest()[:16]  # text cannot hold its own hash, so it cannot end the fence
    system = _PROMPTS.get_template("advice.md").render(
        fence=fence, sentences=SENTENCES, length=LONGEST, verbs=", ".join(OBSERVE)
    )
    data = f"DATA BEGINS {fence}\n{text}\nDATA ENDS {fence}"
    form = _form([h.id for h in seen.hypotheses], list(seen.evidence))
    key = hashlib.sha256(canonical_json([system, data, form]).encode()).hexdigest()
    return Question(key, f"{incident.repo}#{incident.number}", incident.number, system, data, form)


def _clean(text: str, redactor: Redactor) -> str:
    """Redacted before it is cut: half a secret is a secret too."""
    return one_line(redactor.text(plain(redactor.text(text))), LONGEST_TEXT)


def _form(hypotheses: list[str], evidence: list[str]) -> dict[str, Any]:
    """The JSON schema of the answer, in the part of JSON Schema that servers with structured output know."""

    def object_of(**properties: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def one_of(ids: list[str]) -> dict[str, Any]:
        return {"type": "string", "enum": ids} if ids else {"type": "string"}

    def list_of(item: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": item}

    text, cited = {"type": "string"}, list_of(one_of(evidence))
    return object_of(
        ranking=list_of(one_of(hypotheses)),
        narrative=list_of(object_of(sentence=text, evidence=cited)),
        next_observation={
            "anyOf": [
                object_of(text=text, hypothesis=one_of(hypotheses), evidence=cited),
                {"type": "null"},
            ]
        },
    )
