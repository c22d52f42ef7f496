"""The world as the agents need it: small Protocols with our own types, and the two kinds of failure the world has.

Each adapter and each in-memory twin of `shared/testing` fulfils one or more of these; both pass the
same contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from shared.analysis.metrics import Series
from shared.analysis.trace import Trace
from shared.incident.parts import Observed
from shared.incident.replay import Incident
from shared.incident.thread import Comment, Thread
from shared.stream import Event

if TYPE_CHECKING:  # the store needs numpy, and most workers do not
    from shared.analysis.rca.baseline_store import BaselineStore


class Transient(Exception):
    """The world did not answer; the same step may succeed later. `retry_after`: seconds, if it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(Exception):
    """The world said no, and will say no again; a person must read why."""


class Clock(Protocol):
    """Time. `now` is for stamps (UTC), `monotonic` (s) for durations."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


Lane = Literal["safety", "result", "status", "cosmetic"]
"""Which writes go first when the budget runs low: safety (stuck, refused), result (facts), status, cosmetic."""


class Issues(Protocol):
    """Incidents as issues: read side. Every read is conditional (ETag) and complete (all pages)."""

    def thread(self, number: int) -> Thread:
        """One issue with all its comments. Raises Permanent when there is no such issue."""
        ...

    def incidents(self, *, state: Literal["open", "all"] = "open", since: datetime | None = None) -> tuple[Thread, ...]:
        """Issues labelled `incident`, newest last, WITHOUT comments. `since` bounds `updated_at`."""
        ...

    def snapshot(self, number: int) -> tuple[Thread, bool]:
        """`thread(number)` and `frozen()` read at the same time; frozen is True when the switch was unreadable."""
        ...

    def frozen(self) -> bool:
        """True while an open issue is labelled `sre:freeze`. Unreadable raises Transient: treat as frozen."""
        ...

    def now(self) -> datetime:
        """GitHub's clock: the newest `Date` header seen, advanced by local monotonic time."""
        ...


class IssueWriter(Protocol):
    """Incidents as issues: write side. Each call is done once, also after an ambiguous answer (it reads back)."""

    def open_issue(self, title: str, body: str, labels: tuple[str, ...]) -> Thread: ...
    def comment(self, number: int, body: str, lane: Lane = "result") -> Comment: ...
    def edit_body(self, number: int, body: str) -> None: ...
    def add_label(self, number: int, label: str) -> None: ...
    def remove_label(self, number: int, label: str) -> None:
        """Absent is fine."""
        ...

    def close(self, number: int) -> None: ...
    def reopen(self, number: int) -> None: ...
    def react(self, comment_id: int, content: Literal["eyes", "rocket", "confused"]) -> None: ...


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit on the default branch."""

    sha: str
    author: str
    message: str
    at: datetime
    url: str
    paths: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """Who put a label on an issue, and when (newest last)."""

    event_id: int
    label: str
    login: str
    at: datetime


class Past(Protocol):
    """Earlier incidents, replayed."""

    def recent(self, window: timedelta, besides: int = 0) -> tuple[Incident, ...]:
        """Incidents that changed within `window`, open or closed, oldest first, without issue `besides`."""
        ...

    def named(self, numbers: Sequence[int]) -> tuple[Incident, ...]:
        """These incidents, however old, as they stand now; what is no incident is left out."""
        ...


class People(Protocol):
    """Who may do what, asked live."""

    def permission(self, login: str) -> str:
        """The role name of `login` in the repository: none, read, triage, write, maintain or admin."""
        ...

    def labelled(self, number: int) -> tuple[Labelled, ...]:
        """The `labeled` events of one issue."""
        ...


@dataclass(frozen=True, slots=True)
class BodyEdit:
    """One change of an issue's body. `login`: None where GitHub does not know who it was; `body`: all of it as it was
    afterwards, None where somebody deleted that."""

    id: str
    login: str | None
    at: datetime
    body: str | None


class BodyEdits(Protocol):
    """The history of bodies."""

    def edits(self, number: int) -> tuple[BodyEdit, ...]:
        """The newest changes of an issue's body, oldest of them first. Raises Transient, Permanent."""
        ...


