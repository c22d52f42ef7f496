"""What the repository's own tests add to a proof: nothing that passed before a change may fail after it. Pure.

Tests say by name what passed and what failed, in the last line of their output: {"passed": [...], "failed": [...],
"why": "of the first that failed"}. Without names their exit status counts alone.
"""

from __future__ import annotations

from typing import Any, Final

from shared.incident.evidence import one_line
from shared.incident.parts import Predicate
from shared.proof import TESTS, Verdict
from shared.runtime.programs import Said

NAME: Final = "tests"
MOST_NAMED: Final = 3
"""Failed tests that a check names."""


def absent() -> Predicate:
    """Nothing is claimed of a repository that has no tests."""
    return Predicate(name=NAME, ok=None, detail=f"there are none: {TESTS} is not in the repository")


def held(head: Said, base: Said | None, strength: str) -> tuple[Predicate, Verdict]:
    """The check, and the best verdict that it leaves. `base`: what they said of the base; needed where they fail."""
    if head.well is None:
        return _check(False, f"it cannot be told whether they pass: {head.detail}", head, strength), "unverified"
    if head.well:
        return _check(True, _counted(head), head, strength), "proved"
    if base is None or base.well is None:
        before = "was not asked" if base is None else f"cannot be told: {base.detail}"
        return _check(False, f"{_failures(head)}; of the base it {before}", head, strength), "unverified"
    failed, passed = _names(head, "failed"), _names(base, "passed")
    broken = [name for name in failed if name in passed]
    if base.well:
        return _check(False, f"{_failures(head)}; on the base all pass", head, strength), "refuted"
    if broken:
        text = f"{_listed(broken)} {'fails' if len(broken) == 1 else 'fail'}, and not on the base{_why(head)}"
        return _check(False, text, head, strength), "refuted"
    return _check(None, f"{_failures(head)}; on the base too, so it is not held against this", head, strength), "proved"


def unsteady(head: Said, strength: str) -> tuple[Predicate, Verdict]:
    """Of tests that failed once (`head`), and not when they were run again."""
    return _check(False, f"{_failures(head)}; not so when they were run again", head, strength), "unverified"


def _check(ok: bool | None, text: str, head: Said, strength: str) -> Predicate:
    return Predicate(name=NAME, ok=ok, detail=one_line(f"{one_line(text, 250)} ({head.took_s:.1f} s, {strength})"))


def _counted(head: Said) -> str:
    count = len(_names(head, "passed"))
    return f"{count} pass" if count else f"they pass: {head.detail}"


def _failures(head: Said) -> str:
    failed, passed = _names(head, "failed"), _names(head, "passed")
    if not failed:
        return f"they fail: {head.detail}"
    return f"{len(failed)} of {len(failed) + len(passed)} fail: {_listed(failed)}{_why(head)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name[:60] for name in names[:MOST_NAMED]) + more


def _why(head: Said) -> str:
    why: Any = head.figures.get("why")
    return f" ({why[:80]})" if isinstance(why, str) and why else ""


def _names(said: Said, which: str) -> list[str]:
    named: Any = said.figures.get(which)
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
