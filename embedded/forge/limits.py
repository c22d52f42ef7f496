"""GitHub's limits: so many requests an hour per account, and (when switched on) the secondary ones."""

import time
from collections import deque
from dataclasses import dataclass, field

HOUR = 3600
PRIMARY = 5_000
ANONYMOUS = 60


@dataclass(frozen=True, slots=True)
class Secondary:
    """Secondary limits (github/docs, rate limits for the REST API): points are 1 per read, 5 per write."""

    concurrent: int = 100
    points_per_minute: int = 900
    content_per_minute: int = 80
    content_per_hour: int = 500


@dataclass(slots=True)
class Quota:
    """One account's hour. `reset` is epoch seconds."""

    limit: int
    used: int = 0
    reset: int = field(default_factory=lambda: int(time.time()) + HOUR)

    def headers(self) -> dict[str, str]:
        return {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in self.shape().items()} | {
            "X-RateLimit-Resource": "core"
        }

    def shape(self) -> dict[str, int]:
        used = min(self.used, self.limit)
        return {"limit": self.limit, "remaining": self.limit - used, "reset": self.reset, "used": used}


class Limits:
    """Counts requests by login ("" for nobody). Not thread-safe: the event loop alone calls it."""

    def __init__(self, primary: int = PRIMARY) -> None:
        self.primary = primary
        self.secondary: Secondary | None = None
        self.running = 0
        self._quotas: dict[str, Quota] = {}
        self._points: dict[str, deque[tuple[float, int]]] = {}
        self._content: dict[str, deque[float]] = {}

    def quota(self, login: str) -> Quota:
        """The running hour of `login`; a new one when the old has passed."""
        limit = self.primary if login else min(ANONYMOUS, self.primary)
        quota = self._quotas.get(login)
        if quota is None or time.time() >= quota.reset:
            quota = self._quotas[login] = Quota(limit)
        quota.limit = limit
        return quota

    def seconds_to_wait(self, login: str, method: str, *, creates: bool) -> int | None:
        """How long a secondary limit asks this account to wait; None when it may go on (which is then counted)."""
        if self.secondary is None:
            return None
        now = time.monotonic()
        points = self._points.setdefault(login, deque())
        content = self._content.setdefault(login, deque())
        while points and points[0][0] < now - 60:
            points.popleft()
        while content and content[0] < now - HOUR:
            content.popleft()
        cost = 1 if method in {"GET", "HEAD", "OPTIONS"} else 5
        if (
            self.running > self.secondary.concurrent
            or sum(p for _, p in points) + cost > self.secondary.points_per_minute
        ):
            return 60
        if creates:
            if sum(1 for at in content if at > now - 60) >= self.secondary.content_per_minute:
                return 60
            if len(content) >= self.secondary.content_per_hour:
                return int(content[0] + HOUR - now) + 1
            content.append(now)
        points.append((now, cost))
        return None
