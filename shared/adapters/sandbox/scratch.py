"""Folders that live as long as one job: removed in the end, and after their owner's crash when the next one looks."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.ports import Transient

PREFIX: Final = "sre-space-job-"


class Scratch:
    """Folders below `base`, which is made when first needed and is for its owner alone. Thread- and process-safe.

    Whether an owner lives says the kernel: it holds a lock on a file in its folder. Raises Transient where none can be
    made: the disk is full, or nobody gave this process a place to write to.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder. Its path's last part but one, `NAME` of `BASE/NAME/stage`, is free on this host."""
        with self._alone(), _failures():
            home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._base))
            held = os.open(home / "held", os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600)
            fcntl.flock(held, fcntl.LOCK_EX)
        try:
            (home / "stage").mkdir()
            yield home / "stage"
        finally:
            with self._alone():
                shutil.rmtree(home)
                os.close(held)

    def sweep(self) -> tuple[str, ...]:
        """Remove the folders of dead owners; their names."""
        swept = []
        with self._alone():
            for home in sorted(self._base.glob(PREFIX + "*")):
                held = os.open(home / "held", os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(home)
                    swept.append(home.name)
                except BlockingIOError:
                    continue
                finally:
                    os.close(held)
        return tuple(swept)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _failures():
            self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._base / "lock", os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Transient(f"no folder for sandboxes: {error}") from error
