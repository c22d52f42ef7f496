"""What a person reads of a pull request that was verified."""

from __future__ import annotations

from mission_control.workflows.verify_pull import Verdict, table
from shared.incident.parts import Predicate
from shared.proof import Proof
from shared.source import Pull

PULL = Pull(7, "x", "Keep fewer \x1b[31m", "Fixes #3", "jules", "b", "a" * 40, "b" * 40, open=True)


def test_the_table_says_of_each_check_whether_it_holds_fails_or_claims_nothing() -> None:
    said = (("head-is-green", True, "refused purchases"), ("tests", None, "there are none"), ("sound", False, "no"))
    checks = tuple(Predicate(name=name, ok=ok, detail=detail) for name, ok, detail in said)
    assert table(Verdict(PULL, 3, Proof("refuted", checks))).splitlines() == [
        "pull request 7 at bbbbbbbbbb for incident 3: Keep fewer ?[31m",
        "  yes  head-is-green      refused purchases",
        "   -   tests              there are none",
        "  NO   sound              no",
        "REFUTED",
    ]
