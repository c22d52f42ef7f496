"""Grants in deploy/policy.yaml: which have been earned, and the file with one more. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, get_args

from shared.incident.situation import Standing
from shared.policy.model import Grant, Policy, parse_policy
from shared.recall.trust import Rung

POLICY: Final = "deploy/policy.yaml"
TABLE: Final = "deploy/README.md"
_EMPTY: Final = re.compile(r"^grants: *\[ *\] *(#.*)?$", re.MULTILINE)
_KEY: Final = re.compile(r"^grants: *(#.*)?$", re.MULTILINE)
_ITEM: Final = re.compile(r"\n(?: *- .*| *#.*| *)(?=\n)")
_TABLE: Final = re.compile(r"(<!-- sre-space:trust -->\n).*?(<!-- /sre-space:trust -->)", re.DOTALL)
_GRANTABLE: Final = get_args(Grant.model_fields["verb"].annotation)


class CannotEdit(Exception):
    """The policy is not written in a way that a grant can be added to without touching anything else."""


def earned(policy: Policy, known: Mapping[Rung, Standing]) -> tuple[Rung, ...]:
    """What still waits for a person each time, and has helped often enough in a row with a person's approval."""
    least = policy.trust.promote_after
    return tuple(
        rung
        for rung, stands in known.items()
        if stands.approved >= least
        and rung.verb in _GRANTABLE
        and policy.lists(rung.service, rung.verb)
        and policy.asks(rung.service, rung.cause, rung.verb)
    )


def granted(text: str, rung: Rung) -> str:
    """The policy's text with one more grant, and nothing else changed in meaning. Raises CannotEdit, ValueError."""
    line = f"{{service: {rung.service}, cause: {rung.cause}, verb: {rung.verb}}}"
    if found := _EMPTY.search(text):
        after = f"{text[: found.start()]}grants:\n  - {line}{text[found.end() :]}"
    elif found := _KEY.search(text):
        end = found.end()
        while item := _ITEM.match(text, end):
            if "-" not in item[0] or item[0].lstrip().startswith("#"):
                break
            end = item.end()
        after = f"{text[:end]}\n  - {line}{text[end:]}"
    else:
        after = f"{text.rstrip()}\n\ngrants:\n  - {line}\n"
    before = parse_policy(text)
    grant = Grant.model_validate({"service": rung.service, "cause": rung.cause, "verb": rung.verb})
    try:
        same = parse_policy(after) == before.model_copy(update={"grants": (*before.grants, grant)})
    except ValueError as error:
        raise CannotEdit(str(error)) from error
    if not same:
        raise CannotEdit("the grants are not written as a list of one line each")
    return after


def table(known: Mapping[Rung, Standing], policy: Policy) -> str:
    """The trust ladder as a Markdown table."""
    rows = [
        "| service | cause | action | helped | did not | taken back | not done | in a row | approved | who decides |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rung, s in known.items():
        counts = (s.successes, s.failures, s.undone, s.refusals, s.in_a_row, s.approved)
        cells = (rung.service, rung.cause, rung.verb, *counts, decides(rung, s, policy))
        rows.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(rows) + "\n"


def decides(rung: Rung, stands: Standing, policy: Policy) -> str:
    """Who lets it happen, as the policy and the counts have it."""
    if not policy.lists(rung.service, rung.verb):
        return "nobody: not listed"
    if policy.trust.in_doubt(stands):
        return "a person: it was taken back"
    return "a person" if policy.asks(rung.service, rung.cause, rung.verb) else "the policy"


def with_table(text: str, rows: str) -> str:
    """The README with the table between its marks; unchanged where there are none."""
    return _TABLE.sub(lambda match: f"{match[1]}{rows}{match[2]}", text)
