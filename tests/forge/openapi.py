"""GitHub's own API description, to hold the forge's answers against."""

import json
import re
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

VERSION = "23.0.2"
CACHE = Path.home() / ".cache" / "sre-space"
MEMBER = "package/generated/api.github.com.json"
STRICTER_THAN_GITHUB = {
    # schema: (property, why the real service differs)
    ("issue", "state_reason"): "null is answered for open issues although the enumeration has no null",
    ("nullable-issue", "state_reason"): "the same",
    ("issue-search-result-item", "body"): "null is answered for issues without text",
}
UNDESCRIBED = (
    # old addresses that GitHub answers and PyGithub uses, and the described ones with the same answer
    (re.compile(r"(/repos/[^/]+/[^/]+)/statuses/([0-9a-f]{40})"), r"\1/commits/\2/statuses"),
    (re.compile(r"(/repos/[^/]+/[^/]+/contents)"), r"\1/"),
)


@dataclass(frozen=True)
class Exchange:
    """One request and what was answered. `path` is without /api/v3."""

    method: str
    path: str
    status: int
    content_type: str
    body: bytes


def fetch() -> Path:
    """The description, from npm the first time; OSError or CalledProcessError when it cannot be had."""
    found = CACHE / MEMBER
    if not found.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"@octokit/openapi@{VERSION}"]
        subprocess.run(command, cwd=CACHE, check=True, capture_output=True, timeout=50)
        with tarfile.open(CACHE / f"octokit-openapi-{VERSION}.tgz") as archive:
            archive.extract(MEMBER, CACHE, filter="data")
    return found


class Description:
    """Finds the operation an exchange belongs to and says what is wrong with the answer."""

    def __init__(self, path: Path) -> None:
        whole = json.loads(path.read_text(encoding="utf-8"))
        self._paths: dict[str, Any] = whole["paths"]
        self._components: dict[str, Any] = whole["components"]
        self._patterns = [(self._pattern(template), template) for template in self._paths]
        self._registry: Registry[Any] = Registry(retrieve=self._retrieve)  # type: ignore[call-arg]

    def _pattern(self, template: str) -> re.Pattern[str]:
        many = {"ref", "path", "branch", "basehead", "name"}

        def piece(match: re.Match[str]) -> str:
            return "(.*)" if match.group(1) in many else "([^/]+)"

        return re.compile(re.sub(r"\{([^}]+)\}", piece, template))

    def _retrieve(self, uri: str) -> Resource[Any]:
        _, kind, name = uri.split(":")
        return Resource.from_contents(self._plain(self._components[kind][name], name), DRAFT202012)

    def _plain(self, schema: Any, owner: str = "", key: str = "") -> Any:
        """OpenAPI 3.0's `nullable` as JSON Schema's null, and references by name."""
        if isinstance(schema, list):
            return [self._plain(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            _, _, kind, name = schema["$ref"].split("/")
            return {"$ref": f"gh:{kind}:{name}"}
        plain = {
            name: {k: self._plain(v, owner, k) for k, v in value.items()}
            if name == "properties"
            else self._plain(value)
            for name, value in schema.items()
            if name not in {"example", "examples", "default", "description", "nullable", "format", "discriminator"}
        }
        if schema.get("nullable") or (owner, key) in STRICTER_THAN_GITHUB:
            return {"anyOf": [plain, {"type": "null"}]}
        return plain

    @cache  # noqa: B019
    def operation(self, method: str, path: str) -> tuple[str, Any] | None:
        """The template and operation with the fewest wildcards that fits."""
        for real, described in UNDESCRIBED:
            path = real.sub(described, path) if method == "GET" and real.fullmatch(path) else path
        fits = [t for pattern, t in self._patterns if pattern.fullmatch(path) and method.lower() in self._paths[t]]
        if not fits:
            return None
        best = min(fits, key=lambda template: (template.count("{"), -len(template)))
        return best, self._paths[best][method.lower()]

    def complaints(self, exchange: Exchange) -> list[str]:
        """What GitHub's description says against this answer; nothing is the good case."""
        where = f"{exchange.method} {exchange.path} -> {exchange.status}"
        if exchange.status >= 400 and "json" not in exchange.content_type:
            return []
        if exchange.status >= 400:
            body = json.loads(exchange.body)
            missing = {"message", "documentation_url", "status"} - body.keys()
            return [f"{where}: error body without {missing}"] if missing else []
        found = self.operation(exchange.method, exchange.path)
        if found is None:
            return [f"{where}: GitHub has no such operation"]
        template, operation = found
        described = operation["responses"].get(str(exchange.status))
        if described is None:
            if exchange.status == 304:
                return []
            return [f"{where}: {template} never answers {exchange.status}, only {sorted(operation['responses'])}"]
        if "$ref" in described:
            described = self._components["responses"][described["$ref"].rpartition("/")[2]]
        content = described.get("content", {}).get("application/json")
        if content is None or "json" not in exchange.content_type:
            return [f"{where}: a body where none belongs"] if exchange.body and content is None else []
        return [f"{where}: {one}" for one in self._faults(template, exchange, content["schema"])]

    def _faults(self, template: str, exchange: Exchange, schema: Any) -> list[str]:
        validator = self._validator(template, exchange.method, exchange.status, json.dumps(schema))
        return [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in validator.iter_errors(json.loads(exchange.body))
        ]

    @cache  # noqa: B019
    def _validator(self, template: str, method: str, status: int, schema: str) -> Draft202012Validator:
        return Draft202012Validator(self._plain(json.loads(schema)), registry=self._registry)
