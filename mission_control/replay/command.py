"""`replay N` and `replay --case FILE`: read everything once, then make each decision again without a network."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mission_control.replay import BadCase
from mission_control.replay import bundle as bundles
from mission_control.replay.again import Given, cases_named, earlier_named, made_again
from mission_control.replay.bundle import Bundle, policy_in
from mission_control.replay.table import Result, document, lines
from mission_control.running import Target, target
from mission_control.settings import BadSettings, Settings
from mission_control.terminal.console import progress
from shared.adapters.case_files import FOLDER, CaseFiles
from shared.incident.facts import Ruled
from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring
from shared.policy.model import Policy
from shared.ports import Permanent


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for. One of `number` and `case` is given."""

    number: int | None = None
    case: Path | None = None
    policy: Path | None = None
    """None: the policy in force if it is known, else the one that the settings name."""
    cases: Path | None = None
    """Folder of frozen cases. None: Brain's own, in the state folder."""
    export: Path | None = None
    renew: bool = False
    """Accept what differs, in the case file."""
    as_json: bool = False


def replay_again(settings: Settings, wish: Wish) -> int:
    """0: the same; 1: something differs, or the log is not whole; 3: the same as far as it could be made again.

    Raises BadCase, GithubSaysNo, NotRunning or BadSettings.
    """
    case = _from_file(wish.case) if wish.case is not None else _from_github(settings, wish)
    given, about = _judged_with(settings, wish, case)
    if wish.case is not None:
        about = (f"case: {wish.case}, proved by the public keys that it holds itself", *about)
    incident, rows = made_again(given)
    if not incident.is_incident:
        raise BadCase(f"#{given.thread.number} is not an incident: no fact of the fleet stands there")
    result = Result(incident, rows, about, case.expected if wish.policy is None else ())
    result = replace(result, expected=result.found) if wish.renew else result
    result = replace(result, about=(*about, *_kept(wish, case, result)))
    if wish.as_json:
        sys.stdout.write(json.dumps(document(result), indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(result)))
    return result.code


def _kept(wish: Wish, case: Bundle, result: Result) -> Iterator[str]:
    """Write the files that are asked for, and say so. Raises BadSettings."""
    if wish.renew and wish.case is not None:
        _write(wish.case, bundles.write(replace(case, expected=result.expected)))
        yield f"{wish.case}: {len(result.expected)} differences accepted"
    if wish.export is not None:
        text = bundles.write(case)
        _write(wish.export, text)
        yield f"exported to {wish.export}: {len(text):,} bytes"


def _judged_with(settings: Settings, wish: Wish, case: Bundle) -> tuple[Given, tuple[str, ...]]:
    """What the decisions are made of, and in words which policy that is."""
    given = case.given
    if wish.policy is not None:
        text = _text(wish.policy, "--policy")
        return replace(given, policy=_parsed(text, _merging(text, given), wish.policy)), (f"policy: {wish.policy}",)
    if given.policy is not None:
        return given, (f"policy: {case.note}",)
    text = _text(settings.policy, "SRE_POLICY")
    policy = _parsed(text, settings.merge == "policy", settings.policy)
    return replace(given, policy=policy), (f"policy: {settings.policy}, for {case.note}",)


def _from_file(file: Path) -> Bundle:
    return bundles.read(_text(file, "--case"))


def _from_github(settings: Settings, wish: Wish) -> Bundle:
    """All that is to be read: the thread, the incidents that Memory counted, the frozen cases, the policy."""
    at, number = target(settings), wish.number
    if number is None:
        raise BadSettings(("replay needs the number of an issue, or --case FILE",))
    keyring = _keyring(at)
    with progress("reading logs") as tell:
        thread = at.repository.thread(number)
        incident = replay(thread, keyring)
        earlier = {}
        for done, n in enumerate(others := earlier_named(incident), 1):
            tell(done, len(others) + 1)
            earlier[n] = at.repository.thread(n)
    shelf = CaseFiles(wish.cases or settings.state_dir / FOLDER)
    given = Given(
        thread=thread,
        keyring=keyring,
        policy=None,
        earlier=earlier,
        frozen=_frozen(shelf, incident),
        window=settings.recurrence_window,
    )
    return _with_policy(settings, given)


def _frozen(shelf: CaseFiles, incident: Incident) -> dict[str, bytes]:
    """The cases that are here. One that was changed is taken as it is: that it is not what was judged shows later."""
    found = {}
    for name in cases_named(incident):
        try:
            text = shelf.read(name)
        except Permanent:
            text = b""
        if text is not None:
            found[name] = text
    return found


def _with_policy(settings: Settings, given: Given) -> Bundle:
    """The policy that the settings name, if it is the one that the rulings were made by."""
    text = _text(settings.policy, "SRE_POLICY")
    told = _rulings(given)
    merging = _merging(text, given)
    policy = _parsed(text, merging, settings.policy)
    if not told:
        note = "no ruling says which policy was in force; this is the present one"
    elif told == {policy.digest}:
        note = f"the one in force ({policy.digest[:12]})"
    else:
        other = ", ".join(sorted(name[:12] for name in told - {policy.digest}))
        return Bundle(given, None, False, f"the one in force ({other}) is not here")
    return Bundle(replace(given, policy=policy), text, merging, note)


def _rulings(given: Given) -> set[str]:
    return {fact.policy_sha256 for fact in replay(given.thread, given.keyring).all(Ruled)}


def _merging(text: str, given: Given) -> bool:
    """Whether the policy in `text` is the one of the log's rulings with merges let in, or else with each a person's."""
    try:
        return policy_in(text, merging=False).digest not in _rulings(given)
    except ValueError:
        return True  # what is wrong with it is said where it is read


def _parsed(text: str, merging: bool, file: Path) -> Policy:
    try:
        return policy_in(text, merging)
    except ValueError as error:
        raise BadSettings(tuple(f"{file}: {line}" for line in str(error).splitlines())) from error


def _text(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadSettings((f"{what}: {file}: {error}",)) from error


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadSettings((f"{file}: {error}",)) from error


def _keyring(at: Target) -> Keyring:
    try:
        return at.keyring()
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING {error}",)) from error
