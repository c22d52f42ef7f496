"""The language model as the settings want it: none, or one in a process of its own that is told nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from mission_control.settings import REPOSITORY_ROOT, Settings
from mission_control.world.child import LEASH
from mission_control.world.processes import environment
from shared.adapters.model.process import Command, ModelProcess
from shared.adapters.model.wire import Ask, Endpoint, Told
from shared.ports import Adviser, Clock

TRIAL_S: Final = 15.0
"""Seconds that a model may take to be loaded and to say so."""
OPENAI: Final = "https://api.openai.com/v1"
_NOT_NEEDED: Final = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


def adviser(
    settings: Settings,
    clock: Clock,
    stack: ExitStack,
    unsound: Callable[[str], str | None],
    on_reply: Callable[[int], None],
    process: ModelProcess | None = None,
) -> Adviser | None:
    """What Brain asks, closed with `stack`; None without SRE_MODEL. `on_reply` is called from another thread.

    `process`: the one to ask, where it is not to be a new one of the settings.
    """
    if settings.model is None:
        return None
    from shared.adapters.model.adviser import Manner, ModelAdviser
    from shared.adapters.model.spend import Limits, Prices, SpendBook

    prices = None
    if settings.model_price_prompt is not None and settings.model_price_completion is not None:
        prices = Prices(settings.model_price_prompt, settings.model_price_completion)
    limits = Limits(
        calls_per_incident=settings.model_calls_per_incident,
        calls_per_day=settings.model_calls_per_day,
        tokens_per_incident=settings.model_tokens_per_incident,
        tokens_per_day=settings.model_tokens_per_day,
        cost_per_incident=settings.model_cost_per_incident,
        cost_per_day=settings.model_cost_per_day,
        prices=prices,
    )
    made = ModelAdviser(
        process or ModelProcess(child_command(settings.state_dir), endpoint(settings)),
        SpendBook(settings.state_dir / "model", limits, clock),
        Manner(settings.model, settings.model_timeout.total_seconds(), settings.model_answer_tokens, limits),
        clock,
        unsound,
        on_reply,
    )
    stack.callback(made.close)
    return made


def endpoint(settings: Settings) -> Endpoint:
    """Where the model of the settings is. Raises ValueError when they name none."""
    if settings.model is None:
        raise ValueError("SRE_MODEL is not set")
    key = settings.model_key or SecretStr("")
    return Endpoint(base_url=settings.model_url or OPENAI, api_key=key, model=settings.model)


def try_out(settings: Settings) -> Told:
    """What the model answers to a question that needs no thought: a few tokens, outside all budgets."""
    flag = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    ask = Ask(
        id=1,
        system="Answer with one JSON object and nothing around it.",
        data='{"ok": true}',
        form=flag | {"additionalProperties": False},
        max_tokens=settings.model_answer_tokens,
        timeout_s=TRIAL_S,
    )
    process = ModelProcess(child_command(settings.state_dir), endpoint(settings))
    try:
        return process.exchange(ask, TRIAL_S + 1.0)
    finally:
        process.stop()


def child_command(state: Path) -> Command:
    """How the model's process is started. Its environment says how to run Python and reach the network, no more."""
    env = environment(state, PYTHONPATH=str(REPOSITORY_ROOT))
    child = (sys.executable, "-P", "-B", "-m", "shared.adapters.model.child")
    argv = (sys.executable, "-S", str(LEASH), str(os.getpid()), *child)
    return Command(argv, {name: value for name, value in env.items() if name not in _NOT_NEEDED})
