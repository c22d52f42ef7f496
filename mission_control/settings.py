"""The environment, read once into one frozen object. No other file of the fleet reads it."""

from __future__ import annotations

import os
import re
import shlex
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from mission_control.exits import Ended, Exit
from shared.incident.record import Tier3

REPOSITORY_ROOT: Final = Path(__file__).resolve().parent.parent
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
ALIKE: Final = 0.9
"""From which likeness on (difflib's ratio) a name is a slip of the pen."""
_UNIX_OR_TCP: Final = ("unix://", "tcp://", "http://", "https://", "ssh://", "npipe://")


def duration(text: str) -> timedelta:
    """A number and a unit (ms, s, min, h, d), seconds where the unit is left out. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a duration such as 30, 0.5s, 10min or 1h")
    return timedelta(seconds=float(match[1]) * _SECONDS[match[2] or "s"])


def _duration(value: object) -> object:
    return duration(value) if isinstance(value, str) else value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A time span; from text: a number and a unit (ms, s, min, h, d), seconds where the unit is left out."""
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _variable(name: str, default: Any = None) -> Any:
    return Field(default=default, validation_alias=name, validate_default=True)


class BadSettings(Ended):
    """Settings that cannot be used; `lines` says which and why, one line each, never the value of a secret."""

    code = Exit.USAGE

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Settings(BaseModel):
    """Everything a process of the fleet may know about where it runs. What is not given is embedded by `up`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    github_token: SecretStr | None = _variable("GITHUB_PERSONAL_ACCESS_TOKEN")
    """A token that may write issues in `github_repository`. Given: the real GitHub is used, not the embedded forge."""
    github_repository: str | None = _variable("GITHUB_REPOSITORY")
    """`owner/name` of the control plane. Needs no unit; no default, because it must be chosen."""
    github_api_url: str = _variable("GITHUB_API_URL", "https://api.github.com")
    """Base URL of GitHub's REST API (https://HOST/api/v3 on GitHub Enterprise). Default: github.com."""
    github_server_url: str | None = _variable("GITHUB_SERVER_URL")
    """Base URL of GitHub's pages as people open them. None: what GITHUB_API_URL says. Git is not fetched from it."""
    operator_token: SecretStr | None = _variable("SRE_OPERATOR_TOKEN")
    """Your own token, for the words that you say on the command line (`approve N` and the like). None: the running
    world's operator. Never given to a worker: the fleet's accounts may not speak to the fleet."""
    kafka: str | None = _variable("KAFKA_BOOTSTRAP_SERVERS")
    """`host:port[,host:port]`. None: the workers poll. Wake-ups only make things faster, so it may be absent."""
    replicas: Annotated[int, Field(ge=1, le=64)] = _variable("SRE_REPLICAS", 1)
    """How many processes of each role share the incidents, in a consumer group by issue. 1: each process sees all."""
    partitions: Annotated[int, Field(ge=1, le=1000)] = _variable("SRE_PARTITIONS", 12)
    """Partitions of a topic that `doctor --fix` makes: no more replicas of a role than this have work."""
    jaeger_url: str | None = _variable("JAEGER_URL")
    """Base URL of a Jaeger query service. None: the Brain works without traces and says so."""
    otlp_url: str | None = _variable("OTEL_EXPORTER_OTLP_ENDPOINT")
    """Base URL the fleet's own spans are sent to (OTLP/HTTP). None: they are made and not sent."""
    docker_host: str | None = _variable("DOCKER_HOST")
    """The engine's address (`unix:///…`, `tcp://…`). Only the Fixer is given one that can write."""
    docker_readonly_host: str | None = _variable("SRE_DOCKER_READONLY_HOST")
    """The same engine behind a socket that only looks, for Scout and Brain. Default: `docker_host`."""
    compose_file: str | None = _variable("COMPOSE_FILE")
    """Files of the compose project that `deploy --compose` deploys to, `:` between them. None: docker-compose.yml."""
    compose_project: str | None = _variable("COMPOSE_PROJECT_NAME")
    """Its name, when no container of it runs yet. None: the name of the repository's folder."""
    sandbox_image: str | None = _variable("SRE_SANDBOX_IMAGE")
    """Image with `python3` (and pytest, if tests are to run) for sandboxes. None: bubblewrap makes them, not Docker."""
    sandbox_docker_host: str | None = _variable("SRE_SANDBOX_DOCKER_HOST")
    """The engine that makes sandboxes. Who may use it owns its host: better one of its own. Default: `docker_host`."""
    state_dir: Path = _variable("SRE_STATE_DIR", REPOSITORY_ROOT / ".sre-space")
    """Folder for everything that is kept. Default: inside the repository, where git ignores it."""
    keys_dir: Path | None = _variable("SRE_KEYS_DIR")
    """Folder of `ROLE.key` files (ed25519, PKCS8 PEM, mode 0600). Default: `state_dir`/keys."""
    key: Path | None = _variable("SRE_KEY")
    """This worker's own private key, when it is to know no other. Default: its role's file in `keys_dir`."""
    keyring: Path | None = _variable("SRE_KEYRING")
    """File of the fleet's public keys. Default: `state_dir`/keys.toml, else the repository's deploy/keys.toml."""
    policy: Path = _variable("SRE_POLICY", REPOSITORY_ROOT / "deploy" / "policy.yaml")
    """The policy that Guardrail rules by and the Fixer asks again. Default: the one in the repository."""
    merge: Literal["propose", "policy"] | None = _variable("SRE_MERGE")
    """`policy`: what the policy lets in without a person is merged; `propose`: every merge is a person's. Default:
    propose on a real GitHub, policy on the embedded forge."""
    probe_every: Duration = _variable("SRE_PROBE_EVERY", timedelta(seconds=0.5))
    """Time between two health probes of one service. 0.5 s leaves three probes within the 2 s a detection may take."""
    resync_every: Duration = _variable("SRE_RESYNC_EVERY", timedelta(seconds=60))
    """How often a worker re-reads its incidents when nothing wakes it. 304 answers make this nearly free."""
    healthy_for: Duration = _variable("SRE_HEALTHY_FOR", timedelta(seconds=30))
    """How long health must hold before "fixed" is said. 30 s outlasts a crash loop; `up` sets 3 s when embedded."""
    herald_every: Duration = _variable("SRE_HERALD_EVERY", timedelta(seconds=10))
    """Time between two conditional polls of GitHub. 10 s is 1,080 free 304s an hour; `up` sets 1 s when embedded."""
    board_issue: bool = _variable("SRE_DASHBOARD_ISSUE", True)
    """Whether the herald keeps the issue "SRE-Space: the fleet". It is written when it says something new, at most once
    a minute but for approvals and the freeze switch."""
    recurrence_window: Duration = _variable("SRE_RECURRENCE_WINDOW", timedelta(hours=1))
    """Within this time a fault that comes back counts as the same trouble; three of them go to a person."""
    webhook_secret: SecretStr | None = _variable("SRE_WEBHOOK_SECRET")
    """Shared secret of GitHub's webhook. None: no webhook is accepted, the herald polls."""
    webhook_port: Port | None = _variable("SRE_WEBHOOK_PORT")
    """TCP port (127.0.0.1) the herald listens on for webhooks. None: it does not."""
    health_port: Port = _variable("SRE_HEALTH_PORT", 0)
    """TCP port of a worker's own /healthz and /metrics. 0: any free one, because several workers share a host."""
    health_host: str = _variable("SRE_HEALTH_HOST", "127.0.0.1")
    """Where that port listens. 0.0.0.0 in a container, so that Prometheus reaches it."""
    alert_token: SecretStr | None = _variable("SRE_ALERT_TOKEN")
    """Bearer token that Alertmanager shows to Scout's /webhook/alert, 16 characters or more. None: no such endpoint."""
    prometheus_url: str | None = _variable("PROMETHEUS_URL")
    """Base URL of a Prometheus that scrapes the services. None: Brain looks at no metrics."""
    crash_at: str | None = _variable("SRE_CRASH_AT")
    """`POINT:MARKER`, for tests only: the process kills itself there once. See shared/crashpoints.py."""
    model: str | None = _variable("SRE_MODEL")
    """Name of the language model that may comment on diagnoses. No default: without it nothing is asked or sent."""
    model_url: str | None = _variable("OPENAI_BASE_URL")
    """Base URL of any OpenAI-compatible endpoint (Ollama: http://127.0.0.1:11434/v1). None: OpenAI's own."""
    model_key: SecretStr | None = _variable("OPENAI_API_KEY")
    """Key of that endpoint. OpenAI's own needs one; local servers mostly do not."""
    model_timeout: Duration = _variable("SRE_MODEL_TIMEOUT", timedelta(seconds=6))
    """How long a diagnosis that is not clear waits for the model at most. A clear one never waits."""
    model_answer_tokens: Count = _variable("SRE_MODEL_ANSWER_TOKENS", 800)
    """Tokens of one answer. A model that thinks first needs more: its thoughts count."""
    model_calls_per_incident: Count = _variable("SRE_MODEL_CALLS_PER_INCIDENT", 3)
    """Requests one incident may take. One question is one to three, where a server refuses a form."""
    model_calls_per_day: Count = _variable("SRE_MODEL_CALLS_PER_DAY", 100)
    """Requests of all incidents in one UTC day."""
    model_tokens_per_incident: Count = _variable("SRE_MODEL_TOKENS_PER_INCIDENT", 30_000)
    """Tokens, prompt and answer, that one incident may take. One question takes about 3,000."""
    model_tokens_per_day: Count = _variable("SRE_MODEL_TOKENS_PER_DAY", 500_000)
    """Tokens of all incidents in one UTC day."""
    model_price_prompt: Price | None = _variable("SRE_MODEL_PRICE_PROMPT")
    """US dollars per million prompt tokens. No default: a price that nobody gave is not shown."""
    model_price_completion: Price | None = _variable("SRE_MODEL_PRICE_COMPLETION")
    """US dollars per million tokens of the answer."""
    model_cost_per_incident: Price | None = _variable("SRE_MODEL_COST_PER_INCIDENT")
    """US dollars one incident may cost. Needs both prices. None: only calls and tokens are limited."""
    model_cost_per_day: Price | None = _variable("SRE_MODEL_COST_PER_DAY")
    """US dollars all incidents of one UTC day may cost. Needs both prices."""
    chroma_url: str | None = _variable("CHROMA_URL")
    """Base URL of a Chroma server. `up` starts one where none is given; a worker without it says that it knows no past
    but its window."""
    embedding_model: str | None = _variable("SRE_EMBEDDING_MODEL")
    """Name of the model that makes vectors of texts. None: the fleet's own hashing, which asks nobody."""
    embedding_url: str | None = _variable("SRE_EMBEDDING_URL")
    """Base URL of any OpenAI-compatible endpoint with /embeddings. None: OpenAI's own."""
    embedding_key: SecretStr | None = _variable("SRE_EMBEDDING_KEY")
    """Key of that endpoint. OpenAI's own needs one; local servers mostly do not."""
    memory_horizon: Duration = _variable("SRE_MEMORY_HORIZON", timedelta(days=90))
    """How far back closed incidents are indexed. 90 d: a quarter; what is older tells of another system."""
    jules_key: SecretStr | None = _variable("JULES_API_KEY")
    """Key of a Jules account whose app is installed on the repository. None: Jules is not asked."""
    jules_url: str = _variable("JULES_API_URL", "https://jules.googleapis.com/v1alpha")
    """Base URL of Jules' REST API. The key only travels over https, or on this machine."""
    tier3: tuple[Tier3, ...] | None = _variable("SRE_TIER3")
    """Who may be asked to change code, in this order: jules, copilot, claude, command, human, with commas between.
    None: jules where there is a key, then human."""
    tier3_command: str | None = _variable("SRE_TIER3_COMMAND")
    """For `command`: a program and its words as a shell would split them, with {prompt} where the brief goes."""
    dashboard_port: Port = _variable("SRE_DASHBOARD_PORT", 3001)
    """TCP port of the dashboard. `up` chooses it itself."""
    dashboard_host: str = _variable("SRE_DASHBOARD_HOST", "127.0.0.1")
    """Where the dashboard listens. 0.0.0.0 in a container, whose port is published on 127.0.0.1."""
    dashboard_names: str = _variable("SRE_DASHBOARD_NAMES", "")
    """Names by which people reach the dashboard besides this machine's own, with commas between. Another name in a
    request's Host is refused, so that no foreign page reaches it by a name of its own (DNS rebinding)."""
    dashboard_traces: str | None = _variable("SRE_DASHBOARD_TRACES_URL")
    """Base URL of Jaeger's pages as people reach them. None: JAEGER_URL."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _variable("SRE_LOG_LEVEL", "INFO")
    """The least serious level that is logged. INFO is one line a step."""

    @field_validator("github_repository")
    @classmethod
    def _owner_and_name(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("github_token"):
            raise ValueError("must be set (owner/name) when GITHUB_PERSONAL_ACCESS_TOKEN is")
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", value):
            raise ValueError("must be owner/name")
        return value

    @field_validator(
        "github_api_url",
        "github_server_url",
        "jaeger_url",
        "otlp_url",
        "model_url",
        "prometheus_url",
        "jules_url",
        "chroma_url",
        "embedding_url",
        "dashboard_traces",
    )
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", value):
            raise ValueError("must be an http(s) URL without a user name")
        return value.rstrip("/") if value else value

    @field_validator("model", "embedding_model")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}", value):
            raise ValueError("must be the name of a model, such as gpt-4.1-mini or qwen3:8b")
        return value

    @field_validator("model_key")
    @classmethod
    def _given(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("model") and not info.data.get("model_url"):
            raise ValueError("must be set when SRE_MODEL is and OPENAI_BASE_URL is not: OpenAI answers nobody without")
        if value is not None and info.data.get("model") and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("must be one word of printable ASCII")
        return value

    @field_validator("embedding_key")
    @classmethod
    def _given_too(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("embedding_model") and not info.data.get("embedding_url"):
            raise ValueError("must be set when SRE_EMBEDDING_MODEL is and SRE_EMBEDDING_URL is not")
        return value

    @field_validator("model_price_completion")
    @classmethod
    def _both_prices(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("model_price_prompt") is None):
            raise ValueError("and SRE_MODEL_PRICE_PROMPT must be set together")
        return value

    @field_validator("model_cost_per_incident", "model_cost_per_day")
    @classmethod
    def _priced(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("model_price_completion") is None:
            raise ValueError("needs SRE_MODEL_PRICE_PROMPT and SRE_MODEL_PRICE_COMPLETION: no price is guessed")
        return value

    @field_validator("kafka")
    @classmethod
    def _brokers(cls, value: str | None) -> str | None:
        if value is not None and not all(re.fullmatch(r"\S+:\d{1,5}", part) for part in value.split(",")):
            raise ValueError("must be host:port[,host:port]")
        return value

    @field_validator("docker_host", "docker_readonly_host", "sandbox_docker_host")
    @classmethod
    def _engine_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(_UNIX_OR_TCP):
            raise ValueError(f"must begin with one of {', '.join(_UNIX_OR_TCP)}")
        return value

    @field_validator("alert_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("must be 16 characters or more")
        return value

    @field_validator("tier3", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("tier3")
    @classmethod
    def _each_once(cls, value: tuple[Tier3, ...] | None, info: ValidationInfo) -> tuple[Tier3, ...] | None:
        if value is not None and len(set(value)) != len(value):
            raise ValueError("must name each backend once")
        if value is not None and "jules" in value and not info.data.get("jules_key"):
            raise ValueError("names jules, which needs JULES_API_KEY")
        return value

    @field_validator("tier3_command")
    @classmethod
    def _has_a_place_for_the_brief(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and "command" in (info.data.get("tier3") or ()):
            raise ValueError("must be set when SRE_TIER3 names command")
        if value is not None and "{prompt}" not in shlex.split(value)[1:]:
            raise ValueError("must be a program and its words, one of which is {prompt}")
        return value

    @field_validator("webhook_port")
    @classmethod
    def _signed(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and not info.data.get("webhook_secret"):
            raise ValueError("needs SRE_WEBHOOK_SECRET too: unsigned webhooks are refused")
        return value

    @field_validator(
        "probe_every",
        "resync_every",
        "healthy_for",
        "herald_every",
        "recurrence_window",
        "model_timeout",
        "memory_horizon",
    )
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        return _positive(value)

    @field_validator("state_dir", "keys_dir", "key", "keyring", "policy")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else value

    @cached_property
    def engine_to_look_at(self) -> str | None:
        """The engine's address for processes that only look."""
        return self.docker_readonly_host or self.docker_host

    @cached_property
    def tier3_order(self) -> tuple[Tier3, ...]:
        """The backends of Tier 3, first asked first."""
        return self.tier3 or (("jules", "human") if self.jules_key else ("human",))

    @cached_property
    def keys_file(self) -> Path:
        """The keyring that counts."""
        if self.keyring:
            return self.keyring
        own = self.state_dir / "keys.toml"
        return own if own.exists() else REPOSITORY_ROOT / "deploy" / "keys.toml"

    def key_file(self, role: str) -> Path:
        """Where the private key of `role` is."""
        return self.key or (self.keys_dir or self.state_dir / "keys") / f"{role}.key"


