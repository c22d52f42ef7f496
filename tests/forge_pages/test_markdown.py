"""Whatever is written, nothing of it runs, loads or hides where it should not."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded.forge.pages.markdown import to_html

SAFE_SCHEME = re.compile(r"https?:|mailto:|[^:]*$", re.IGNORECASE)
HOSTILE = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)><summary onclick=alert(1)>x</summary></details>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='  java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](vbscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
    "<style>body{display:none}</style>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<iframe src='https://evil.example'></iframe>",
    "<object data='x'></object><embed src='x'>",
    "<form action='https://evil.example'><input name=q><button>x</button></form>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='//evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<div id=page class=card data-live data-rev=1>x</div>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "`<script>alert(1)</script>`",
    '```html"><script>alert(1)</script>\n<script>\n```',
    "| <script>a</script> |\n|:--|\n| <img src=x onerror=a> |",
    "#1<script>alert(1)</script>",
    'https://a.example/"onmouseover=alert(1)//',
    "x</div></article></section><script>alert(1)</script>",
)


class Audit(HTMLParser):
    """Collects the elements and attributes of a piece of HTML, and the nesting that is left open."""

    VOID = frozenset({"br", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.comments: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes what is not open"
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def check(html: str) -> None:
    """Only harmless elements and attributes, safe links, no comments, balanced."""
    audit = Audit(html)
    forbidden = {"script", "img", "svg", "math", "style", "iframe", "object", "embed", "form", "input", "base", "link"}
    assert not audit.tags & (forbidden | {"meta", "template", "noscript", "button"})
    for tag, name, value in audit.attributes:
        if (tag, name, value) in {("div", "class", "wide"), ("div", "tabindex", "0"), ("pre", "tabindex", "0")}:
            continue
        assert name in {"href", "title", "rel", "align", "open", "start"}, (tag, name)
        if name == "href":
            assert SAFE_SCHEME.match(value.strip()), value
    assert audit.comments == []
    assert audit.open == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_harmless_html(text: str) -> None:
    check(to_html(text, "/acme/shop/issues"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE) | st.text(alphabet="<>\"'`&#[]()!|- \nab1/:*_", max_size=20), max_size=5))
def test_any_mixture_of_hostile_text_stays_harmless(pieces: list[str]) -> None:
    check(to_html("".join(pieces), "/acme/shop/issues"))


@pytest.mark.parametrize(
    "text", ["a <!-- sre-space:fact --> b", "<!-- one\ntwo -->\n\na b", "a b\n\n<!-- never closed"]
)
def test_html_comments_are_invisible(text: str) -> None:
    html = to_html(text)
    assert "<!--" not in html
    assert "sre-space" not in html
    assert "closed" not in html
    assert re.sub(r"<[^>]+>|\s", "", html) == "ab"


def test_references_and_addresses_in_text_become_links_but_not_in_code() -> None:
    html = to_html("see #12, a#13 and `#14`: https://a.example/x?y=1. [#15](https://b.example)", "/acme/shop/issues")
    assert '<a href="/acme/shop/issues/12" rel="noopener noreferrer nofollow">#12</a>' in html
    assert '<a href="https://a.example/x?y=1"' in html
    assert "/issues/13" not in html
    assert "/issues/14" not in html
    assert "/issues/15" not in html


def test_tables_keep_their_alignment_and_can_be_scrolled() -> None:
    html = to_html("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<td align="right">2</td>' in html
    assert html.startswith('<div class="wide" tabindex="0"><table>')


def test_an_image_is_a_link_to_it() -> None:
    assert 'href="https://a.example/x.png"' in to_html("![a chart](https://a.example/x.png)")
    assert "a chart</a>" in to_html("![a chart](https://a.example/x.png)")


def test_details_and_task_lists_survive() -> None:
    html = to_html("<details open><summary>Evidence (2)</summary>\n\n- [x] done\n- [ ] not yet\n\n</details>")
    assert "<details open" in html
    assert "<summary>Evidence (2)</summary>" in html
    assert "☑ done" in html
    assert "☐ not yet" in html