class History(Protocol):
    """What was deployed when."""

    def commits(self, since: datetime) -> tuple[Commit, ...]:
        """Commits on the default branch since then, newest first, at most 30."""
        ...


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine says it. Times are verbatim strings, compared and never computed with."""

    name: str
    id: str
    image: str
    started_at: str
    finished_at: str
    status: str
    running: bool
    exit_code: int
    oom_killed: bool
    health: str | None
    restart_count: int
    labels: Mapping[str, str] = field(default_factory=dict)
    memory_limit: int = 0

    @property
    def managed(self) -> bool:
        return self.labels.get("sre-space.managed") == "true"

    @property
    def observed(self) -> Observed:
        """What a directive about this container must find unchanged."""
        return Observed(container_id=self.id, started_at=self.started_at, image=self.image)


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """One engine event: `action` is die, oom, start, restart, kill, stop, `health_status: unhealthy`, …"""

    name: str
    id: str
    action: str
    at: datetime
    exit_code: int | None = None


class Engine(Protocol):
    """Containers, read only."""

    def inspect(self, name: str) -> Container:
        """The container of exactly this name. Raises Permanent when there is none."""
        ...

    def managed(self) -> tuple[Container, ...]:
        """All containers labelled `sre-space.managed=true`, running or not."""
        ...

    def events(self, since: datetime, stop: Callable[[], bool]) -> Iterator[ContainerEvent]:
        """Container events from `since` on, live, until `stop()` or a Transient failure."""
        ...

    def logs(self, name: str, lines: int = 50) -> str:
        """The last lines the container wrote, undecodable bytes replaced."""
        ...


class Hands(Protocol):
    """The one thing the fleet may do to a container. Only the Fixer's process is given this."""

    def inspect(self, name: str) -> Container: ...
    def restart(self, name: str, grace: timedelta) -> None: ...


class Traces(Protocol):
    """Finished traces."""

    def services(self) -> tuple[str, ...]: ...

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        """Traces with a span of `service` that started in the window, newest first."""
        ...

    def trace(self, trace_id: str) -> Trace | None: ...


class Metrics(Protocol):
    """Numbers over time."""

    def ranges(self, query: str, start: datetime, end: datetime, step: timedelta) -> tuple[Series, ...]:
        """Every series of a PromQL expression in the window, one point a step. Raises Transient or Permanent."""
        ...


class Usual(Protocol):
    """What is usual, by (service, operation, caller), without a question to anybody."""

    def usual(self) -> BaselineStore | None:
        """All that is known just now, for reading only; None when nothing is."""
        ...


class Publisher(Protocol):
    """The stream's sending side. Never blocks and never raises: what cannot be sent is counted."""

    def publish(self, topic: str, key: str, event: Event) -> None: ...


class Probe(Protocol):
    """One health request."""

    def healthy(self, url: str, timeout: float) -> tuple[bool, str]:
        """Whether `url` answered 2xx within `timeout` seconds, and what it said (or what went wrong)."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked about one incident. `data` holds text from the world, redacted and fenced."""

    key: str
    """The SHA-256 of all that the model is shown: the same question has the same key."""
    incident: str
    """`owner/name#number`, whose budget it is."""
    number: int
    system: str
    data: str
    form: Mapping[str, object]
    """The JSON schema of the answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question: `text` of the model's, untrusted; or `why` there is none."""

    text: str | None
    why: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """As the server counts; None where it does not say."""
    cost: float | None = None
    """US dollars at the prices the user gave; None without prices or counts."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pending:
    """The question is on its way, for `left_s` more seconds at most."""

    left_s: float


class Adviser(Protocol):
    """A language model within budgets. Never blocks, never raises."""

    def ask(self, question: Question) -> None:
        """Ask, unless this question is on its way or answered."""
        ...

    def reply(self, key: str) -> Reply | Pending | None:
        """What came of the question; None when it was not asked, or so long ago that it is forgotten."""
        ...


SANDBOX_TREE: Final = "/sandbox/tree"
"""Where a job finds its tree, and where it starts."""
SANDBOX_INPUT: Final = "/sandbox/input"
"""Where a job finds its `files`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. Each is kept by the kernel or by killing all of the job."""

    wall_s: float = 60.0
    """From the job's first instruction on."""
    cpu_s: int = 60
    """Of each process; all together get at most `wall_s` times the processors they are given."""
    memory_mb: int = 512
    """Of all processes and written files together where there is a cgroup, of each process where there is none."""
    pids: int = 128
    """Processes and threads, the sandbox's own included. One more cannot be started; that alone ends nothing."""
    output_bytes: int = 262_144
    """What it writes to stdout and stderr together. More ends it."""
    disk_mb: int = 64
    """Of /tmp, and once more of the tree when that is writable; also of one file."""
    changed_bytes: int = 4_194_304
    """Of all changed files that are read back together."""


