"""Frozen cases on disk: one compressed file each, named by the SHA-256 of its text, the newest ones only."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from shared.ports import Permanent

_log = structlog.get_logger()
FOLDER: Final = "cases"
"""In Brain's state folder."""
MOST_FILES: Final = 500
MOST_BYTES: Final = 256 << 20
"""Of all files together, compressed."""
MOST_TEXT: Final = 32 << 20
"""Bytes of one text."""
LEVEL: Final = 3
"""Of gzip: about 10 ms for the 2 MB of a large case."""
END: Final = ".json.gz"
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class CaseFiles:
    """Fulfils `agents.brain.frozen.Cases`. Thread-safe: names are content, and files appear whole."""

    def __init__(self, folder: Path, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_files, self._most_bytes = most_files, most_bytes

    def keep(self, sha256: str, text: bytes) -> bool:
        """Keep `text`, and no more than the newest of all. False, and a line in the log, when that fails."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._file(sha256), gzip.compress(text, LEVEL, mtime=0))
            for old in self._too_many():
                old.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            _log.warning("the case is not kept", case=sha256, why=str(error))
            return False
        return True

    def read(self, sha256: str) -> bytes | None:
        """The text whose SHA-256 this is; None where there is none. Raises Permanent where it is not that text."""
        file = self._file(sha256)
        try:
            with gzip.open(file) as packed:
                text = packed.read(MOST_TEXT + 1)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, zlib.error) as error:
            raise Permanent(f"{file}: cannot be read: {error}") from error
        if hashlib.sha256(text).hexdigest() != sha256:
            raise Permanent(f"{file}: this is not the text that was judged")
        return text

    def _file(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise ValueError("not a SHA-256")
        return self._folder / f"{sha256}{END}"

    def _write(self, file: Path, packed: bytes) -> None:
        """Whole or not at all; mode 0600. Not synced: a case lost with the power is a case that is not here."""
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(packed)
            temporary.replace(file)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def _too_many(self) -> Iterator[Path]:
        """The oldest files beyond what is kept, the newest one never."""
        found = []
        for file in self._folder.glob(f"*{END}"):
            try:
                told = file.stat()
            except FileNotFoundError:  # another process was faster
                continue
            found.append((told.st_mtime_ns, told.st_size, file))
        size = 0
        for n, (_, bytes_, file) in enumerate(sorted(found, reverse=True), 1):
            size += bytes_
            if n > 1 and (n > self._most_files or size > self._most_bytes):
                yield file
