"""A sandbox made by a Docker engine: for each job a volume and a container of its own, both removed in the end.

Everything goes through the engine's API, so the engine may be on another machine or this process in a container itself.
Engine API 1.41, https://docs.docker.com/reference/api/engine/version/v1.41/.
"""

from __future__ import annotations

import socket
import ssl
import struct
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any, Final, Literal, cast

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig, Mount, Ulimit
from urllib3.exceptions import HTTPError

from shared.adapters.sandbox.follow import READ_BYTES, follow, judge
from shared.adapters.sandbox.scratch import Scratch
from shared.adapters.sandbox.stage import START, rlimits, stage
from shared.ports import Job, Outcome, Permanent, Strength, Transient

TIMEOUT_S: Final = 60
LABEL: Final = "sre-space.sandbox"
"""On every container and volume of a job; its value is when it may be swept, in seconds since 1970."""
SPARE_S: Final = 600
"""So long after its limits a job's container is nobody's any more: for setting up, and clocks that differ."""
NOBODY: Final = "65534:65534"
SHM_MB: Final = 16


class DockerSandbox:
    """Fulfils `shared.ports.Sandbox`. `image` must have a `python3` (3.8 or later) on its PATH; nothing is pulled.

    `scratch`: a folder of this user's, where a job is put together before it is sent.
    """

    def __init__(self, address: str, image: str, scratch: Path) -> None:
        self._address = address
        self._image = image
        self._scratch = Scratch(scratch)
        self._clients = local()

    @cached_property
    def strength(self) -> Strength:
        """Asked for once; raises Transient when the engine does not answer."""
        with _failures():
            info = self._api.info()
        options = " ".join(info.get("SecurityOptions") or ())
        filters = [kind for kind in ("seccomp", "apparmor", "selinux") if kind in options]
        missing = [what for key, what in (("MemoryLimit", "memory"), ("PidsLimit", "processes")) if not info.get(key)]
        line = (
            f"Docker {info.get('ServerVersion')}: a fresh container of {self._image}, without network and capabilities"
        )
        line += f", with {' and '.join(filters)}" if filters else ", without seccomp or another filter of system calls"
        if missing:
            line += f"; this engine does not limit {' and '.join(missing)}"
        return Strength("container", line)

    def run(self, job: Job) -> Outcome:
        """Raises Permanent when the engine has no such image or refuses, Transient when it does not answer."""
        word = self.strength.word
        api = self._api
        labels = {LABEL: str(round(time.time() + job.limits.wall_s + SPARE_S))}
        with self._scratch.folder() as folder, _failures(), ExitStack() as stack:
            stage(job, folder, rlimits(job))
            volume = stack.enter_context(_volume(api, labels))
            self._fill(volume, folder, labels)
            container = stack.enter_context(_container(api, self._wanted(job, volume, labels)))
            stream = _Stream(api.attach_socket(container, params={"stdout": 1, "stderr": 1, "stream": 1}))
            try:
                api.start(container)
                heard = follow(stream.receive, job.limits)
            finally:
                stream.close()  # as long as somebody listens who does not read, the engine ends nothing
            if heard.cut is not None:
                _kill(api, container)
            api.wait(container, timeout=TIMEOUT_S)
            state = api.inspect_container(container)["State"]
        return judge(heard, bool(state["OOMKilled"]), word)

    def sweep(self) -> int:
        """Remove what dead callers have left, here and on the engine; how many things there. Raises Transient."""
        self._scratch.sweep()
        swept = 0
        with _failures():
            for row in self._api.containers(all=True, filters={"label": LABEL}):
                if _overdue(row["Labels"]):
                    _remove(self._api, row["Id"])
                    swept += 1
            for row in self._api.volumes(filters={"label": LABEL})["Volumes"] or ():
                if _overdue(row["Labels"]):
                    self._api.remove_volume(row["Name"], force=True)
                    swept += 1
        return swept

    def close(self) -> None:
        """Of the calling thread's connection."""
        if hasattr(self._clients, "api"):
            self._clients.api.close()
            del self._clients.api

    @property
    def _api(self) -> docker.APIClient:
        """Of this thread: a session is not for two. Raises the SDK's exceptions."""
        if not hasattr(self._clients, "api"):
            self._clients.api = docker.APIClient(base_url=self._address, version="auto", timeout=TIMEOUT_S)
        return cast(docker.APIClient, self._clients.api)

    def _fill(self, volume: str, folder: Path, labels: dict[str, str]) -> None:
        """Put the folder into the volume, through a container that is never started: a read-only one takes nothing."""
        mount = Mount("/sandbox", volume, type="volume", no_copy=True)
        host = self._api.create_host_config(mounts=[mount], network_mode="none")
        wanted = {"image": self._image, "command": ["true"], "labels": labels, "host_config": host}
        with _container(self._api, wanted) as carrier, tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for path in sorted(folder.iterdir()):
                    tar.add(path, path.name, filter=_owned_by_root)
            file.seek(0)
            self._api.put_archive(carrier, "/sandbox", cast(bytes, file))

    def _wanted(self, job: Job, volume: str, labels: dict[str, str]) -> dict[str, Any]:
        limits = job.limits
        room = f"rw,exec,nosuid,nodev,size={limits.disk_mb}m,uid=65534,gid=65534"
        tmpfs = {"/tmp": f"{room},mode=1777"} | ({"/sandbox/tree": f"{room},mode=0755"} if job.writable else {})  # noqa: S108
        host = self._api.create_host_config(
            network_mode="none",
            read_only=True,
            mounts=[Mount("/sandbox", volume, type="volume", read_only=True, no_copy=True)],
            tmpfs=tmpfs,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=limits.pids,
            mem_limit=f"{limits.memory_mb}m",
            memswap_limit=f"{limits.memory_mb}m",
            nano_cpus=10**9,
            shm_size=f"{SHM_MB}m",
            ipc_mode="private",
            oom_score_adj=500,
            ulimits=[Ulimit(name=n.lower(), soft=v, hard=v + (n == "CPU")) for n, v in rlimits(job).items()],
            log_config=LogConfig(type="none"),
            init=False,
        )
        return {
            "image": self._image, "entrypoint": list(START), "command": [], "user": NOBODY, "working_dir": "/",
            "hostname": "sandbox", "network_disabled": True, "labels": labels, "host_config": host,
            "healthcheck": {"test": ["NONE"]},
        }  # fmt: skip


