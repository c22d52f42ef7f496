"""The desired state of the protected services: `deploy/stack.yaml`, a Compose file that holds only their levers.

docker-compose.yml takes each service from it (`extends: {file: deploy/stack.yaml, service: NAME}`). What is accepted
here means the same to docker compose (its 1.x and 2.x); what could be read in two ways is refused, with the line and
what to write instead.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode

from shared.gitops.located import STR, BadYaml, decoded, line_of, mapping
from shared.incident.change import Key, Mebibytes, Value
from shared.incident.record import Name, Record

STACK: Final = "deploy/stack.yaml"

Image = Annotated[
    str,
    StringConstraints(
        max_length=255,
        pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
        r"(@sha256:[0-9a-f]{64})?$",
    ),
]
Replicas = Annotated[int, Field(ge=0, le=100)]

_NAME: Final = TypeAdapter[str](Name)
_KEY: Final = TypeAdapter[str](Key)
_VALUE: Final = TypeAdapter[str](Value)
_IMAGE: Final = TypeAdapter[str](Image)
_MEMORY: Final = re.compile(r"([1-9][0-9]{0,6})([mg])")
_REPLICAS: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
_NOT_WORDS: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))
LOADS_CODE: Final = re.compile(r"(LD|DYLD|GIT|DOCKER|COMPOSE|PIP|BASH)_.*|PYTHON.*|PATH|HOME|IFS|ENV|SHELL|.*_PROXY")
"""Environment names that decide what a program loads or whom it talks to: no configuration of a service."""


class BadStack(BadYaml):
    """The desired state cannot be read. The text says the line and what to do."""


class Service(Record):
    """The levers of one service. Memory in MiB for each container; `environment` as the program will see it."""

    image: Image | None = None
    memory_mib: Mebibytes
    replicas: Replicas = 1
    environment: dict[Key, Value] = Field(default_factory=dict)

    def levers(self) -> dict[str, str]:
        """Every lever by its dotted key in the file, in one spelling: `mem_limit`, `deploy.replicas`, `image`,
        `environment.KEY`."""
        found = {"mem_limit": f"{self.memory_mib}m", "deploy.replicas": str(self.replicas)}
        if self.image is not None:
            found["image"] = self.image
        return found | {f"environment.{key}": value for key, value in self.environment.items()}


class Stack(Record):
    """The desired state: each service by its name."""

    services: Annotated[dict[Name, Service], Field(min_length=1, max_length=100)]


def parse_stack(text: str | bytes) -> Stack:
    """The desired state in `text`. Raises BadStack."""
    try:
        return _stack(mapping(decoded(text)))
    except BadStack:
        raise
    except BadYaml as error:
        raise BadStack(error.line, error.reason) from None


def _stack(root: MappingNode) -> Stack:
    entries = _entries(root, "the file", {"services"})
    if "services" not in entries:
        raise BadStack(1, "there is no `services:`")
    services = _entries(entries["services"], "`services`", None)
    if not 1 <= len(services) <= 100:
        raise BadStack(line_of(entries["services"]), "`services` must name between 1 and 100 services")
    for name in services:
        if not _fits(_NAME, name):
            raise BadStack(line_of(services[name]), f"{name[:60]!r} is no service name: ASCII letters, digits, . _ -")
    return Stack(services={name: _service(name, node) for name, node in services.items()})


def _service(name: str, node: Node) -> Service:
    entries = _entries(node, f"`{name}`", {"image", "mem_limit", "memswap_limit", "environment", "deploy"})
    if "mem_limit" not in entries:
        raise BadStack(
            line_of(node), f"`{name}` has no `mem_limit`; without one it may take the whole machine: write 192m"
        )
    memory = _memory(entries["mem_limit"])
    if "memswap_limit" in entries and _memory(entries["memswap_limit"]) != memory:
        raise BadStack(line_of(entries["memswap_limit"]), f"`memswap_limit` of `{name}` must equal its `mem_limit`")
    image = _word(entries["image"], "an image") if "image" in entries else None
    if image is not None and not _fits(_IMAGE, image):
        raise BadStack(line_of(entries["image"]), f"{image[:60]!r} is no image; write name:tag")
    replicas = 1
    if "deploy" in entries:
        deploy = _entries(entries["deploy"], f"`deploy` of `{name}`", {"replicas"})
        if "replicas" not in deploy:
            raise BadStack(line_of(entries["deploy"]), "`deploy` holds nothing; write {replicas: 1} or take it out")
        replicas = _replicas(deploy["replicas"])
    environment: dict[str, str] = {}
    if "environment" in entries:
        for key, value in _entries(entries["environment"], f"`environment` of `{name}`", None).items():
            environment[key] = _setting(key, value)
    return Service(image=image, memory_mib=memory, replicas=replicas, environment=environment)


def _entries(node: Node, where: str, known: set[str] | None) -> dict[str, Node]:
    if not isinstance(node, MappingNode):
        raise BadStack(line_of(node), f"{where} must be a mapping of `key: value`")
    found: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode) or key.tag != STR:
            raise BadStack(line_of(key), f"a key of {where} is not a word; put it in quotes if it is meant")
        if known is not None and key.value not in known:
            names = ", ".join(sorted(known))
            raise BadStack(line_of(key), f"{where} has the unknown key {key.value[:60]!r}; it may hold {names}")
        found[key.value] = value
    return found


def _memory(node: Node) -> int:
    match = _MEMORY.fullmatch(node.value) if isinstance(node, ScalarNode) and node.tag == STR else None
    if match is None:
        raise BadStack(line_of(node), "a memory limit is a whole number with m or g (MiB or GiB), such as 192m")
    size = int(match[1]) * (1024 if match[2] == "g" else 1)
    if not 16 <= size <= 65_536:
        raise BadStack(line_of(node), f"a memory limit of {size}m; between 16m and 64g is possible")
    return size


def _replicas(node: Node) -> int:
    plain = isinstance(node, ScalarNode) and node.style is None and _REPLICAS.fullmatch(node.value)
    if not plain or int(node.value) > 100:
        raise BadStack(line_of(node), "`replicas` is a whole number from 0 to 100, without quotes")
    return int(node.value)


def _word(node: Node, what: str) -> str:
    """A string that every reader of YAML takes for a string, `$$` read as `$` the way compose does."""
    if not isinstance(node, ScalarNode):
        raise BadStack(line_of(node), f"{what} is one value, not a list or a mapping")
    text: str = node.value
    if node.style is None and (not _WORD.fullmatch(text) or text.lower() in _NOT_WORDS or node.tag != STR):
        shown = text[:60] or "an empty value"
        raise BadStack(line_of(node), f'{shown} without quotes may be read as another kind; write "{text[:60]}"')
    if "$" in text.replace("$$", ""):
        raise BadStack(line_of(node), "a single $ is filled in by whoever runs compose; write $$ for a dollar sign")
    return text.replace("$$", "$")


def _setting(key: str, node: Node) -> str:
    if not _fits(_KEY, key):
        raise BadStack(line_of(node), f"{key[:60]!r} is no configuration key: capital letters, digits and _")
    if LOADS_CODE.fullmatch(key):
        raise BadStack(line_of(node), f"{key} decides what programs load or whom they talk to; it is not set here")
    value = _word(node, f"the value of {key}")
    if not _fits(_VALUE, value):
        raise BadStack(line_of(node), f"the value of {key} must be at most 200 printable ASCII characters")
    if key.startswith("FEATURE_") and value not in ("on", "off"):
        raise BadStack(line_of(node), f'{key} is a feature flag; write "on" or "off"')
    return value


def _fits(kind: TypeAdapter[str], value: str) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True
