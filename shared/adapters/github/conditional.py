"""Reading that costs nothing when nothing changed: every page is asked for with the ETag it had last time."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from shared.adapters.github.wire import PER_PAGE, Answer, Unsure, Wire
from shared.ports import Transient

_NEXT: Final = re.compile(r'<([^>]+)>;\s*rel="next"')
_MAX_PAGES: Final = 200
_WALKS: Final = 4
"""Walks over a list of several pages until one sees no change: things move between pages while they are read."""
_READ_AGAIN_AFTER: Final = 0.25
"""Seconds before a read that broke off is asked once more."""


@dataclass(frozen=True, slots=True)
class Page:
    """One parsed answer. `next` is the link to the following page."""

    etag: str
    value: Any
    next: str | None
    full: bool
    characters: int


class Conditional:
    """Thread-safe cache of parsed pages, bounded by number and by the characters they came from.

    An ETag belongs to one token, so the cache lives as long as its client. One URL always has the same `parse`.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        sleep: Callable[[float], None] = time.sleep,
        max_entries: int = 1000,
        max_characters: int = 8_000_000,
    ) -> None:
        self._wire = wire
        self._sleep = sleep
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def one(self, path: str, parse: Callable[[Any], Any]) -> Any:
        """One object. Raises Permanent (404 and the like), Transient."""
        return self._page(path, parse)[0].value

    def first(self, path: str, params: Mapping[str, str | int], parse: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The parsed items of the first page of a list."""
        return tuple(self._page(_url(path, params), _each(parse))[0].value)

    def every(self, path: str, params: Mapping[str, str | int], parse: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The parsed items of all pages of a list. An item that moved between pages may come twice."""
        first = _url(path, {"per_page": PER_PAGE, **params})
        items: tuple[Any, ...] = ()
        for _ in range(_WALKS):
            items, pages, changed = self._walk(first, _each(parse))
            if pages == 1 or not changed:
                break
        return items

    def _walk(self, first: str, parse: Callable[[Any], Any]) -> tuple[tuple[Any, ...], int, bool]:
        url: str | None = first
        items: list[Any] = []
        pages = 0
        anything_changed = False
        while url is not None:
            if pages == _MAX_PAGES:
                raise Transient(f"{first}: more than {_MAX_PAGES} pages")
            page, changed = self._page(url, parse)
            pages += 1
            anything_changed = anything_changed or changed
            items += page.value
            # a page that filled up since may be unchanged itself (304) and yet have a successor
            url = page.next or (_following(url) if page.full else None)
        return tuple(items), pages, anything_changed

    def _page(self, url: str, parse: Callable[[Any], Any]) -> tuple[Page, bool]:
        with self._lock:
            known = self._pages.get(url)
        answer = self._get(url, {"If-None-Match": known.etag} if known else {})
        if answer.status == 304 and known is not None:
            with self._lock:
                if url in self._pages:
                    self._pages.move_to_end(url)
            return known, False
        body = answer.json()
        link = _NEXT.search(answer.headers.get("link", ""))
        page = Page(
            etag=answer.headers.get("etag", ""),
            value=parse(body),
            next=link[1] if link else None,  # PyGithub drops the host of a link: the token goes nowhere else
            full=isinstance(body, list) and len(body) >= _size(url),
            characters=len(answer.text),
        )
        if page.etag:
            self._keep(url, page)
        return page, True

    def _get(self, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            return self._wire.send("GET", url, headers=headers)
        except Unsure as failure:
            if failure.late or failure.retry_after is not None:
                raise
        self._sleep(_READ_AGAIN_AFTER)
        return self._wire.send("GET", url, headers=headers)

    def _keep(self, url: str, page: Page) -> None:
        with self._lock:
            old = self._pages.pop(url, None)
            self._characters += page.characters - (old.characters if old else 0)
            self._pages[url] = page
            while len(self._pages) > 1 and (
                len(self._pages) > self._max_entries or self._characters > self._max_characters
            ):
                _, dropped = self._pages.popitem(last=False)
                self._characters -= dropped.characters


def _each(parse: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda items: [parse(item) for item in items]


def _url(path: str, params: Mapping[str, str | int]) -> str:
    return f"{path}?{urlencode(sorted(params.items()))}" if params else path


def _size(url: str) -> int:
    return int(parse_qs(urlsplit(url).query).get("per_page", ["30"])[0])


def _following(url: str) -> str:
    query = {key: values[-1] for key, values in parse_qs(urlsplit(url).query).items()}
    query["page"] = str(int(query.get("page", "1")) + 1)
    return f"{url.partition('?')[0]}?{urlencode(sorted(query.items()))}"