@dataclass(frozen=True, slots=True)
class Job:
    """An untrusted program: it sees a copy of `tree`, its `files`, a Python and the system's programs, no more.

    It starts in SANDBOX_TREE with PATH, HOME, TMPDIR and LANG set; `python3` is on PATH. Of `tree`, a folder, a `.git`
    at the top is left out (it may hold credentials), and so are symbolic links that lead out of it, devices, sockets
    and pipes; owners and modes but "executable" are not kept.
    """

    tree: Path
    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Read-only input apart from the tree: path below SANDBOX_INPUT -> content."""
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    writable: bool = False
    """The tree is a copy that the job may write to, and what it changed is read back. `tree` itself never changes."""


Ended = Literal["exited", "timeout", "cpu", "memory", "output", "lost"]
"""How a job ended. exited: by itself, or by a signal of its own. timeout, cpu, output: over that limit. memory: the
kernel killed some of it for memory (only where there is a cgroup; elsewhere an allocation fails and it may go on).
lost: all of it ended and the sandbox could not say how."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job. All of it but `ended`, `took_s` and `strength` is in the job's hands, also the exit code."""

    exit_code: int | None
    """Of its first process; 128 + N for signal N, 126 or 127 when it could not be started. None unless it exited."""
    ended: Ended
    output: str
    """The first `output_bytes` of stdout and stderr, in the order written; undecodable bytes replaced."""
    took_s: float
    """From the job's first instruction to the death of its last process."""
    strength: str
    """`Strength.word` of the sandbox it ran in."""
    changed: Mapping[str, bytes | None] = field(default_factory=dict)
    """Of a writable tree: path -> content of each regular file that is new or other than before, None where it is gone.
    Empty when the job did not exit by itself."""
    left_out: tuple[str, ...] = ()
    """Changes that are not in `changed`: links, modes, special or unreadable files, what is over `changed_bytes`."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What a sandbox isolates: `word` for facts, `line` for people."""

    word: Literal["container", "namespaces+cgroup", "namespaces", "none"]
    line: str


class Sandbox(Protocol):
    """Where untrusted programs run. Thread-safe; each job has a world of its own, and nothing of it stays."""

    @property
    def strength(self) -> Strength: ...

    def run(self, job: Job) -> Outcome:
        """Run it to its end. Raises Permanent when it cannot be run here or is malformed, Transient when not now."""
        ...


@dataclass(frozen=True, slots=True)
class Brief:
    """What a Tier-3 agent is asked. `text` is redacted, with everything from the world fenced as data."""

    key: str
    """Deterministic: repository, issue and attempt. One key has one session, whatever happens in between."""
    title: str
    """Deterministic too: by it a session is found again."""
    text: str
    branch: str
    """The branch the work begins from."""
    number: int
    """The issue."""
    repo: str
    """`owner/name`."""


@dataclass(frozen=True, slots=True)
class PullRef:
    """A pull request in the incident's own repository. `head`: its branch; empty where the backend does not say."""

    number: int
    url: str
    head: str


SessionState = Literal[
    "queued", "planning", "awaiting-approval", "awaiting-feedback", "working", "paused", "failed", "completed",
    "unknown",
]  # fmt: skip
"""`unknown`: the backend says something that this version has no name for; `Session.detail` has it verbatim."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a Tier-3 agent made of one commit where it opens no pull request: whole files, untrusted, bounded."""

    base: str
    """The SHA of the commit it began from."""
    files: Mapping[str, bytes | None]
    """Path -> content of each file that is new or other than before, None where it is gone. Modes stay."""


@dataclass(frozen=True, slots=True)
class Session:
    """A Tier-3 agent at work, as it says itself. `plan`, `made` and `detail` are its words: untrusted, bounded."""

    backend: str
    id: str
    url: str
    state: SessionState
    plan: str | None = None
    """The newest plan, where the state asks for one."""
    pull: PullRef | None = None
    made: Made | None = None
    """Where it is completed, and the outcome is no pull request of its own."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """No session yet, and why; ask again at `retry_at`."""

    reason: str
    retry_at: datetime


class Backend(Protocol):
    """One way to have code changed by somebody else. Never waits for the work. Raises Transient or Permanent."""

    @property
    def name(self) -> str: ...

    def open(self, brief: Brief) -> Session | Queued:
        """The session of `brief.key`: the one there is, else a new one. Never a second, also after a crash."""
        ...

    def find(self, brief: Brief) -> Session | None:
        """The session that was opened for `brief`, by its deterministic title; the oldest where there are several."""
        ...

    def look(self, session_id: str) -> Session: ...

    def approve_plan(self, session_id: str) -> None:
        """Let it go on with the plan it showed. Does nothing when no plan waits."""
        ...

    def tell(self, session_id: str, text: str) -> bool:
        """Say something to it. False: this session cannot be told anything, and only a new attempt goes on."""
        ...
