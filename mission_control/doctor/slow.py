"""What takes a second or more to find out: the sandbox runs a trial, the model answers a question, the index is looked
through."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mission_control.doctor.finding import Finding, well, wrong
from mission_control.github import GithubSaysNo
from mission_control.running import target
from mission_control.settings import Settings
from mission_control.world import record


def sandbox(settings: Settings) -> Iterator[Finding]:
    """Which sandbox works, if any."""
    from mission_control.fleet.sandbox import choose

    chosen = choose(settings)
    strength = chosen.sandbox.strength
    if strength.word == "none":
        yield wrong("sandbox", strength.line)
    else:
        yield well("sandbox", f"{strength.word}: {strength.line} ({chosen.why})")


def knowledge(settings: Settings, running: record.Record | None) -> Iterator[Finding]:
    """Whether the index answers and is as it ought to be."""
    if (settings.chroma_url or (running.knowledge if running else None)) is None:
        return
    from mission_control.memory.index import state_of

    try:
        ok, why = state_of(settings, target(settings), kept=running is None or "memory" in running.workers)
    except (GithubSaysNo, record.NotRunning) as no:
        ok, why = False, str(no)
    yield well("knowledge", why) if ok else wrong("knowledge", why)


def model(settings: Settings) -> Iterator[Finding]:
    """Whether the model answers, and in the form asked for."""
    if settings.model is None:
        return
    from mission_control.fleet.adviser import OPENAI, try_out

    what = f"{settings.model} at {settings.model_url or OPENAI}"
    told = try_out(settings)
    if told.text is None:
        said = f"status {told.status}" if told.status else told.why
        yield wrong("model", f"{what}: {said}")
        return
    yield well("model", what)
    try:
        kept = json.loads(told.text) == {"ok": True}
    except ValueError:
        kept = False
    if not kept:
        yield wrong("model-form", f"{what} answers, but not in the form asked for")
        return
    yield well("model-form", f"{what} answers in the form asked for")
    if told.structured:
        yield well("model-plain", "asked with a schema")
    else:
        yield wrong("model-plain", f"{what} takes no schema")