def variables() -> dict[str, str]:
    """Field name to environment variable."""
    return {name: str(field.validation_alias) for name, field in Settings.model_fields.items()}


def variables_given() -> dict[str, str]:
    """Variable to where its value was found: `environment`, or the file in SRE_SETTINGS_DIR. An empty one is none."""
    return {name: origin for name, (_, origin) in _given().items()}


def _given() -> dict[str, tuple[str, str]]:
    """Variable to its text and where that was found."""
    folder = os.environ.get("SRE_SETTINGS_DIR")
    found: dict[str, tuple[str, str]] = {}
    for name in variables().values():
        if text := os.environ.get(name):
            found[name] = text, "environment"
        elif folder and (file := Path(folder, name)).is_file() and (text := _read(name, file)):
            found[name] = text, str(file)
    return found


def _misspelt() -> tuple[str, ...]:
    """A line for each variable that is nearly one of ours and none: what was meant would not be in force."""
    ours = set(variables().values())
    strange = sorted(name for name in os.environ if name.startswith("SRE_") and name not in ours)
    if not strange:
        return ()
    from difflib import get_close_matches

    meant = {name: get_close_matches(name, sorted(ours), n=1, cutoff=ALIKE) for name in strange}
    return tuple(f"{name} is no setting; {nearest[0]} is one" for name, nearest in meant.items() if nearest)


def _read(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings((f"{name} {file} cannot be read: {type(error).__name__}",)) from error


def read_settings(**overrides: Any) -> Settings:
    """Settings from the environment; `overrides` (by field name) win. Raises BadSettings with every fault at once.

    A variable that the environment leaves out is read from the file of its name in SRE_SETTINGS_DIR, where a container
    finds what was made after its environment was written.
    """
    names = variables()
    folder = os.environ.get("SRE_SETTINGS_DIR")
    if folder and not Path(folder).is_dir():
        raise BadSettings((f"SRE_SETTINGS_DIR: {folder} is no folder",))
    texts: dict[str, Any] = {name: text for name, (text, _) in _given().items()}
    lines = [*_misspelt()]
    try:
        found = Settings.model_validate(texts | {names[field]: value for field, value in overrides.items()})
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            field = str(fault["loc"][0]) if fault["loc"] else ""
            reason = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{names.get(field, field)} {reason}" if field else reason)
        raise BadSettings(tuple(sorted(lines))) from error
    if lines:
        raise BadSettings(tuple(lines))
    return found
