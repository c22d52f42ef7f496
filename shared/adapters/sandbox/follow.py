"""Listening to a sandbox while a job runs, and judging from what was heard how the job ended."""

from __future__ import annotations

import base64
import binascii
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, StrictInt, ValidationError

from shared.ports import Ended, Limits, Outcome, Permanent, Transient

SETUP_S: Final = 60.0
"""How long a sandbox may take until the job starts."""
READ_BYTES: Final = 65536
READY: Final = b'{"ready": true}\n'
"""The keeper's first line, if it lets the job start."""

Receive = Callable[[float], tuple[Literal[1, 2], bytes] | None]
"""Waits so many seconds for bytes of stdout (1) or stderr (2). None when both have ended. Raises TimeoutError."""


class Report(BaseModel):
    """The keeper's last line. A job that tampers with its keeper can write one too: nothing in it is believed further
    than the job itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exit_code: StrictInt | None
    signal: StrictInt | None
    changed: dict[str, str | None]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Heard:
    """All that came out of a sandbox. `cut`: why it was not listened to until the end."""

    output: bytes
    control: bytes
    cut: Literal["timeout", "output", "setup"] | None
    took_s: float


def follow(receive: Receive, limits: Limits) -> Heard:
    """Listen until the end or a limit. Whoever calls this then ends what still runs."""
    output, control = bytearray(), bytearray()
    most = limits.changed_bytes * 2 + 2**20
    began = time.monotonic()
    deadline, ready = began + SETUP_S, False
    cut: Literal["timeout", "output", "setup"] | None = None
    while cut is None:
        try:
            heard = receive(max(deadline - time.monotonic(), 0.0))
        except TimeoutError:
            cut = "timeout" if ready else "setup"
            break
        if heard is None:
            break
        (output if heard[0] == 1 else control).extend(heard[1])
        if not ready and READY in control:
            began, ready = time.monotonic(), True
            deadline = began + limits.wall_s
        if len(output) > limits.output_bytes or len(control) > most:
            cut = "output"
        elif time.monotonic() >= deadline:
            cut = "timeout" if ready else "setup"
    return Heard(bytes(output[: limits.output_bytes]), bytes(control), cut, time.monotonic() - began)


def judge(heard: Heard, out_of_memory: bool, strength: str) -> Outcome:
    """What came of the job. Raises Permanent when the sandbox could not be made, Transient when it took too long."""
    _, ready, rest = heard.control.partition(READY)
    if not ready:
        if heard.cut == "setup":
            raise Transient(f"the sandbox did not start within {SETUP_S:.0f} s")
        raise Permanent(f"the sandbox cannot be made: {_why(heard.control)}")
    ended: Ended
    report = None
    if heard.cut is not None:
        ended = "output" if heard.cut == "output" else "timeout"
    elif out_of_memory:
        ended = "memory"
    elif (report := _report(rest)) is None:
        ended = "lost"
    else:
        ended = "cpu" if report.signal == signal.SIGXCPU else "exited"
    text = heard.output.decode(errors="replace")
    if report is None or ended != "exited":
        return Outcome(None, ended, text, heard.took_s, strength)
    code = report.exit_code if report.signal is None else 128 + report.signal
    changed, left_out = _changed(report)
    return Outcome(code, ended, text, heard.took_s, strength, changed, left_out)


def _why(control: bytes) -> str:
    """A refusal of the keeper's, or the last words of whatever could not start it."""
    text = control.decode(errors="replace").strip()
    try:
        return str(json.loads(text)["refused"])
    except (ValueError, KeyError, TypeError):
        return text[-500:] or "it ended without a word"


def _report(line: bytes) -> Report | None:
    try:
        report = Report.model_validate_json(line)
    except ValidationError:
        return None
    return report if (report.exit_code is None) != (report.signal is None) else None


def _changed(report: Report) -> tuple[dict[str, bytes | None], tuple[str, ...]]:
    """What is no plain path below the tree, or not told in base64, is left out."""
    changed: dict[str, bytes | None] = {}
    left_out = [name.encode(errors="replace").decode() for name in report.left_out]
    for name, told in report.changed.items():
        path = PurePosixPath(name)
        try:
            name.encode()
            if path.is_absolute() or ".." in path.parts or str(path) != name or name == "." or "\0" in name:
                raise ValueError(name)
            changed[name] = None if told is None else base64.b64decode(told, validate=True)
        except (ValueError, binascii.Error):
            left_out.append(name.encode(errors="replace").decode())
    return changed, tuple(left_out)
