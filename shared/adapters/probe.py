"""One health request over HTTP. Fulfils `shared.ports.Probe`."""

from __future__ import annotations

import threading

import requests


class HttpProbe:
    """Thread-safe: one session a thread, nothing read from the environment, redirects not followed."""

    def __init__(self) -> None:
        self._local = threading.local()

    def healthy(self, url: str, timeout: float) -> tuple[bool, str]:
        """Whether `url` answered 2xx within `timeout` seconds, and its status or the reason why not."""
        try:
            with self._session().get(url, timeout=timeout, allow_redirects=False, stream=True) as answer:
                return 200 <= answer.status_code < 300, f"HTTP {answer.status_code}"
        except requests.Timeout:
            return False, f"no answer within {timeout:g} s"
        except requests.ConnectionError as error:
            return False, f"cannot connect: {type(error.args[0]).__name__ if error.args else 'no reason'}"
        except requests.RequestException as error:
            return False, f"not HTTP: {type(error).__name__}"

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            self._local.session = session
        return session
