"""Boards as the contract of `dashboard/` has them, made from a seed: what the page is developed and tested against."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dashboard.spoken import SPOKEN

Json = dict[str, Any]
REPO: Final = "acme/shop"
ISSUES: Final = f"http://127.0.0.1:3000/{REPO}/issues"
SERVICES: Final = ("frontend", "quote-service", "policy-service", "user-service")
AGENTS: Final = ("scout", "brain", "guardrail", "fixer", "memory", "escalation", "herald")
STAGES: Final = ("detect", "diagnose", "rule", "act", "verify", "learn")
BY: Final = ("scout", "brain", "guardrail", "fixer", "scout", "memory")
STATUSES: Final = ("Detected", "Diagnosed", "Approved", "Fixing", "Verifying", "Fixed", "Closed")
"""The status after so many stages of a plain incident; 0 is detected and not yet diagnosed."""
SYMPTOMS: Final = ("oom", "crash", "hang", "slow", "errors", "conversion")
WAITING: Final = (
    "Brain looks for the cause",
    "Guardrail rules on the restart",
    "Fixer restarts {service}",
    "Fixer restarts {service}",
    "Scout watches {service} for 30 s",
    "Memory writes the account and closes",
    "",
)


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> datetime:
    return datetime.now(UTC)


def card(number: int, done: int, opened: datetime, **different: Any) -> Json:
    """An incident whose first `done` stages (1 to 6) are over; `different` replaces fields."""
    rng = random.Random(number)
    service, symptom = rng.choice(SERVICES), rng.choice(SYMPTOMS)
    times = [opened + timedelta(seconds=3.1 * n) for n in range(7)]
    closed = done >= 6
    stages = [
        {
            "stage": stage,
            "state": "done" if n < done else "now" if n == done else "todo",
            "at": stamp(times[n]) if n < done else None,
            "took_s": round(0.4 + 2.7 * rng.random(), 2) if n < done else None,
            "by": BY[n] if n <= done else None,
            "note": f"{BY[n]} on {service}" if n < done else "",
        }
        for n, stage in enumerate(STAGES)
    ]
    target = {"verb": "restart", "target": service, "text": f"restart {service}", "digest": _digest(number)}
    made: Json = {
        "number": number,
        "url": f"{ISSUES}/{number}",
        "title": f"{service}: {symptom}",
        "service": service,
        "symptom": symptom,
        "severity": rng.choice(("critical", "major", "minor")),
        "status": STATUSES[min(done, 6)] if done != 1 else "Detected",
        "closed": closed,
        "held": False,
        "whole": True,
        "since": stamp(opened - timedelta(seconds=2)),
        "opened_at": stamp(opened),
        "updated_at": stamp(times[min(done, 6)]),
        "recurrence": rng.choice((0, 0, 0, 1, 2)),
        "summary": f"{service} answers {rng.randrange(20, 100)} % of its requests with an error",
        "cause": {"text": f"memory limit of {service} reached", "confidence": 0.93} if done >= 2 else None,
        "action": target if done >= 2 else None,
        "waiting": WAITING[min(done, 6)].format(service=service),
        "can": [] if closed else ["/hold", "/escalate", "/explain"],
        "stages": stages,
    }
    return made | different


def asking(number: int, opened: datetime, **different: Any) -> Json:
    """An incident that waits for a person's word."""
    made = card(number, 3, opened)
    made["stages"][2] |= {"state": "now", "note": "waits for a person"}
    made["stages"][3] |= {"state": "todo", "by": None}
    return (
        made
        | {
            "status": "Needs-Approval",
            "waiting": f"A person says /approve or /deny: {made['action']['text']}",
            "can": ["/approve", "/deny", "/hold", "/escalate", "/explain"],
        }
        | different
    )


