"""One question to an OpenAI-compatible endpoint (OpenAI, Ollama, vLLM). Loaded in the model's process only."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Final

import httpx2
import openai
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.adapters.model.bounded import Late, Unfit, bound
from shared.adapters.model.wire import MAX_BODY, MAX_TEXT, Ask, Endpoint, Tokens, Told, Why

_FORMS: Final = ((True, "max_tokens"), (True, "max_completion_tokens"), (False, "max_tokens"))
"""How a question is put, best first: with a schema or without, and what the limit of tokens is called.

OpenAI's reasoning models refuse `max_tokens` with status 400 (github.com/openai/openai-python/issues/2046), other
servers do not know its successor; servers without structured output refuse `response_format`.
"""
_OBJECTS: Final = frozenset((400, 404, 415, 422, 501))
"""Statuses by which a server may object to the form of a question, so that another form is worth a try."""
_LEAST_S: Final = 0.3
"""Seconds that must be left for one more request."""


class _Called(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Called] | None = None
    function_call: _Called | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    prompt_tokens: Tokens
    completion_tokens: Tokens


class _Completion(BaseModel):
    """As much of a chat completion as is read (https://platform.openai.com/docs/api-reference/chat/object)."""

    model_config = ConfigDict(extra="ignore", strict=True)
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: Any = None


class ChatClient:
    """Asks one endpoint. Not thread-safe. Remembers which form of question the server took."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = endpoint.model
        self._form = 0
        self._deadline = 0.0
        self._http = openai.DefaultHttpxClient(
            follow_redirects=False,
            event_hooks={"response": [self._bound]},
            limits=httpx2.Limits(max_keepalive_connections=0),  # minutes pass between questions
        )
        self._openai = openai.OpenAI(
            api_key=endpoint.api_key.get_secret_value() or "none",  # servers without keys ignore it, the SDK does not
            base_url=endpoint.base_url,
            max_retries=0,
            http_client=self._http,
            default_headers={"accept-encoding": "identity"},
        )

    def ask(self, ask: Ask) -> Told:
        """Put the question, in a simpler form where the server objects to one. Never raises for what a server does."""
        self._deadline = time.monotonic() + ask.timeout_s
        told = Told(id=ask.id, why="late")
        for attempt in range(self._form, len(_FORMS)):
            left = self._deadline - time.monotonic()
            if left < _LEAST_S and told.requests:
                break
            told = self._once(ask, attempt, max(left, 0.05)).model_copy(update={"requests": told.requests + 1})
            if told.status not in _OBJECTS:
                if told.text is not None:
                    self._form = attempt
                break
        return told

    def close(self) -> None:
        self._openai.close()

    def _once(self, ask: Ask, form: int, left: float) -> Told:
        def failed(why: Why, status: int | None = None, retry_after: float | None = None) -> Told:
            return Told(id=ask.id, why=why, status=status, retry_after_s=retry_after)

        try:
            answer = self._openai.chat.completions.with_raw_response.create(
                model=self._model,
                messages=[{"role": "system", "content": ask.system}, {"role": "user", "content": ask.data}],
                timeout=left,
                **_options(ask, form),
            )
            body = answer.http_response.content
        except openai.APIStatusError as error:
            return failed("status", error.status_code, _seconds(error.response.headers.get("retry-after")))
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, Unfit, Late) as error:
            return failed(_why(error))
        if answer.http_response.status_code != 200:
            return failed("status", answer.http_response.status_code)
        told = _told(ask, body)
        return told.model_copy(update={"structured": _FORMS[form][0] and told.text is not None})

    def _bound(self, response: httpx2.Response) -> None:
        bound(response, MAX_BODY, self._deadline)


def _options(ask: Ask, form: int) -> dict[str, Any]:
    structured, limit = _FORMS[form]
    options: dict[str, Any] = {limit: ask.max_tokens}
    if structured:
        schema = {"name": "advice", "strict": True, "schema": ask.form}
        options["response_format"] = {"type": "json_schema", "json_schema": schema}
    return options


def _told(ask: Ask, body: bytes) -> Told:
    """What the body of a 200 says, believed in nothing."""
    try:
        completion = _Completion.model_validate(json.loads(body))
        (completion.choices[0].message.content or "").encode()  # a lone surrogate is no text
    except ValidationError:
        return Told(id=ask.id, why="not a completion")
    except (ValueError, RecursionError):  # both UnicodeErrors among them
        return Told(id=ask.id, why="not JSON")
    usage = _usage(completion.usage)
    choice = completion.choices[0]
    why: Why | None = None
    if choice.message.tool_calls or choice.message.function_call:
        why = "tools"
    elif choice.message.refusal or choice.finish_reason == "content_filter":
        why = "refused"
    elif choice.finish_reason == "length":
        why = "cut short"
    elif not choice.message.content:
        why = "not a completion"
    elif len(choice.message.content) > MAX_TEXT:
        why = "too long"
    text = choice.message.content if why is None else None
    return Told(id=ask.id, text=text, why=why, prompt_tokens=usage[0], completion_tokens=usage[1])


def _usage(value: Any) -> tuple[int | None, int | None]:
    """Prompt and completion tokens, where the server says them sensibly."""
    try:
        usage = _Usage.model_validate(value)
    except ValidationError:
        return None, None
    return usage.prompt_tokens, usage.completion_tokens


def _why(error: BaseException) -> Why:
    """Our word for a failure to be told anything."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, Unfit):
            return "too long"
        if isinstance(link, (Late, openai.APITimeoutError, httpx2.TimeoutException)):
            return "late"
        link = link.__cause__ or link.__context__
    return "unreachable"


def _seconds(text: str | None) -> float | None:
    """A Retry-After in seconds; a date, or nonsense, counts as not said."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 4 else None
