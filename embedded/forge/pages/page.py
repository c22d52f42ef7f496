"""Draws templates as whole pages or as the fragment an open page fetches to catch up, with the headers both carry."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from embedded.forge.pages import labels
from embedded.forge.store import Store
from embedded.forge.tables.issues import IssueQuery

HERE: Final = Path(__file__).parent
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FRAGMENT: Final = "x-fragment"
"""The request header with which an open page asks for its changing part alone."""
_TIME_TEXT: Final = re.compile(r"(<time [^>]*>)[^<]*")
_STEPS: Final = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (30 * 86400, 86400, "day"))


def asset_version() -> str:
    """Changes when a static file does."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted((HERE / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def revision(html: str) -> str:
    """A short digest of a block's HTML that ignores how long ago things were."""
    return hashlib.blake2b(_TIME_TEXT.sub(r"\1", html).encode("utf-8", "replace"), digest_size=6).hexdigest()


def ago(at: str | None, now: datetime | None = None) -> Markup:
    """A moment (ISO 8601 UTC) as `<time>` with words such as `3 minutes ago`; forge.js keeps the words true."""
    if not at:
        return Markup("")
    moment = datetime.fromisoformat(at)
    words = relative(((now or datetime.now(UTC)) - moment).total_seconds(), moment)
    title = moment.strftime("%d %b %Y, %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at, title, words)


def relative(seconds: float, moment: datetime) -> str:
    """`seconds` in the past in words; older than thirty days as a date."""
    if seconds < 5:
        return "just now"
    for below, size, unit in _STEPS:
        if seconds < below:
            n = int(seconds // size)
            return f"{n} {unit}{'' if n == 1 else 's'} ago"
    return f"on {moment.day} {moment.strftime('%b %Y')}"


def number_of(request: Request) -> int:
    """The number in the path; 0, which nothing has, for what is none."""
    text = str(request.path_params["number"])
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def portion(text: str) -> str:
    """A path segment or query value."""
    return quote(text, safe="")


def tint(login: str) -> str:
    """The class of a person's initial: one of eight colours, always the same."""
    return f"tint-{hashlib.blake2b(login.lower().encode(), digest_size=1).digest()[0] % 8}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(ago=ago, revision=revision, portion=portion, tint=tint, colour_class=labels.colour_class)
    return made


class Pages:
    """Renders templates for one repository."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._templates = _environment()
        self._assets = asset_version()
        self.root = f"/{portion(store.owner)}/{portion(store.name)}"

    def draw(
        self, request: Request, template: str, *, status: int = 200, live: str = "", **values: Any
    ) -> HTMLResponse:
        """`template` with `values`; `live` is the query after which the page listens (`number=3`).

        Templates get `repo` ("owner/name"), `root` (its path), `title`, `tab` and the counts of the tabs.
        """
        seq = self._store.seq
        known = self._store.labels.all()
        shared = {
            "repo": self._store.repo,
            "owner": self._store.owner,
            "name": self._store.name,
            "root": self.root,
            "assets": self._assets,
            "label_version": labels.version(known),
            "live": live,
            "seq": seq,
            "open_issues": self._count(pulls=False),
            "open_pulls": self._count(pulls=True),
            "fragment": FRAGMENT in request.headers,
            "tab": "",
        }
        html = self._templates.get_template(template).render(shared | values)
        headers = {**HEADERS, "Cache-Control": "no-store", "Vary": "X-Fragment"}
        return HTMLResponse(html.encode("utf-8", "replace"), status, headers)

    def _count(self, *, pulls: bool) -> int:
        return self._store.issues.find(IssueQuery(pulls=pulls), limit=0)[1]
