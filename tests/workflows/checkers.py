"""Programs of others that look for mistakes in workflows and forms."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.workflows.files import ROOT


def zizmor(target: Path) -> subprocess.CompletedProcess[str]:
    """Without the network, as the strictest of its personas, and without any configuration."""
    program = Path(sys.executable).with_name("zizmor")
    command = [str(program), "--offline", "--no-config", "--persona", "auditor", "--strict-collection", str(target)]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GH_", "GITHUB_", "ZIZMOR_"))}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=50, check=False)


def schema(name: str, *instances: Path) -> subprocess.CompletedProcess[str]:
    """Against a schema that comes with the package: nothing is fetched."""
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", name, *map(str, instances)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
