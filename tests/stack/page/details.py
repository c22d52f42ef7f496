"""What one incident's page is made of: facts, evidence, predicates, pull requests, a trace."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from tests.stack.page.boards import ISSUES, REPO, Json, stamp

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
JAEGER: Final = "http://127.0.0.1:16686"
_KINDS: Final = (
    ("detected", "scout", "detected oom on {s} (major): 38 % of requests fail"),
    ("diagnosed", "brain", "root cause: memory limit of {s} reached (confidence 0.93, attempt 1)"),
    ("ruled", "guardrail", "ruled allow: 17 of 17 rules hold"),
    ("began", "fixer", "began restart of {s}"),
    ("applied", "fixer", "applied restart of {s}, done in 1.2 s"),
    ("verified", "scout", "verified healthy, held 30.0 s: errors 38 % to 0 %"),
    ("learned", "memory", "closed: 1 action(s), 0 refusal(s), 0 without effect"),
)
_RULES: Final = (
    ("log_intact", "no fact is missing"),
    ("not_frozen", "no freeze"),
    ("not_held", "no hold"),
    ("verb_in_catalogue", "restart, grace 10 s of at most 30 s"),
    ("service_listed", "listed for restart"),
    ("container_managed", "carries sre-space.managed=true"),
    ("world_unchanged", "container and StartedAt as diagnosed"),
    ("service_budget", "1 of 3 in the last hour"),
    ("fleet_budget", "3 of 10 in the last hour"),
    ("cooled_down", "6 min since the last one"),
    ("concurrency", "0 of 1 at once"),
)


def detail(card: Json, trace: bool = True) -> Json:
    """The Detail of `card`, consistent with how far it is."""
    number, service, opened = card["number"], card["service"], datetime.fromisoformat(card["opened_at"])
    done = sum(stage["state"] == "done" for stage in card["stages"])
    count = min(7, (0, 1, 2, 3, 5, 6, 7)[done])
    facts = [
        {
            "seq": n,
            "kind": kind,
            "move": kind,
            "by": by,
            "at": stamp(opened + timedelta(seconds=3.1 * n)),
            "posted_at": stamp(opened + timedelta(seconds=3.1 * n + 0.2)),
            "headline": text.format(s=service),
            "lines": [f"evidence e{n}: see below", "container 4f1c0d, StartedAt 11:02:07"] if n % 2 else [],
            "url": f"{ISSUES}/{number}#issuecomment-{number * 100 + n}" if n else card["url"],
        }
        for n, (kind, by, text) in enumerate(_KINDS[:count])
    ]
    asks = card["status"] == "Needs-Approval"
    predicates: list[Json] = [{"name": name, "ok": True, "detail": text} for name, text in _RULES]
    if asks:
        predicates.append({"name": "confident", "ok": False, "detail": "0.62 is below 0.80, which policy asks for"})
        predicates.append({"name": "trusted", "ok": None, "detail": "no earlier restart to judge from"})
    ruled = done >= 3 or asks
    return {
        "card": card,
        "facts": facts,
        "rejected": [{"comment_url": f"{ISSUES}/{number}#issuecomment-9", "reason": "a block with a broken signature"}],
        "hypotheses": [
            {"id": "h1", "service": service, "cause": "oom", "text": f"{service} ran out of memory"}
            | {"probability": 0.93, "evidence": ["e1", "e2"]},
            {"id": "h2", "service": service, "cause": "bad-deploy", "text": "the deploy 12 min earlier"}
            | {"probability": 0.05, "evidence": ["e3"]},
        ]
        if done >= 2
        else [],
        "evidence": [
            {"id": "e1", "source": "engine", "summary": f"{service} was killed: OOMKilled, exit 137"}
            | {"sha256": hashlib.sha256(b"e1").hexdigest(), "trace_id": None, "url": None},
            {"id": "e2", "source": "traces", "summary": "12 of 40 traces end in an error here"}
            | {"sha256": None, "trace_id": TRACE if trace else None, "url": f"{JAEGER}/trace/{TRACE}"},
            {"id": "e3", "source": "commits", "summary": "4b1f2a9 raised the cache to 96 MB"}
            | {"sha256": None, "trace_id": None, "url": f"http://127.0.0.1:3000/{REPO}/commit/4b1f2a9"},
        ],
        "why_not": {
            "ruling": "needs-approval" if asks else "allow",
            "expires_at": stamp(opened + timedelta(minutes=30)),
            "predicates": predicates,
        }
        if ruled
        else None,
        "pulls": [
            {
                "number": number + 1,
                "url": f"http://127.0.0.1:3000/{REPO}/pull/{number + 1}",
                "state": "proved",
                "checks": [
                    {"name": "reproduction", "ok": True, "detail": "failed on the base, passes on the head"},
                    {"name": "tests", "ok": None, "detail": "none"},
                ],
            }
        ]
        if asks
        else [],
        "words": [{"login": "alice", "at": stamp(opened + timedelta(seconds=9)), "text": "I saw the deploy."}],
    }


def waterfall(spans: int = 14, left_out: int = 0) -> Json:
    """A trace whose spans nest, with an error on the critical path."""
    services = ("frontend", "quote-service", "policy-service", "user-service")
    made: list[Json] = []
    start = 0.0
    for n in range(spans):
        length = max(0.2, 240 - 16 * n - start)
        made.append(
            {
                "service": services[n % 4],
                "operation": ("POST /purchase", "POST /policies", "underwrite", "GET /users/{id}")[n % 4],
                "start_ms": round(start, 2),
                "duration_ms": round(length, 2),
                "depth": min(n, 6),
                "error": n == 2,
                "critical": n < 4,
            }
        )
        start = min(230.0, start + 5.3)
    return {
        "trace_id": TRACE,
        "start": "2026-11-22T01:58:02.120Z",
        "duration_ms": 240.0,
        "spans": made,
        "left_out": left_out,
        "url": f"{JAEGER}/trace/{TRACE}",
    }
