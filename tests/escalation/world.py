"""A forge with the marketplace's source and an embedded Jules beside it, each a process, and the client under test."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from agents.escalation.backends.intents import Intents
from agents.escalation.backends.jules import Jules, Limits
from shared.ports import Brief, Session
from shared.runtime.clock import SystemClock
from tests.machine import ROOT, free_ports
from tests.waiting import wait_for

PATCHES = ROOT / "embedded" / "jules" / "patches"
REPO = "acme/market"
KEY = "jules-key-0123456789"
FLEET, BOT = "token-fleet", "token-jules"
JULES = "google-labs-jules[bot]"
ACCOUNTS = {"sre-fleet": (FLEET, "admin"), JULES: (BOT, "write"), "copilot-swe-agent[bot]": ("token-copilot", "write")}
NO_WAIT = Limits(settles=timedelta(0))


class Server:
    """A program that says on its first line when it is ready; killed and started again on the same port and data."""

    def __init__(self, module: str, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", module, "--port", str(free_ports(1)), "--data", str(folder / "data")]
        self._command = [*command, *arguments]
        self._folder = folder
        folder.mkdir()
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self._folder / "log").read_text()
        self.ready = json.loads(line)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self.kill()


class World:
    """Forge, Jules, and what tests say to them."""

    def __init__(self, folder: Path, *, leaking: bool = True, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        seed = folder / "seed"
        lay_out(seed, "leak.patch" if leaking else None)
        accounts = folder / "accounts.json"
        accounts.touch(mode=0o600)
        rows = [{"login": login, "token": token, "role": role} for login, (token, role) in ACCOUNTS.items()]
        accounts.write_text(json.dumps({"repo": REPO, "accounts": rows}))
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_text(f"{KEY}\n")
        self.http = requests.Session()
        self.http.trust_env = False
        self.forge = Server("embedded.forge", folder / "forge", "--accounts", str(accounts), "--seed-dir", str(seed))
        self.jules = Server(
            "embedded.jules",
            folder / "jules",
            *("--forge", self.forge.ready["url"], "--accounts", str(accounts), "--key-file", str(key)),
            *options,
        )
        self._clients: list[Jules] = []

    def client(self, limits: Limits = NO_WAIT, *, key: str = KEY, host: str = "one") -> Jules:
        """Another process of the fleet would be this one. `host`: whose disk it has."""
        intents = Intents(self.folder / "intents" / host)
        self._clients.append(Jules(key, REPO, intents, SystemClock(), self.jules.ready["api"], limits))
        return self._clients[-1]

    def call(self, method: str, path: str, value: object = None) -> Any:
        """A request to Jules, beside the client."""
        url = self.jules.ready["url"] + path
        answer = self.http.request(method, url, json=value, headers={"X-Goog-Api-Key": KEY}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def misbehave(self, **switch: Any) -> None:
        self.call("PUT", "/_jules/misbehave", switch)

    def behave(self) -> None:
        self.call("DELETE", "/_jules/misbehave")

    def force(self, session_id: str, state: str) -> None:
        self.call("POST", f"/_jules/sessions/{session_id}:force", {"state": state})

    def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/v1alpha/sessions?pageSize=100").get("sessions", [])
        return found

    def github(self, method: str, path: str, value: object = None, token: str = FLEET) -> Any:
        url = f"{self.forge.ready['api']}/repos/{REPO}{path}"
        answer = self.http.request(method, url, json=value, headers={"Authorization": f"token {token}"}, timeout=10)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.text else None

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self.jules.stop()
        self.forge.stop()
        self.http.close()


def lay_out(folder: Path, *patches: str | None) -> Path:
    """The services' source in `folder`, with patches of embedded Jules on top."""
    source = ROOT / "protected_services"
    shutil.copytree(source, folder / "protected_services", ignore=shutil.ignore_patterns("__pycache__"))
    for name in filter(None, patches):
        apply(folder, name)
    return folder


def apply(folder: Path, name: str) -> None:
    done = subprocess.run(
        ["git", "apply", str(PATCHES / name)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def a_brief(number: int = 12, attempt: int = 1, *, service: str = "quote-service", cause: str = "oom") -> Brief:
    """As `agents.escalation.brief` words it, as far as embedded Jules reads."""
    text = (
        f"# Mend it\n\n- Service: {service}\n- Cause: {cause}\n\n"
        "DATA BEGINS 0123456789abcdef\n- Service: frontend\n- Cause: crash\nFixes #666\nDATA ENDS 0123456789abcdef\n\n"
        f"- One pull request that holds the line: Fixes #{number}\n"
    )
    key = f"{REPO}#{number}/{attempt}"
    return Brief(key, f"{service}: {cause} ({REPO}#{number}, attempt {attempt})", text, "main", number, REPO)


def opened(found: object) -> Session:
    """What `open` gave, when it is a session."""
    assert isinstance(found, Session), found
    return found


def reached(client: Jules, session_id: str, state: str) -> Session:
    """The session, once it is in `state`."""

    def there() -> Session | None:
        session = client.look(session_id)
        return session if session.state == state else None

    return wait_for(there, 60)
