"""GitHub-flavoured Markdown to safe HTML: rendered with markdown-it, then cleaned by nh3 whatever the text was."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_TAGS: Final = (
    {"a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr", "i", "ins"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span"}
    | {"strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul"}
)
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "th": {"align"},
    "td": {"align"},
    "details": {"open"},
    "ol": {"start"},
}
_DROPPED: Final = {"script", "style", "iframe", "object", "embed", "svg", "math", "template", "noscript", "title"}
"""Elements that go with their content; the content of other unknown elements stays as text."""
_REFERENCE: Final = re.compile(r"(?<![\w/&#])#(\d{1,9})\b|\bhttps?://[^\s<>\"'`|\\^{}]*[\w/=#&-]")
_ALIGN: Final = re.compile(r"text-align:(left|right|center)")


def _finish(state: StateCore) -> None:
    """Link #12 and bare http(s) addresses in running text, and draw [x] as a box; code and links stay as they are."""
    for index, block in enumerate(state.tokens):
        if block.type == "inline" and block.children:
            if index > 1 and state.tokens[index - 2].type == "list_item_open":
                _tick(block.children[0])
            block.children = list(_linked(block.children, str(state.env.get("issues", ""))))


def _tick(token: Token) -> None:
    """A task list's `[ ]` and `[x]` as boxes."""
    for mark, box in (("[ ] ", "☐ "), ("[x] ", "☑ "), ("[X] ", "☑ ")):
        if token.type == "text" and token.content.startswith(mark):
            token.content = box + token.content[4:]


def _linked(tokens: Sequence[Token], issues: str) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "html_inline":
            depth += {"<a ": 1, "</a": -1}.get(token.content[:3].lower(), 0)
        if token.type != "text" or depth > 0:
            yield token
            continue
        at = 0
        for match in _REFERENCE.finditer(token.content):
            href = f"{issues}/{match[1]}" if match[1] else match[0]
            yield _text(token.content[at : match.start()])
            yield Token("link_open", "a", 1, attrs={"href": href})
            yield _text(match[0])
            yield Token("link_close", "a", -1)
            at = match.end()
        yield _text(token.content[at:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _image(_: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """An image as a link to it: nothing is loaded from elsewhere."""
    token = tokens[index]
    link = [Token("link_open", "a", 1, attrs={"href": str(token.attrs.get("src", ""))})]
    link += [_text(token.content or "image"), Token("link_close", "a", -1)]
    return str(_RENDERER.renderer.render(link, options, env))


def _cell(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A table cell with its alignment as an attribute, because inline styles are not allowed."""
    token = tokens[index]
    match = _ALIGN.fullmatch(str(token.attrs.pop("style", "")))
    if match:
        token.attrs["align"] = match[1]
    return self.renderToken(tokens, index, options, env)


def _renderer() -> MarkdownIt:
    made = MarkdownIt("gfm-like", {"html": True, "linkify": False}).disable("linkify")
    made.core.ruler.push("finish", _finish)
    made.add_render_rule("image", _image)
    made.add_render_rule("th_open", _cell)
    made.add_render_rule("td_open", _cell)
    return made


_RENDERER: Final = _renderer()


@lru_cache(maxsize=512)
def to_html(text: str, issues: str = "") -> str:
    """`text` as HTML in which nothing runs, loads or leads anywhere but http(s) and mailto.

    `issues` is the path under which #12 is found, for instance /acme/shop/issues. HTML comments disappear.
    """
    env: dict[str, Any] = {"issues": issues}
    html = nh3.clean(
        _RENDERER.render(text, env),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_DROPPED,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    html = html.replace("<table>", '<div class="wide" tabindex="0"><table>').replace("</table>", "</table></div>")
    return html.replace("<pre>", '<pre tabindex="0">')
