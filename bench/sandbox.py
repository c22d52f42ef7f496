"""How long a sandbox takes around a job that does nothing: `python -m bench.sandbox [--runs N]`.

bubblewrap is measured here; with `--docker-host URL --image NAME` (an image with python3) a Docker engine too. A run is
the whole of it: copying the tree, making the sandbox, `true`, removing everything. `--tree DIR`: a tree to copy, else
one with a single file. For comparison: starting the same Python without any sandbox.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.adapters.sandbox.docker import DockerSandbox
from shared.ports import Job, Limits, Permanent, Sandbox, Transient


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--docker-host")
    parser.add_argument("--image")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = options.tree or Path(folder, "tree")
        if options.tree is None:
            tree.mkdir()
            (tree / "app.py").write_text("ANSWER = 42\n")
        print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
              f"load {os.getloadavg()[0]:.1f} at the start; as {'root' if os.geteuid() == 0 else 'an ordinary user'}; "
              f"{options.runs} runs, tree of {sum(1 for _ in tree.rglob('*'))} entries; ms, p50 and worst")  # fmt: skip
        bare = [sys.executable, "-I", "-S", "-c", ""]
        show("no sandbox, Python alone", options.runs, lambda: subprocess.run(bare, check=True))
        sandboxes: list[Sandbox] = [Bubblewrap(Path(folder, "scratch"))]
        if options.docker_host and options.image:
            sandboxes.append(DockerSandbox(options.docker_host, options.image, Path(folder, "scratch")))
        for sandbox in sandboxes:
            for writable in (False, True):
                kind = f"{type(sandbox).__name__} ({sandbox.strength.word}){', writable' if writable else ''}"
                show(kind, options.runs, lambda s=sandbox, w=writable: run(s, tree, w))  # type: ignore[misc]
    return 0


def run(sandbox: Sandbox, tree: Path, writable: bool) -> None:
    """Raises RuntimeError when the job did not run: then there is nothing to measure."""
    outcome = sandbox.run(Job(tree, ("true",), limits=Limits(), writable=writable))
    if outcome.exit_code != 0:
        raise RuntimeError(f"the job did not run: {outcome}")


def show(name: str, runs: int, measured: Callable[[], object]) -> None:
    try:
        measured()  # the first one fills caches
    except (Permanent, Transient) as error:
        print(f"{name:50} not measured: {error}")
        return
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        measured()
        took.append((time.perf_counter() - began) * 1000)
    print(f"{name:50} {statistics.median(took):7.1f} {max(took):7.1f}")


if __name__ == "__main__":
    sys.exit(main())
