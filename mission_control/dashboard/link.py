"""`dashboard`: where the dashboard is, and how the operator signs in."""

from __future__ import annotations

import json
import sys
from urllib.parse import quote

from mission_control.settings import Settings
from mission_control.world import record


def dashboard(settings: Settings, as_json: bool) -> int:
    """Print a link that signs the operator of the embedded world in, or where to sign in with a token of one's own.

    What stands after # in a link is sent to no server and into no log. Raises NotRunning.
    """
    state = settings.state_dir.resolve()
    running = record.read(state)
    if running.dashboard is None:
        sys.stderr.write("mission-control: no dashboard runs: it comes with the fleet, not with --no-fleet\n")
        return 1
    token = running.github["tokens"].get("operator")
    link = f"{running.dashboard}/#token={quote(token, safe='')}" if token else f"{running.dashboard}/"
    if as_json:
        sys.stdout.write(json.dumps({"url": f"{running.dashboard}/", "sign_in": link if token else None}) + "\n")
    elif token:
        sys.stdout.write(f"{link}\nIt signs you in as the operator of this embedded world: keep it to yourself.\n")
    else:
        sys.stdout.write(f"{link}\nTo approve or freeze there, sign in with a GitHub token of your own.\n")
    return 0