def board(
    seed: int = 1, open_incidents: int = 3, closed: int = 4, busy: bool = True, at: datetime | None = None
) -> Json:
    """A board; `busy` is False for a fleet that has just started and knows nothing yet."""
    rng, at = random.Random(seed), at or now()
    incidents = []
    for n in range(open_incidents):
        opened, number = at - timedelta(seconds=20 + 47 * n), 100 + open_incidents - n
        stuck = n % 7
        if stuck == 1:
            incidents.append(asking(number, opened))
        elif stuck == 5:
            incidents.append(
                card(number, 3, opened, status="Needs-Human", waiting="A person reads why", can=["/retry"])
            )
        else:
            incidents.append(card(number, 1 + n % 5, opened))
    incidents += [card(90 - n, 6, at - timedelta(minutes=40 + 25 * n)) for n in range(closed)]
    counts: dict[str, int] = {}
    for one in incidents:
        counts[one["status"]] = counts.get(one["status"], 0) + 1
    return {
        "at": stamp(at),
        "live": True,
        "repo": REPO,
        "issues_url": ISSUES,
        "switch": {"frozen": False, "why": "", "url": None, "readable": True},
        "incidents": incidents,
        "counts": counts,
        "services": [_service(name, rng, at, busy, n == 2 and busy) for n, name in enumerate(SERVICES)],
        "business": _business(rng, at) if busy else None,
        "fleet": [_beat(agent, at, busy) for agent in AGENTS],
        "sources": [
            {"name": "github", "ok": True, "detail": "4,812 of 5,000 requests left", "at": stamp(at)},
            {"name": "kafka", "ok": True, "detail": "", "at": stamp(at)},
            {"name": "traces", "ok": True, "detail": "", "at": stamp(at)},
        ],
        "budgets": [
            {"name": "policy-service", "used": 2, "of": 3, "window_s": 3600, "scope": "service", "detail": "actions"},
            {"name": "fleet", "used": 3, "of": 10, "window_s": 3600, "scope": "fleet", "detail": "actions"},
            {"name": "writes", "used": 61, "of": 400, "window_s": 3600, "scope": "github", "detail": "contents"},
        ]
        if busy
        else [],
        "trust": [
            {"service": "policy-service", "cause": "oom", "verb": "restart", "standing": "acts by itself"}
            | {"helped": 14, "failed": 1, "undone": 0},
            {"service": "quote-service", "cause": "bad-deploy", "verb": "revert", "standing": "asks a person"}
            | {"helped": 1, "failed": 0, "undone": 1},
        ]
        if busy
        else [],
        "mttr": {"days": [_day(n, rng, at, busy) for n in range(14)]},
        "thoughts": [_thought(n, rng, at) for n in range(40)] if busy else [],
        "letters": [{"at": stamp(at - timedelta(minutes=3)), "origin": "business.events/0@812", "reason": "not JSON"}]
        if busy
        else [],
        "commands": SPOKEN,
        "log_from": stamp(at - timedelta(hours=3)) if busy else None,
    }


def vital(name: str, rng: random.Random, bad: bool = False) -> Json:
    return {
        "service": name,
        "health": "bad" if bad else "ok",
        "detail": "1 of 3 requests fails" if bad else "answers",
        "p50_ms": round((240 if bad else 14) * (0.8 + 0.4 * rng.random()), 1),
        "rate": round(7 + 2 * rng.random(), 1),
        "errors": round(0.3 + 0.1 * rng.random(), 3) if bad else 0.0,
    }


def _service(name: str, rng: random.Random, at: datetime, busy: bool, bad: bool) -> Json:
    if not busy:
        nothing = {"health": "unknown", "detail": "Scout has not looked yet", "at": None, "series": None}
        return {"name": name} | nothing
    seen = [vital(name, rng, bad and n > 520) for n in range(600)]
    series: Json = {"from": stamp(at - timedelta(seconds=600)), "step_s": 1}
    for key in ("p50_ms", "rate", "errors"):
        series[key] = [None if 200 < n < 215 else one[key] for n, one in enumerate(seen)]
    return {"name": name, "health": seen[-1]["health"], "detail": seen[-1]["detail"], "at": stamp(at), "series": series}


def _business(rng: random.Random, at: datetime) -> Json:
    asked = [rng.randrange(5, 11) for _ in range(600)]
    bought = [sum(rng.random() < (0.86 if n < 530 else 0.55) for _ in range(k)) for n, k in enumerate(asked)]
    refused = [k - b for k, b in zip(asked, bought, strict=True)]
    return {"from": stamp(at - timedelta(seconds=600)), "step_s": 1} | {
        "requested": asked,
        "purchased": bought,
        "refused": refused,
    }


def _beat(agent: str, at: datetime, busy: bool) -> Json:
    if not busy:
        return {"agent": agent, "ok": False, "at": None, "age_s": None, "detail": "not heard yet"}
    late = agent == "herald"
    heard = at - timedelta(seconds=95 if late else 2)
    detail = "silent" if late else "lag 0, 0.1.0"
    return {"agent": agent, "ok": not late, "at": stamp(heard), "age_s": (at - heard).total_seconds(), "detail": detail}


def _day(n: int, rng: random.Random, at: datetime, busy: bool) -> Json:
    day = (at - timedelta(days=13 - n)).date().isoformat()
    closed = 0 if not busy or n in (4, 5) else rng.randrange(1, 9)
    known = closed > 0
    return {
        "day": day,
        "closed": closed,
        "mttd_s": round(2 + 3 * rng.random(), 1) if known else None,
        "mtta_s": round(4 + 4 * rng.random(), 1) if known else None,
        "mttr_s": round(30 + 60 * rng.random(), 1) if known else None,
    }


def _thought(n: int, rng: random.Random, at: datetime) -> Json:
    service = rng.choice(SERVICES)
    text = rng.choice(
        (
            f"{service}: p50 rose from 14 ms to 236 ms at 11:58:02",
            f"3 of 12 traces of {service} end in policy-service",
            f"container of {service} was killed by the kernel (oom), 134 MiB of 134 MiB",
            f"restart {service}: 17 of 17 rules hold",
            "nothing new since the last look",
        )
    )
    return {"at": stamp(at - timedelta(seconds=5 * n)), "incident": 101, "agent": AGENTS[n % 5], "text": text}


def _digest(number: int) -> str:
    return hashlib.sha256(f"directive {number}".encode()).hexdigest()
