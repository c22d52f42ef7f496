"""Whether a sentence of a model may be shown: everything in it that can be checked stands in what it cites.

What cannot be checked is its grammar: that the words between the numbers and names are true. So it is shown as a
model's, and is evidence for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 240
OBSERVE: Final = ("Look", "Compare", "Check", "Read", "Count", "Measure", "Inspect", "Watch", "Query")
"""What the next observation may begin with: nothing that changes anything."""
_ALLOWED: Final = re.compile(r"[A-Za-z0-9 .,;:!?()'\"%/+=_’‘“”–—-]+")
"""No character that Markdown, HTML, a shell, a mention or a template could make something of."""
_LINK: Final = re.compile(
    r"//|\bwww\.|\bmailto:|^\W*/\w|/(?:approve|deny|hold|unhold|retry|escalate|undo|silence|explain|similar|postmortem|"
    r"help|focus|reject)\b",
    re.IGNORECASE,
)
"""Addresses, and the commands that people give the fleet."""
_ACTION: Final = re.compile(
    r"\b(?:re-?start|restarting|reboot\w*|kill|killing|delet(?:e|ing)|roll(?:ing)?[ -]?back|rollback|revert|reverting|"
    r"scal(?:e|ing) (?:up|down|out|in)|re-?deploy|redeploying|drain|draining|evict|terminate|disable|disabling|enable|"
    r"enabling|execute|merge|merging|approv\w+|deny|silence|escalate|retry|shutdown|shut down|sudo|curl|"
    r"should|must|shall|needs?|needed|please|recommend\w*|suggest\w*|advis\w*|propos\w*|required?|ought|"
    r"you|your|ignore|disregard|instruct\w*|urgent\w*|immediately|let's|we)\b",
    re.IGNORECASE,
)
"""Words of doing, wanting and addressing. Some honest sentences are lost to them; a plain diagnosis is what is left."""
_ORDER: Final = re.compile(
    r"(?:^|[,;:.]|\b(?:to|and|or|then|by))\s*(?:run|set|chang(?:e|ing)|increas(?:e|ing)|decreas(?:e|ing)|rais(?:e|ing)|"
    r"lower(?:ing)?|try|hold|fix|fixing|apply|applying|remov(?:e|ing)|install|upgrade|downgrade|patch|grant|stop|start|"
    r"scale|add|replace|use|make|do|go)\b",
    re.IGNORECASE,
)
"""Words that are an order only where an order would stand."""
_SURE: Final = re.compile(
    r"\b(?:certain\w*|definite\w*|undoubted\w*|surely|sure|confiden\w*|probabilit\w*|guarantee\w*|proven|proves?|"
    r"confirm\w*|conclusive\w*|obvious\w*|clearly|likely|likeli\w*|unlikely|percent|no doubt|without doubt)\b",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(
    r"\b(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|"
    r"seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|quarter|twice|thrice|doubled?|"
    r"tripled?|quadrupled?|\w*fold)\b",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"\"([^\"]*)\"|“([^”]*)”|(?<!\w)'([^']*)'(?!\w)|‘([^’]*)’(?!\w)")
_NUMBER: Final = re.compile(r"[\w.:/+-]*\d[\w.:/,+-]*%?")
_UNIT: Final = re.compile(
    r"(\d[\d.,]*) ?(ns|us|ms|s|sec|secs|seconds?|minutes?|min|hours?|h|days?|kb|kib|mb|mib|gb|gib|bytes?|%|times|x|"
    r"requests?|errors?|spans?|traces?|calls?|commits?|restarts?|lines?|events?|samples?)(?!\w)",
    re.IGNORECASE,
)
_NAME: Final = re.compile(
    r"[A-Za-z][\w./:=+]*(?:[-_./:=+][\w]+)+|[A-Za-z]*[a-z0-9][A-Z]\w*|\b[A-Z]{2,}\w*|(?<!\w)/\w[\w./-]*"
)
"""What looks like an identifier: joined words, inner capitals, capitals only, paths."""


def why_not(sentence: str, cited: Iterable[str], names: Iterable[str]) -> str | None:
    """Why `sentence` (one line) may not be shown; None when it may.

    `cited` are the texts of the evidence it rests on, `names` what may be named without standing in it.
    """
    texts = tuple(cited)
    if not texts:
        return "it cites nothing"
    if not 8 <= len(sentence) <= LONGEST or len(sentence.split()) < 3:
        return "it is too short or too long"
    if not _ALLOWED.fullmatch(sentence):
        return "it has characters that plain words do not need"
    for pattern, why in (
        (_LINK, "it holds an address or a command"),
        (_ACTION, "it speaks of doing"),
        (_ORDER, "it speaks of doing"),
        (_SURE, "it speaks of how sure it is"),
    ):
        if pattern.search(sentence):
            return why
    return _ungrounded(sentence, texts, tuple(names))


def _ungrounded(sentence: str, texts: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    for quote in _QUOTED.finditer(sentence):
        said = next(group for group in quote.groups() if group is not None)
        if not said.strip() or not any(_stands(said, text) for text in texts):
            return "it quotes what is not there"
    if len(re.findall(r"[\"“”]", _QUOTED.sub("", sentence))):
        return "it quotes what is not there"
    for number in _NUMBER.findall(sentence):
        if not any(_stands(number.strip(".,:;/+-"), text) for text in (*texts, *names)):
            return "it has a number that is not there"
    for match in _UNIT.finditer(sentence):
        value, unit = match[1].strip(".,"), match[2]
        if not any(_stands(f"{value}{gap}{unit}", text) for text in texts for gap in (" ", "")):
            return "it has a number in a unit that is not there"
    for word in _COUNTED.findall(sentence):
        if not any(_stands(word.casefold(), text.casefold()) for text in texts):
            return "it has a number that is not there"
    for name in _NAME.findall(sentence):
        bare = name.strip(".,:;/+-='").casefold()
        if not any(_stands(bare, text.casefold()) for text in (*texts, *names)):
            return "it names what is not there"
    return None


def _stands(part: str, text: str) -> bool:
    """Whether `part` stands in `text` as it is, and not as a piece of a longer word or number."""
    start = text.find(part) if part else -1
    while start >= 0:
        before, after = text[:start][-2:], text[start + len(part) :][:2]
        if not _goes_on(part[0], before[::-1]) and not _goes_on(part[-1], after):
            return True
        start = text.find(part, start + 1)
    return False


def _goes_on(edge: str, beyond: str) -> bool:
    """Whether the word or number that ends in `edge` goes on in `beyond` (read away from it)."""
    if not edge.isalnum() or not beyond:
        return False
    if beyond[0].isalnum() or beyond[0] == "_":
        return True
    return beyond[0] in ".,-" and beyond[1:2].isalnum() and (edge.isdigit() or beyond[0] == "-")
