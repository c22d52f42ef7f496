"""The order of what was found: how alike the texts are, and what is known of service, cause, symptom, time and outcome.

    score = SERVICE·s + NAMED·n + SIMILARITY·cosine + CAUSE·c + SYMPTOM·y + RECENCY·½^(age/HALF_LIFE) + OUTCOME·o

Every term is between 0 and its weight. Words of `Wanted` that are empty add nothing to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from shared.recall.document import Document, Ending
from shared.recall.wanted import Recalled, Wanted

SIMILARITY: Final = 1.0
CAUSE: Final = 0.2
"""The error class. Brain's word for it is a hypothesis, and the text says much of it already."""
SYMPTOM: Final = 0.1
"""Less than the cause: many causes look alike."""
NAMED: Final = 0.2
"""Where only a text is given, a service whose whole name stands in it. It may be named as a bystander. Names that could
be words (`load`) do not count."""
RECENCY: Final = 0.03
"""Decides between equals: what happened last is likely to be what happens again."""
HALF_LIFE: Final = timedelta(days=30)
OUTCOME: Final = 0.03
"""Decides between equals: a past in which something was tried and judged tells more than one without."""
_TOLD: Final[dict[Ending, float]] = {"worked": 1.0, "failed": 0.7, "unresolved": 0.0, "": 0.0}
SERVICE: Final = SIMILARITY + CAUSE + SYMPTOM + NAMED + RECENCY + OUTCOME
"""As much as all others together: what happened to another service never comes before what happened to this one.
What belongs to no service in particular (a general runbook) stands between, by half of it."""
POOL: Final = 50
"""How many of the nearest a store should hand to `ranked`: of the wanted service, and once more of all."""


def ranked(found: Iterable[tuple[Document, float]], wanted: Wanted) -> tuple[Recalled, ...]:
    """The best first, `wanted.limit` at most. `found`: documents with the cosine of their text and the wanted one.

    Of the firings of one issue the best stands for all. Equals stand by similarity, then the newer, then by id: the
    order in which they were found does not matter. A cosine that is no number counts as 0.
    """
    best: dict[str, Recalled] = {}
    for document, cosine in found:
        if document.kind not in wanted.kinds or (wanted.besides and document.issue == wanted.besides):
            continue
        similarity = min(cosine, 1.0) if cosine > 0 else 0.0
        one = Recalled(document, similarity, _score(document, similarity, wanted))
        same = f"{document.kind} #{document.issue}" if document.issue else document.id
        if same not in best or _place(one) < _place(best[same]):
            best[same] = one
    return tuple(sorted(best.values(), key=_place)[: max(wanted.limit, 0)])


def _score(document: Document, similarity: float, wanted: Wanted) -> float:
    score = SIMILARITY * similarity + RECENCY * _fresh(document.at, wanted.now) + OUTCOME * _TOLD[document.ending]
    if wanted.service:
        score += SERVICE * (1.0 if document.service == wanted.service else 0.0 if document.service else 0.5)
    elif document.service and _names(wanted.text, document.service):
        score += NAMED
    if wanted.cause and document.cause == wanted.cause:
        score += CAUSE
    if wanted.symptom and document.symptom == wanted.symptom:
        score += SYMPTOM
    return score


def _fresh(at: datetime, now: datetime) -> float:
    """1 now (and for what claims to be of the future), halved with every HALF_LIFE."""
    return float(0.5 ** (max(now - at, timedelta(0)) / HALF_LIFE))


def _names(text: str, service: str) -> bool:
    """Whether the whole name of `service`, which is no mere word, stands in `text` and not as a part of another one."""
    if service.isalpha():
        return False
    whole = rf"(?<![\w.-]){re.escape(service)}(?![\w-]|\.\w)"
    return re.search(whole, text, re.IGNORECASE) is not None


def _place(one: Recalled) -> tuple[float, float, float, str]:
    return -one.score, -one.similarity, -one.document.at.timestamp(), one.document.id
