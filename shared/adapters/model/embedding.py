"""Vectors from an OpenAI-compatible endpoint (OpenAI, Ollama, vLLM, TEI). Fulfils `shared.knowledge.Embedder`.

Loading it costs 50 MB for the openai SDK: only where such an endpoint is configured.
API: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import urlsplit

import httpx2
import numpy as np
import openai
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.adapters.model.bounded import Late, Unfit, bound
from shared.knowledge import Vector
from shared.ports import Permanent, Transient

BATCH: Final = 32
"""Texts of one request: with 4,096 numbers each an answer stays below MAX_BODY."""
MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes of one answer; what is longer is refused unread."""
MAX_TEXT: Final = 6_000
"""Characters that are sent of one text: models read some thousand tokens at most, and many refuse more."""
MAX_DIMENSIONS: Final = 8_192
NOTHING: Final = "-"
"""Sent for a text without characters, which servers refuse."""
_LATER: Final = frozenset((408, 409, 425, 429))
"""Statuses below 500 after which the same request may be answered."""


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    embedding: Annotated[list[float], Field(min_length=1, max_length=MAX_DIMENSIONS)]
    index: int | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    data: list[_Item]


class EndpointEmbedder:
    """Asks one endpoint, one request at a time; nothing is tried twice, and redirects are not followed."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: SecretStr | None = None,
        dimensions: int | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """`base_url` with its version (`…/v1`). `dimensions`: what a vector must have; None takes what comes first, and
        then nothing else. `timeout_s` is for one request of up to BATCH texts. Raises ValueError for a URL that has no
        host."""
        parted = urlsplit(base_url)
        if parted.scheme not in {"http", "https"} or not parted.hostname:
            raise ValueError("the embedding endpoint needs an http or https URL with a host")
        self._host = parted.hostname if parted.port is None else f"{parted.hostname}:{parted.port}"
        self._model = model
        self._timeout_s = timeout_s
        self._dimensions = dimensions
        self._named = dimensions
        self._deadline = 0.0
        self._one_at_a_time = threading.Lock()
        self._openai = openai.OpenAI(
            api_key=(api_key.get_secret_value() if api_key else "") or "none",  # the SDK wants one, servers may not
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, trust_env=False, event_hooks={"response": [self._bound]}
            ),
            default_headers={"accept-encoding": "identity"},
        )
        self._openai.organization = self._openai.project = None  # the environment is read in settings only

    @property
    def name(self) -> str:
        """Model, host, and the length of vectors where it was given."""
        return f"{self._model}@{self._host}" + (f"-{self._named}" if self._named else "")

    def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One vector a text, in order, of length 1. Raises Transient (no answer, 429, 5xx), Permanent (refused, or an
        answer that is no embedding of these texts). Nothing that the server says gets into an exception."""
        sent = [_sendable(text) for text in texts]
        made: list[Vector] = []
        with self._one_at_a_time:
            for start in range(0, len(sent), BATCH):
                made += self._batch(sent[start : start + BATCH])
        return tuple(made)

    def probe(self) -> int:
        """How long its vectors are, asked with one word. Raises as `embed`."""
        return len(self.embed(["incident"])[0])

    def close(self) -> None:
        self._openai.close()

    def _batch(self, texts: list[str]) -> list[Vector]:
        rows = _rows(self._ask(texts))
        if rows is None or len(rows) != len(texts):
            raise Permanent(f"{self._told} does not answer with one embedding a text")
        lengths = {len(row) for row in rows}
        if len(lengths) != 1:
            raise Permanent(f"{self._told} answers with vectors of different lengths")
        length = lengths.pop()
        if self._dimensions not in {None, length}:
            raise Permanent(f"{self._told} answers with {length} numbers a vector instead of {self._dimensions}")
        vectors = [_unit(np.array(row, dtype=np.float64)) for row in rows]
        if any(vector is None for vector in vectors):
            raise Permanent(f"{self._told} answers with a vector that has no direction")
        self._dimensions = length
        return [vector for vector in vectors if vector is not None]

    def _ask(self, texts: list[str]) -> bytes:
        self._deadline = time.monotonic() + self._timeout_s
        try:
            answer = self._openai.embeddings.with_raw_response.create(
                model=self._model, input=texts, encoding_format="float", timeout=self._timeout_s
            )
            body = answer.http_response.content
        except openai.APIStatusError as error:
            raise self._refused(error.status_code, error.response.headers.get("retry-after")) from None
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, Unfit, Late) as error:
            if _by(error, Unfit):
                raise Permanent(f"{self._told} answers with more than can be read") from None
            late = _by(error, Late) or _by(error, openai.APITimeoutError) or _by(error, httpx2.TimeoutException)
            raise Transient(f"{self._told} {'is late' if late else 'cannot be reached'}") from None
        if answer.http_response.status_code != 200:
            raise self._refused(answer.http_response.status_code, None)
        return body

    def _refused(self, status: int, retry_after: str | None) -> Transient | Permanent:
        said = f"{self._told} answers with status {status}"
        if status >= 500 or status in _LATER:
            return Transient(said, _seconds(retry_after))
        return Permanent(said)

    def _bound(self, response: httpx2.Response) -> None:
        bound(response, MAX_BODY, self._deadline)

    @property
    def _told(self) -> str:
        return f"the embedding endpoint at {self._host}"


def _sendable(text: str) -> str:
    """`text` cut, without lone surrogates, and never empty."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode().strip() or NOTHING


def _rows(body: bytes) -> list[list[float]] | None:
    """The vectors in the order of the texts, believed in nothing; None where the body has none."""
    try:
        items = _Answer.model_validate(json.loads(body)).data
    except (ValueError, RecursionError, OverflowError):  # ValidationError and UnicodeErrors among them
        return None
    if all(item.index is None for item in items):
        return [item.embedding for item in items]
    by_index = {item.index: item.embedding for item in items}
    if sorted(i for i in by_index if i is not None) != list(range(len(items))):
        return None
    return [by_index[n] for n in range(len(items))]


def _unit(row: NDArray[np.float64]) -> Vector | None:
    """`row` with length 1; None for zeros and for what is not finite."""
    largest = float(np.max(np.abs(row)))
    if not np.isfinite(largest) or largest == 0.0:
        return None
    scaled = row / largest  # so that no square overflows
    return tuple((scaled / np.linalg.norm(scaled)).tolist())


def _by(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether `error` is of `kind`, or was caused by one."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, kind):
        link = link.__cause__ or link.__context__
    return link is not None


def _seconds(text: str | None) -> float | None:
    """A Retry-After in seconds; a date, or nonsense, counts as not said."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 4 else None
