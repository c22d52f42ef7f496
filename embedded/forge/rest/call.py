"""One request, understood: who asks, for what, with which body. And the answer to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from embedded.forge.accounts import Account, Role
from embedded.forge.courier import Courier
from embedded.forge.git.repository import Repository
from embedded.forge.rest.errors import Refused, forbidden, invalid, needs_login, not_found
from embedded.forge.rest.shapes import basic
from embedded.forge.rest.urls import Urls
from embedded.forge.rows import Issue
from embedded.forge.store import REPOSITORY_ID, Store

T = TypeVar("T")
MAX_BODY = 65_536
"""Characters in the body of an issue or a comment (the number in GitHub's own error text)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body (None for no content) and extra headers."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of how many entries the client wants."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


@dataclass(slots=True)
class Call:
    """A request on the repository. `params` come from the path, `query` from behind the question mark."""

    store: Store
    git: Repository
    urls: Urls
    account: Account | None
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    courier: Courier
    accept: str = ""
    quota: Mapping[str, int] = field(default_factory=dict)
    """The asker's primary limit: limit, remaining, reset (epoch seconds), used."""
    hidden_after: float = float("inf")
    """List answers leave out what was born after this moment (epoch seconds): delayed visibility."""

    @property
    def login(self) -> str:
        """Who asks; 401 for nobody."""
        if self.account is None:
            raise needs_login()
        return self.account.login

    @property
    def role(self) -> Role:
        """What the asker may do now. The repository is public: everyone reads."""
        return max(Role.READ, self.store.users.role(self.account.login)) if self.account else Role.READ

    def need(self, role: Role, refusal: Refused | None = None) -> None:
        """Refuse (401 without an account, else 403) who has less than `role`."""
        if not self.login or self.role < role:
            raise refusal or forbidden()

    def told(self, payload: dict[str, Any]) -> dict[str, Any]:
        """A webhook's payload, completed with the repository and who did it."""
        whole = basic.repository(self.store, self.urls, Role.READ, self.git.default_branch)
        sender = basic.user(self.store, self.urls, self.account.login if self.account else self.store.owner)
        return payload | {"repository": whole, "sender": sender}

    def emit(self, event: str, payload: dict[str, Any]) -> None:
        """Tell the webhooks that listen, if there are any."""
        if self.courier.wanted(event):
            self.courier.send(event, self.told(payload))

    def number(self, name: str = "number") -> int:
        """A positive whole number from the path; 404 otherwise."""
        text = self.params[name]
        if not text.isdecimal() or len(text) > 15:
            raise not_found()
        return int(text)

    def issue(self) -> Issue:
        """The issue the path names; 404 when there is none."""
        issue = self.store.issues.get(self.number())
        if issue is None:
            raise not_found()
        return issue

    def data(self) -> dict[str, Any]:
        """The body as an object; an absent one is empty."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Refused(422, "Invalid request.\n\nFor 'links/0/schema', not an object.")
        return self.body

    def text(self, resource: str, name: str, limit: int = MAX_BODY) -> str:
        """A required, non-blank string of the body; 422 otherwise."""
        value = self.optional_text(resource, name, limit)
        if value is None:
            raise invalid(resource, name, "missing_field")
        if not value.strip():
            raise invalid(resource, name, "missing_field")
        return value

    def optional_text(self, resource: str, name: str, limit: int = MAX_BODY) -> str | None:
        """A string of the body or None; 422 when it is something else or too long."""
        value = self.data().get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(resource, name, "invalid", f"{name} is not a string")
        if len(value) > limit:
            raise invalid(resource, name, "custom", f"{name} is too long (maximum is {limit} characters)")
        return value

    def since(self) -> str | None:
        """The `since` of the query as stored times are written; 422 when it is no time."""
        text = self.query.get("since")
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise invalid("Search", "since") from None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def page(self) -> Page:
        """`page` (1 at least) and `per_page` (30 when absent, 100 at most)."""

        def whole(name: str, default: int) -> int:
            text = self.query.get(name, "")
            return int(text) if text.isdecimal() and len(text) < 10 and int(text) > 0 else default

        return Page(whole("page", 1), min(100, whole("per_page", 30)))

    def listed(self, bodies: Sequence[Any], total: int) -> Answer:
        """Answer with one page and the Link header GitHub gives for it."""
        return Answer(200, list(bodies), self.link(total))

    def sliced(self, everything: Sequence[T], render: Callable[[T], Any]) -> Answer:
        """Page through a list that is in memory."""
        page = self.page()
        return self.listed([render(one) for one in everything[page.offset : page.offset + page.size]], len(everything))

    def link(self, total: int) -> dict[str, str]:
        """Links to the neighbouring pages, by the repository's number as GitHub gives them; none for a single page."""
        page = self.page()
        last = max(1, -(-total // page.size))
        inside = f"/repos/{self.store.repo}"
        path = self.path
        if path.lower().startswith(inside.lower()):
            path = f"/repositories/{REPOSITORY_ID}{path[len(inside) :]}"

        def to(number: int) -> str:
            return f"<{self.urls.api}{path}?{urlencode({**self.query, 'page': str(number)})}>"

        links = []
        if page.number > 1:
            links.append(f'{to(min(page.number - 1, last))}; rel="prev"')
        if page.number < last:
            links += [f'{to(page.number + 1)}; rel="next"', f'{to(last)}; rel="last"']
        if page.number > 1:
            links.append(f'{to(1)}; rel="first"')
        return {"Link": ", ".join(links)} if links else {}
