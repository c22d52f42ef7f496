"""Titles and bodies that say nothing: placeholders, template marks, words that fit every change."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_FILLER: Final = frozenset(
    """
    a an the this that some my our its it file files code bug bugs issue issues stuff thing things change changes
    minor small quick hot improvement improvements patch readme config configuration yaml yml json error errors problem
    problems fix fixes fixed fixing update updates updated edit create created delete deleted remove removed add added
    modify modified changed hotfix bugfix wip todo tbd tba xxx fixme test tests tmp temp misc asdf foo bar baz initial
    commit refactor cleanup improve draft placeholder untitled title description example sample none null undefined n/a
    no new auto automated automatic bot chore feat docs style perf ci build revert pull request pr and for in to of on
    pls please with via sre-auto-fix jules-fix apply applied proposed suggested solution resolve resolves resolved
    """.split()  # noqa: SIM905
)
"""Words that fit every change: a title of nothing else says nothing."""
_FILE_OR_NUMBER: Final = re.compile(r"[\w/-]*\.[a-z]{1,5}|#?\d+")
_MARKS: Final = (
    (re.compile(r"\{\{|\}\}|\{%|%\}"), "a template mark ({{…}})"),
    (re.compile(r"\$\{[^}]*\}|\$\([^)]*\)"), "a template mark (${…})"),
    (re.compile(r"\{[A-Za-z_][\w. ]*\}"), "a template mark ({…})"),
    (re.compile(r"%\(\w+\)s|(^|\s)%[sd](\s|$)"), "a template mark (%s)"),
    (re.compile(r"\b(lorem ipsum|insert .{0,30} here|your .{0,30} here|goes here)\b", re.IGNORECASE), "filler"),
    (re.compile(r"\b(TODO|TBD|TBA|FIXME|XXX)\b"), "a to-do mark"),
    (
        re.compile(r"\[(pr |issue |your |the |short |brief )?(title|description|summary|name|service|cause|reason|"
                   r"placeholder|insert[^\]]*|todo[^\]]*|tbd|fill[^\]]*|\.\.\.|…)\](?!\()", re.IGNORECASE),
        "a placeholder in [ ]",
    ),
)  # fmt: skip
_ANGLE: Final = re.compile(r"<(?!!--)([^<>]{1,80})>")
_TAGS: Final = frozenset(
    """
    a b br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p picture pre q s samp source span
    strong sub summary sup table tbody td tfoot th thead tr tt u ul var
    """.split()  # noqa: SIM905
)
_QUOTED: Final = re.compile(r"<!--.*?-->|^(```|~~~).*?^\1\s*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def check_title(title: str) -> tuple[str, ...]:
    """What is wrong with the title of a pull request or commit; nothing where it says what the change is."""
    reasons = []
    plain = unicodedata.normalize("NFKC", title[:1_000]).strip()
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in title[:1_000]):
        reasons.append("the title has characters that cannot be seen")
    if len(title) > 256:
        reasons.append("the title is longer than 256 characters")
    words = re.findall(r"[^\W\d_]{2,}", plain)
    if not plain:
        reasons.append("the title is empty")
    elif _says_nothing(plain) or len(words) < 2:
        reasons.append("the title does not say what the change is")
    found = _mark(plain) or ("a placeholder (<...>)" if _ANGLE.search(plain) else None)
    if found:
        reasons.append(f"the title has {found}: it was not filled in")
    return tuple(reasons)


def check_body(body: str) -> tuple[str, ...]:
    """What is wrong with the text of a pull request. Quoted code and HTML comments may hold anything."""
    reasons = []
    plain = _QUOTED.sub(" ", unicodedata.normalize("NFKC", body[:100_000])).strip()
    if len(re.findall(r"[^\W\d_]{2,}", plain)) < 4:
        reasons.append("the text of the pull request does not say what was changed and why")
    elif _says_nothing(plain):
        reasons.append("the text of the pull request says nothing about this change")
    angles = (match[1] for match in _ANGLE.finditer(plain))
    open_angle = any(not _is_markup(inner) for inner in angles)
    found = _mark(plain) or ("a placeholder (<...>)" if open_angle else None)
    if found:
        reasons.append(f"the text of the pull request has {found}: it was not filled in")
    return tuple(reasons)


def _says_nothing(text: str) -> bool:
    words = re.findall(r"[\w./#'-]+", text.lower())
    return all(word.strip(".'-/_#") in _FILLER or _FILE_OR_NUMBER.fullmatch(word.strip(".'")) for word in words)


def _is_markup(inner: str) -> bool:
    name = re.match(r"/?([A-Za-z][A-Za-z0-9]*)\s*/?(\s.*)?$", inner, re.DOTALL)
    return bool(name and name[1].lower() in _TAGS) or re.match(r"(https?://|mailto:)\S+$", inner) is not None


def _mark(text: str) -> str | None:
    return next((what for pattern, what in _MARKS if pattern.search(text)), None)
