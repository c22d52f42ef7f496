"""What people read of a fact: Markdown from `templates/KIND.md`, every value escaped unless a template says it is code.

Text is rendered from the fact alone, so no comment can claim what no stored fact says.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.incident.facts import AnyFact, Detected
from shared.incident.replay import Incident

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~$])")
_INVISIBLE: Final = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def plain(value: object) -> str:
    """One line of text with nothing invisible in it."""
    return " ".join(_INVISIBLE.sub(" ", str(value)).split())


def escape(value: object) -> str:
    """`value` so that it shows as itself: no markup, no mention, no issue reference, no link."""
    if isinstance(value, Markdown):
        return value
    text = _SPECIAL.sub(r"\\\1", plain(value))
    text = text.replace("@", "@\u2060").replace("://", ":\u2060//")
    return re.sub(r"(?<=\\#)(?=\d)", "\u2060", text)


def code(value: object) -> Markdown:
    """`value` as inline code, whatever backticks it has."""
    text = plain(value)
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|"))


def link(text: str, url: str | None) -> Markdown:
    """A link when `url` is an http address, the escaped text otherwise."""
    if url is None or not re.fullmatch(r"https?://[^\s<>()\"'`\\|]+", url):
        return Markdown(escape(text))
    return Markdown(f"[{escape(text)}]({url})")


def number(value: float | None, unit: str = "") -> Markdown:
    """A measured number, or a dash where nothing was measured."""
    if value is None:
        return Markdown("–")
    if unit == "ratio":
        return Markdown(f"{value:.1%}")
    return Markdown(f"{value:.3g} {escape(unit)}".strip())


def clock(value: datetime) -> Markdown:
    return Markdown(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the output is Markdown; `escape` is applied to every value
    )
    environment.filters |= {"md": Markdown, "code": code, "num": number, "clock": clock}
    environment.globals |= {"link": link}
    return environment


_ENVIRONMENT: Final = _environment()


def render(fact: AnyFact, incident: Incident | None = None) -> str:
    """The visible part of a fact's comment. `incident` is the log before it, for what the text refers to."""
    return _ENVIRONMENT.get_template(f"{fact.kind}.md").render(fact=fact, incident=incident).strip() + "\n"


def title(fact: Detected) -> str:
    """The title of the issue that `fact` opens."""
    return f"{fact.service}: {plain(fact.summary)}"[:200]


def render_card(**values: object) -> str:
    """The status card's Markdown."""
    return _ENVIRONMENT.get_template("card.md").render(**values).strip()
