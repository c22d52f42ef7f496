"""The workflow files as data, for the tests that hold them to what is promised of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one job."""

    workflow: str
    job: str
    body: dict[str, Any]


def files() -> list[Path]:
    return sorted([*FOLDER.glob("*.yml"), *FOLDER.glob("*.yaml")])


def workflows() -> dict[str, dict[str, Any]]:
    """File name to content. YAML 1.1 reads the key `on` as true: it is put right here."""
    return {file.name: _content(file) for file in files()}


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for workflow, content in workflows().items():
        for name, job in content["jobs"].items():
            yield workflow, name, job


def steps() -> Iterator[Step]:
    for workflow, name, job in jobs():
        for body in job["steps"]:
            yield Step(workflow, name, body)


def _content(file: Path) -> dict[str, Any]:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    if True in content:
        content["on"] = content.pop(True)
    return content
