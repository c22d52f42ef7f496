"""GitHub-flavoured Markdown to safe HTML: rendered with markdown-it, then cleaned by nh3 whatever the text was."""

from functools import lru_cache
from typing import Final

import nh3
from markdown_it import MarkdownIt

_RENDERER: Final = MarkdownIt("gfm-like", {"html": True, "linkify": False}).disable("linkify")
_TAGS: Final = nh3.ALLOWED_TAGS | {"details", "summary", "input"}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "th": {"align"},
    "td": {"align"},
    "details": {"open"},
    "ol": {"start"},
    "code": {"class"},
}


@lru_cache(maxsize=2048)
def to_html(text: str) -> str:
    """`text` as HTML in which nothing runs, loads or leads anywhere but http(s)."""
    html = _RENDERER.render(text)
    return nh3.clean(
        html, tags=_TAGS - {"img", "input"}, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"}
    )
