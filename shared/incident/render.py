"""What people read of a fact: Markdown from `templates/KIND.md`, every value escaped unless a template says it is code.

Text is rendered from the fact alone, so no comment can claim what no stored fact says.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from shared.incident.facts import AnyFact, Detected, Learned
from shared.incident.postmortem import postmortem
from shared.incident.replay import Incident

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&])")
_AT_START: Final = re.compile(r"^(\d*)([-=/.])")
"""What would begin a list, an underline or a command."""
_LIVE: Final = re.compile(r"@|:(?=//)|www(?=\.)|GH(?=-\d)|\\#(?=\d)", re.IGNORECASE)
"""After this a word joiner keeps GitHub from making a mention, a link or an issue reference of the rendered text."""
_NOT_CODE: Final = re.compile(r"[<`\\|@]")
_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

_DEFANGED: Final = str.maketrans({"`": "'", "<": "‹", ">": "›", "@": "＠", "&": "＆"})
"""In a block of code, where a reader that is not GitHub's might see a fence, a tag, an entity or a mention."""


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def _spaced(line: str) -> str:
    """`line` with its spaces as they are and nothing invisible in it."""
    if not line.isprintable():  # nothing printable is of a hidden category
        line = "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in line)
    return _BLANK.sub(" ", line)


def plain(value: object) -> str:
    """One line of text with nothing invisible in it."""
    return " ".join(_spaced(str(value)).split())


def escape(value: object) -> str:
    """`value` so that it shows as itself: no markup, no mention, no issue reference, no link."""
    if isinstance(value, Markdown):
        return value
    text = _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain(value)))
    return _LIVE.sub("\\g<0>\u2060", text)


def code(value: object) -> Markdown:
    """`value` as inline code; as escaped text where code could not hold it safely (in a table, above all)."""
    text = plain(value)
    if not text or _NOT_CODE.search(text):
        return Markdown(escape(text) or "–")
    return Markdown(f"`{text}`")


def nats(value: float) -> Markdown:
    """A vote's weight, its sign shown."""
    return Markdown(f"{value:+.1f}")


def block(value: object) -> Markdown:
    """`value` as a block of code that nothing in it can end: lines and indents stay, what could be markup is replaced.

    The exact text stands in the fact; this is what people see of it.
    """
    lines = [_spaced(line).translate(_DEFANGED).rstrip() for line in str(value).splitlines()]
    return Markdown("\n".join(("```text", *(line for line in lines if line), "```")))


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
    figure = f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
    return Markdown(f"{figure} {escape(unit)}".strip())


def chance(value: float) -> Markdown:
    """A probability to a hundredth, and never 0 or 1 unless it is."""
    if 0 < value < 0.01:
        return Markdown("below 0.01")
    return Markdown("above 0.99" if 0.99 < value < 1 else f"{value:.2g}")


def usd(value: float) -> Markdown:
    """An amount of US dollars, to a hundredth of a cent."""
    return Markdown(f"{value:.4f} USD")


def clock(value: datetime) -> Markdown:
    return Markdown(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("shared.incident"),
        undefined=StrictUndefined,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the output is Markdown; `escape` is applied to every value
    )
    environment.filters |= {
        "md": Markdown,
        "code": code,
        "num": number,
        "chance": chance,
        "usd": usd,
        "clock": clock,
        "nats": nats,
        "block": block,
    }
    environment.globals |= {"link": link}
    return environment


_ENVIRONMENT: Final = _environment()


def render(fact: AnyFact, incident: Incident | None = None) -> str:
    """The visible part of a fact's comment. `incident` is the log before it, for what the text refers to."""
    story = postmortem(incident, fact) if isinstance(fact, Learned) and incident and incident.is_incident else None
    text = _ENVIRONMENT.get_template(f"{fact.kind}.md").render(fact=fact, incident=incident, story=story)
    return text.strip() + "\n"


def render_postmortem(incident: Incident, account: Learned | None, firing: int | None = None) -> str:
    """The post-mortem of one firing (the newest where none is named) as Markdown; so far, where there is no account."""
    return _ENVIRONMENT.get_template("postmortem.md").render(story=postmortem(incident, account, firing)).strip() + "\n"


def title(fact: Detected) -> str:
    """The title of the issue that `fact` opens."""
    return f"{fact.service}: {plain(fact.summary)}"[:200]


def render_card(**values: object) -> str:
    """The status card's Markdown."""
    return _ENVIRONMENT.get_template("card.md").render(**values).strip()


def render_board(**values: object) -> str:
    """The text of the issue that shows the fleet, as Markdown."""
    return _ENVIRONMENT.get_template("board.md").render(**values).strip()