class _Stream:
    """What a container writes, out of the frames in which the engine wraps it: kind, three zeros, length, bytes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._socket: socket.socket | ssl.SSLSocket = getattr(stream, "_sock", stream)
        self._held = b""
        self._kind: Literal[1, 2] = 1
        self._left = 0

    def receive(self, patience_s: float) -> tuple[Literal[1, 2], bytes] | None:
        """Fulfils `follow.Receive`."""
        deadline = time.monotonic() + patience_s
        while True:
            if self._left and self._held:
                data, self._held = self._held[: self._left], self._held[self._left :]
                self._left -= len(data)
                return self._kind, data
            if not self._left and len(self._held) >= 8:
                kind, self._left = struct.unpack(">BxxxI", self._held[:8])
                self._kind, self._held = 2 if kind == 2 else 1, self._held[8:]
                continue
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(READ_BYTES)
            except ConnectionError:
                return None
            if not data:
                return None
            self._held += data

    def close(self) -> None:
        """Hang up. The SDK's stream, its response and the socket below each keep the connection open."""
        if response := getattr(self._stream, "_response", None):
            response.close()
        self._stream.close()
        self._socket.close()


@contextmanager
def _volume(api: docker.APIClient, labels: dict[str, str]) -> Iterator[str]:
    name: str = api.create_volume(labels=labels)["Name"]
    try:
        yield name
    finally:
        api.remove_volume(name, force=True)


@contextmanager
def _container(api: docker.APIClient, wanted: dict[str, Any]) -> Iterator[str]:
    identity: str = api.create_container(**wanted)["Id"]
    try:
        yield identity
    finally:
        _remove(api, identity)


def _remove(api: docker.APIClient, container: str) -> None:
    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        return


def _kill(api: docker.APIClient, container: str) -> None:
    """Process 1, and with it all others. One that has just ended is fine."""
    try:
        api.kill(container)
    except APIError as error:
        if error.status_code not in (404, 409):
            raise


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _overdue(labels: dict[str, str] | None) -> bool:
    told = (labels or {}).get(LABEL, "")
    return told.isdigit() and int(told) < time.time()


@contextmanager
def _failures() -> Iterator[None]:
    """The SDK's exceptions as ours: what the engine refuses is Permanent, all else Transient."""
    try:
        yield
    except ImageNotFound as error:
        raise Permanent(f"the sandbox's image is not there: {error.explanation or error}") from error
    except APIError as error:
        kind = Permanent if error.is_client_error() and error.status_code not in (409, 429) else Transient
        raise kind(f"the engine refuses a sandbox: {error.explanation or error}") from error
    except (DockerException, requests.RequestException, HTTPError, OSError) as error:
        raise Transient(f"the engine does not answer: {error}") from error
