"""Where Prometheus finds a running world: target files in its file_sd format, and the ports they speak of.

Format: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = "prometheus"
"""Inside the state folder."""


def write_targets(state: Path, patients: Mapping[str, str], workers: Mapping[str, str]) -> None:
    """`patients` and `workers`: name to URL of /healthz; /metrics is beside it. Replaces the files whole."""
    folder = state / FOLDER
    folder.mkdir(mode=0o755, exist_ok=True)
    for job, label, urls in (("patients", "service", patients), ("workers", "worker", workers)):
        groups = [
            {"targets": [url.split("/")[2]], "labels": {label: name}} for name, url in sorted(urls.items()) if url
        ]
        part = folder / f".{job}.part"
        part.write_text(json.dumps(groups, indent=2) + "\n", encoding="utf-8")
        part.replace(folder / f"{job}.json")
