"""A commit made the way a developer makes one: one value of `deploy/stack.yaml`, or any files at once.

Standard library only, because trigger_chaos.py runs with any Python. API: https://docs.github.com/rest/repos/contents
and https://docs.github.com/rest/git
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

STACK: Final = "deploy/stack.yaml"
TIMEOUT: Final = 10.0
_TRIES: Final = 5
_LOOK_BACK: Final = 50
"""Commits that are searched for the one to take back."""
_CONFLICT: Final = 409
_NOT_THERE: Final = 404
_NO_FAST_FORWARD: Final = 422
_LINE: Final = (
    r"^(?P<before>[ ]+{key}:[ ]*)(?P<quote>[\"']?)(?P<value>[^\"'#\s]*)(?P=quote)(?P<after>[ ]*(?:#[^\n]*)?)$"
)


class CannotCommit(Exception):
    """The repository refused, does not answer, or has no such value; the message is one line."""


class Overtaken(CannotCommit):
    """Somebody else has committed in between."""


def value_in(text: str, service: str, key: str) -> str:
    """The configuration value of a service as the file says it. Raises CannotCommit."""
    return _find(text, service, key)[1]["value"]


def with_value(text: str, service: str, key: str, value: str, remark: str = "") -> str:
    """The file with that one value replaced, and its line's comment by `remark` if given. Raises CannotCommit."""
    offset, found = _find(text, service, key)
    after = f" # {remark}" if remark else found["after"]
    line = f'{found["before"]}"{value}"{after}'
    return text[: offset + found.start()] + line + text[offset + found.end() :]


def _find(text: str, service: str, key: str) -> tuple[int, re.Match[str]]:
    """Where the block of `service` begins, and the line of `key` in it."""
    block = re.search(rf"^  {re.escape(service)}:[^\n]*\n(?:(?:[ ]{{3,}}[^\n]*|[ \t]*)\n?)*", text, re.MULTILINE)
    found = block and re.search(_LINE.format(key=re.escape(key)), block.group(), re.MULTILINE)
    if not block or not found:
        raise CannotCommit(f"{STACK} has no {key} of {service}")
    return block.start(), found


@dataclass(frozen=True, slots=True)
class Change:
    """A commit that was made: `before` and `after` are the value's."""

    sha: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Developer:
    """Somebody with write access to `repo` (`owner/name`). `api` is the REST base URL."""

    api: str
    repo: str
    token: str = field(repr=False)

    def set(self, service: str, key: str, value: str, message: str, remark: str = "") -> Change:
        """Commit another value to the default branch, again when somebody else was faster. Raises CannotCommit."""
        for last in (False,) * (_TRIES - 1) + (True,):
            text, blob = self._file()
            before = value_in(text, service, key)
            if before == value:
                raise CannotCommit(f"{key} of {service} is {value} already")
            content = base64.b64encode(with_value(text, service, key, value, remark).encode()).decode()
            body = {"message": message, "content": content, "sha": blob}
            try:
                made = self._ask("PUT", f"/contents/{STACK}", body)
            except CannotCommit as no:
                if last or not isinstance(no.__cause__, HTTPError) or no.__cause__.code != _CONFLICT:
                    raise
                continue
            return Change(made["commit"]["sha"], before, value)
        raise AssertionError

    def value(self, service: str, key: str) -> str:
        """What it is now. Raises CannotCommit."""
        return value_in(self._file()[0], service, key)

    def standing(self, service: str, key: str, messages: Sequence[str]) -> Change | None:
        """The newest commit with one of these messages, while the value it set still counts. Raises CannotCommit."""
        now = self.value(service, key)
        for row in self._ask("GET", f"/commits?{urlencode({'path': STACK, 'per_page': _LOOK_BACK})}"):
            if row["commit"]["message"].strip() in messages and row["parents"]:
                before, after = (
                    value_in(self._file(ref)[0], service, key) for ref in (row["parents"][0]["sha"], row["sha"])
                )
                return Change(row["sha"], before, after) if after == now != before else None
        return None

    def head(self) -> tuple[str, str]:
        """The default branch and its newest commit. Raises CannotCommit."""
        branch = str(self._ask("GET", "")["default_branch"])
        return branch, str(self._ask("GET", f"/git/ref/heads/{quote(branch)}")["object"]["sha"])

    def read(self, path: str, ref: str) -> bytes | None:
        """A file as it is in a commit, None where it is not there. Raises CannotCommit."""
        try:
            found = self._ask("GET", f"/contents/{quote(path)}?ref={quote(ref)}")
        except CannotCommit as no:
            if isinstance(no.__cause__, HTTPError) and no.__cause__.code == _NOT_THERE:
                return None
            raise
        return base64.b64decode(found["content"])

    def commit(self, branch: str, parent: str, files: Mapping[str, bytes | None], message: str) -> str:
        """One commit of these files (None takes one away) on top of `parent`, which the branch must still be at.

        Its sha. Modes become those of plain files. Raises Overtaken, CannotCommit.
        """
        entries = [
            {"path": path, "mode": "100644", "type": "blob", "sha": None if content is None else self._blob(content)}
            for path, content in files.items()
        ]
        base = self._ask("GET", f"/git/commits/{parent}")["tree"]["sha"]
        tree = self._ask("POST", "/git/trees", {"base_tree": base, "tree": entries})["sha"]
        made = self._ask("POST", "/git/commits", {"message": message, "tree": tree, "parents": [parent]})["sha"]
        try:
            self._ask("PATCH", f"/git/refs/heads/{quote(branch)}", {"sha": made, "force": False})
        except CannotCommit as no:
            if isinstance(no.__cause__, HTTPError) and no.__cause__.code in (_CONFLICT, _NO_FAST_FORWARD):
                raise Overtaken(f"{branch} has moved on from {parent[:10]}") from no
            raise
        return str(made)

    def _blob(self, content: bytes) -> str:
        body = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
        return str(self._ask("POST", "/git/blobs", body)["sha"])

    def _file(self, ref: str | None = None) -> tuple[str, str]:
        """The stack file's text and its blob's sha, at the head of the default branch or at `ref`."""
        found = self._ask("GET", f"/contents/{STACK}" + (f"?ref={quote(ref)}" if ref else ""))
        return base64.b64decode(found["content"]).decode(), str(found["sha"])

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"token {self.token}", "Accept": "application/vnd.github+json"}
        data = json.dumps(body).encode() if body is not None else None
        url = f"{self.api}/repos/{self.repo}{path}"
        request = Request(url, data, headers | {"User-Agent": "git-developer"}, method=method)  # noqa: S310
        try:
            with _opener(self.api).open(request, timeout=TIMEOUT) as answer:
                return json.load(answer)
        except HTTPError as no:
            with no:
                raise CannotCommit(f"{self.repo} answers {no.code} to {method} {path.partition('?')[0]}") from no
        except (URLError, OSError, ValueError) as no:
            raise CannotCommit(f"{urlsplit(self.api).netloc} does not answer: {no}") from no


class _NoRedirect(HTTPRedirectHandler):
    """A token is shown to nobody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(api: str) -> OpenerDirector:
    """No proxy on the way to this machine itself; http and https only."""
    if urlsplit(api).scheme not in ("http", "https"):
        raise CannotCommit(f"{api} is no web address")
    here = urlsplit(api).hostname in ("127.0.0.1", "localhost", "::1")
    return build_opener(*([ProxyHandler({})] if here else []), _NoRedirect())
