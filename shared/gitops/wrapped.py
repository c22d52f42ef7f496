"""What was put in place of a file's content: an API's answer, an escaped string, a chat's code fence, a patch.

Predecessors committed such answers as docker-compose.yml: the text around the content was taken for the content.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Final

import yaml

from shared.gitops.paths import suffix_of

ENVELOPES: Final = (
    frozenset(("content", "encoding")), frozenset(("type", "sha")), frozenset(("type", "path")),
    frozenset(("content", "sha")), frozenset(("download_url",)), frozenset(("git_url",)),
    frozenset(("message", "documentation_url")), frozenset(("message", "content")), frozenset(("content", "path")),
    frozenset(("filename", "content")), frozenset(("file", "content")), frozenset(("role", "content")),
    frozenset(("choices",)), frozenset(("object", "id")), frozenset(("errors", "message")), frozenset(("tree", "sha")),
    frozenset(("unidiffPatch",)), frozenset(("gitPatch",)), frozenset(("stdout", "stderr")),
)  # fmt: skip
"""Keys that stand together in answers of the contents, git and chat APIs, and of programs that run commands."""
_FENCE: Final = re.compile(r"\s*(```|~~~)")
_PATCH: Final = re.compile(
    r"^(diff --git |index [0-9a-f]{7,}\.\.|@@ -\d+(,\d+)? \+\d+(,\d+)? @@|\*\*\* Begin Patch)", re.M
)
_CONFLICT: Final = re.compile(r"^(<{7}|>{7})( |$)", re.M)
_HTML: Final = re.compile(r"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


def wrapping(path: str, text: str) -> str | None:
    """What stands in place of the content of `path`, in words; None where nothing of the kind is seen."""
    suffix = suffix_of(path)
    if _CONFLICT.search(text):
        return "conflict markers of a merge"
    if suffix not in (".md", ".patch", ".diff") and _PATCH.search(text) and not _quotes_it(suffix, text):
        return "a patch in place of the file"
    if suffix != ".md" and _FENCE.match(text):
        return "a code fence around the file, as in a chat"
    if suffix not in (".html", ".htm", ".xml", ".svg", ".md") and _HTML.match(text):
        return "a web page in place of the file"
    if _base64(text):
        return "base64 in place of the file"
    value = _value(text)
    docstring = suffix == ".py" and isinstance(value, str) and "\n" not in value
    found = None if docstring else _enveloped(value, 0)
    if found is None and "\n" not in text.strip() and text.count("\\n") > 2:
        return "one line with escaped line ends in place of the file"
    return found


def _quotes_it(suffix: str, text: str) -> bool:
    """A test may hold a patch in a string; a patch does not begin as a program does."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return suffix == ".py" and not _PATCH.match(first)


def _value(text: str) -> Any:
    """`text` as JSON, or as YAML where it is a flow mapping or a string; None for ordinary text."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "[", '"', "'") and not re.match(r"[\w\"'.-]+:( |$)", stripped):
        return None
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.load(stripped, Loader=yaml.BaseLoader)  # noqa: S506 - strings, lists and mappings only
    except (yaml.YAMLError, RecursionError):
        return None


def _enveloped(value: Any, depth: int) -> str | None:
    if isinstance(value, str):
        return "the file as one quoted string" if depth == 0 or "\n" in value else None
    if isinstance(value, list) and len(value) == 1:
        return _enveloped(value[0], depth + 1) if depth < 4 else None
    if not isinstance(value, dict):
        return None
    keys = {key for key in value if isinstance(key, str)}
    for envelope in ENVELOPES:
        if envelope <= keys and all(not isinstance(value[key], dict) for key in envelope):
            return f"an API's answer in place of the file (it has {' and '.join(sorted(envelope))})"
    if len(value) == 1 and depth < 4:
        inner = next(iter(value.values()))
        return _enveloped(inner, depth + 1) if isinstance(inner, dict | list | str) else None
    return None


def _base64(text: str) -> bool:
    packed = "".join(text.split())
    if len(packed) < 40 or not re.fullmatch(r"[A-Za-z0-9+/]+=*", packed):
        return False
    try:
        base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
