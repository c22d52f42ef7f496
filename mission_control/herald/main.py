"""The herald's process: its lists on GitHub, the stream it publishes to, and its webhook where one is configured."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable

import requests

from mission_control.herald.changes import Hint
from mission_control.herald.conditional import ConditionalList
from mission_control.herald.herald import Herald
from mission_control.herald.webhook import Webhook
from mission_control.settings import BadSettings, Settings
from shared.adapters.kafka import Stream
from shared.incident.labels import INCIDENT
from shared.incident.signing import parse_keyring
from shared.ports import Permanent
from shared.runtime.clock import SystemClock

log = logging.getLogger("mission_control.herald")


def run_herald(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; 0 after that, 1 when GitHub refuses. Raises BadSettings."""
    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    stopping = threading.Event()
    if settings.kafka is None:
        log.warning("KAFKA_BOOTSTRAP_SERVERS is not set: nobody can be woken, the workers poll")
        _on_signals(stopping.set)
        stopping.wait()
        return 0
    stream = Stream(settings.kafka, "herald")
    herald = _herald(settings, stream)
    _on_signals(herald.stop)
    webhook = _webhook(settings, herald)
    try:
        herald.run(settings.herald_every)
    except Permanent as no:
        log.error("%s", no)
        return 1
    finally:
        if webhook:
            webhook.close()
        stream.close(2.0)
    return 0


def _herald(settings: Settings, stream: Stream) -> Herald:
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings(("GITHUB_PERSONAL_ACCESS_TOKEN must be set",))
    session = requests.Session()
    session.headers["Authorization"] = f"token {settings.github_token.get_secret_value()}"
    session.headers["Accept"] = "application/vnd.github+json"
    session.headers["X-GitHub-Api-Version"] = "2022-11-28"
    base = f"{settings.github_api_url}/repos/{settings.github_repository}"
    newest_first = {"sort": "updated", "direction": "desc"}
    return Herald(
        settings.github_repository,
        ConditionalList(session, f"{base}/issues/events", {}),
        ConditionalList(session, f"{base}/issues/comments", newest_first),
        ConditionalList(session, f"{base}/issues", {"labels": INCIDENT, "state": "open"}),
        publisher=stream,
        clock=SystemClock(),
        fleet=parse_keyring(settings.keys_file.read_text(encoding="utf-8")).accounts,
    )


def _webhook(settings: Settings, herald: Herald) -> Webhook | None:
    if settings.webhook_port is None or settings.webhook_secret is None:
        return None

    def on_hint(hint: Hint) -> None:
        herald.announce([hint])
        herald.nudge()

    webhook = Webhook(settings.webhook_port, settings.webhook_secret.get_secret_value(), on_hint)
    log.info("webhooks are taken at http://127.0.0.1:%d/", webhook.port)
    return webhook


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
