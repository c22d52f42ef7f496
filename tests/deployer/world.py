"""A forge, an engine and a tiny marketplace in its repository, for the deployer to work on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import docker
import requests

from mission_control.deployer.command import Origin, deployer_for, process_host
from mission_control.deployer.deploy import Deployer
from mission_control.deployer.follow import Head, follow
from mission_control.deployer.release import Releases
from mission_control.world.patients import LOAD, SERVICES, Site
from shared.adapters.git import git
from tests.engine.hosts import ROOT, EngineProcess
from tests.forge.conftest import FLEET, OPERATOR, REPO, Running
from tests.machine import free_ports

ALL: Final = (*SERVICES, LOAD)
PROGRAM: Final = '''"""A service that says its word; `odd` values of KEY are refused, hang or never get well."""
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
WORD = "first"
KEY = os.environ.get("KEY", "")
if KEY.startswith("bad"):
    sys.exit(f"KEY must not be {KEY}")
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"word": WORD, "key": KEY, "version": os.environ["SERVICE_VERSION"]}).encode()
        self.send_response(500 if KEY == "ill" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''


def stack(**keys: str) -> str:
    """deploy/stack.yaml with KEY of each service (`_` is `-`) as given, else "1"."""
    lines = ["services:"]
    for name in SERVICES:
        value = keys.get(name.replace("-", "_"), "1")
        lines += [f"  {name}:", "    mem_limit: 192m", "    environment:", f'      KEY: "{value}" # a remark']
    return "\n".join(lines) + "\n"


def tiny_marketplace() -> dict[str, str]:
    """Path to text of the first commit."""
    check = (ROOT / "protected_services" / "common" / "healthcheck.py").read_text(encoding="utf-8")
    files = {"README.md": "# shop\n", "deploy/stack.yaml": stack(), "protected_services/common/healthcheck.py": check}
    files |= {"protected_services/__init__.py": "", "protected_services/faults.json": "{}\n"}
    for name in ALL:
        package = f"protected_services/{name.replace('-', '_')}"
        files |= {f"{package}/__init__.py": "", f"{package}/__main__.py": PROGRAM}
    return files


class Shop:
    """What a test does to the repository, and sees of the containers."""

    def __init__(self, forge: Running, engine: EngineProcess, folder: Path) -> None:
        self.forge, self.engine, self.state = forge, engine, folder / "state"
        self.state.mkdir()
        self.client = docker.DockerClient(base_url=f"unix://{engine.socket}", version="auto", timeout=20)
        self._clone = folder / "clone"
        first = free_ports(len(ALL))
        self.ports = {name: first + n for n, name in enumerate(ALL)}
        self.origin = Origin(forge.api, f"{forge.url}/{REPO}.git", REPO, FLEET)
        self.head = Head(self.origin.repository)
        git(folder, "clone", "--quiet", self.origin.url, str(self._clone), token=OPERATOR)
        self.first = self.commit(tiny_marketplace())

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Push a commit that writes (or with None removes) these files; returns its sha."""
        git(self._clone, "pull", "--quiet", "--rebase", token=OPERATOR)
        for path, text in files.items():
            file = self._clone / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        git(self._clone, "add", "--all")
        git(self._clone, "commit", "--quiet", "--allow-empty", "-m", f"Change {', '.join(files)[:50]}")
        git(self._clone, "push", "--quiet", token=OPERATOR)
        return git(self._clone, "rev-parse", "HEAD").decode().strip()

    def deployer(self) -> Deployer:
        """A fresh one, as after a start."""
        site = Site(self.ports, self.state, None, None)
        return deployer_for(process_host(self.client, site, f"unix://{self.engine.socket}"), self.origin, self.state)

    def releases(self) -> Releases:
        return Releases(self.state / "deploy", self.origin.url, self.origin.token)

    @contextmanager
    def following(self, deployer: Deployer) -> Iterator[None]:
        """The deployer follows the default branch meanwhile."""
        stop = threading.Event()
        deployer.stopped = stop.is_set
        thread = threading.Thread(target=follow, args=(deployer, self.head, 0.05, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()

    @contextmanager
    def command(self) -> Iterator[subprocess.Popen[bytes]]:
        """`mission_control deploy` as a process of its own, on a run.json like that of `up`; killed in the end."""
        self.write_run()
        argv = [sys.executable, "-m", "mission_control", "deploy", "--state", str(self.state)]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def write_run(self) -> None:
        """A run.json like that of `up`."""
        urls = {name: f"http://127.0.0.1:{port}/healthz" for name, port in self.ports.items()}
        github = {
            "url": self.forge.url,
            "api": self.forge.api,
            "repo": REPO,
            "tokens": {"fleet": FLEET, "operator": OPERATOR},
        }
        run: dict[str, Any] = {
            "github": github,
            "kafka": None,
            "traces": {"otlp": None},
            "docker_readonly": None,
            "marketplace": None,
        }
        run |= {"docker": f"unix://{self.engine.socket}", "faults": None, "processes": {}, "containers": urls}
        (self.state / "run.json").write_text(json.dumps(run | {"supervisor": 0, "state": str(self.state)}))

    def ids(self) -> dict[str, str]:
        """Container name to id."""
        return {row["Names"][0].removeprefix("/"): str(row["Id"]) for row in self.client.api.containers(all=True)}

    def all_run(self) -> bool:
        return {row["State"] for row in self.client.api.containers(all=True)} == {"running"}

    def anew_since(self, before: dict[str, str]) -> set[str]:
        """What was made anew."""
        return {name for name, container in self.ids().items() if before.get(name) != container}

    def says(self, name: str) -> dict[str, str]:
        """What the service answers."""
        found: dict[str, str] = requests.get(f"http://127.0.0.1:{self.ports[name]}/", timeout=5).json()
        return found

    def statuses(self, sha: str) -> list[tuple[str, str]]:
        """State and description of each status of a commit, oldest first."""
        rows: list[dict[str, Any]] = self.forge.session().get(f"{self.forge.repo}/commits/{sha}/statuses").json()
        assert {row["context"] for row in rows} <= {"sre-space/deploy"}
        return [(row["state"], row["description"]) for row in reversed(rows)]

    def close(self) -> None:
        for container in self.ids().values():
            self.client.api.remove_container(container, force=True)
        self.client.close()
        shutil.rmtree(self._clone, ignore_errors=True)
