"""Titles and texts of pull requests: what says nothing is told apart from what says little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.gitops.titles import check_body, check_title

GOOD = """Reverts the rule that refused every policy above factor 0.8 (`{{ factor }}` in the log).

<details><summary>Evidence</summary>

```
<title> {{x}} TODO
```

</details> <!-- {{marker}} -->
Fixes #12, see <https://example.com/a> and [the trace](http://x/1)
"""


@pytest.mark.parametrize(
    "title",
    [
        "", " ", "Update file", "update stack.yaml", "Update deploy/stack.yaml", "fix", "Fix", "fix bug", "Fixed it.",
        "hotfix: fix the issue", "TODO", "todo: title", "WIP", "wip!", "test", "asdf", "Untitled", "[title]",
        "[PR title]",
        "{{title}}", "Fix {{service}} memory limit", "Fix {service} memory limit", "${TITLE} of the service",
        "Fix <service> memory limit", "Set <...> of the service", "%s raised to %s",
        "Raise the limit of %(service)s now",
        "{% if x %}Raise limit{% endif %}", "Raise TODO limit of policy-service", "Insert title here please",
        "Your title here", "Lorem ipsum dolor sit", "chore: update", "Auto fix", "Automated pull request", "Fix #12",
        "Fixes issue #12", "Revert commit", "Patch", "Resolve issue", "sre-auto-fix: fix", "12345 678", "🚑🔥", "a b c",
        "Raise the limit\nof it", "Raise the limit\u202e of policy-service", "x" * 257, "Fix: \uff54\uff4f\uff44\uff4f",
    ],
)  # fmt: skip
def test_a_title_that_says_nothing_or_was_not_filled_in_is_refused(title: str) -> None:
    assert check_title(title)


@pytest.mark.parametrize(
    "title",
    [
        'Revert "Insure low risks only"',
        "Raise the memory limit of policy-service from 192m to 256m",
        "Fix division by zero in the premium of quote-service",
        "Set MAX_RISK_FACTOR of policy-service back to 1.8",
        "fix(policy): refuse only risks above the factor",
        "Turn FEATURE_INSTANT_QUOTES off",
    ],
)
def test_a_title_that_says_what_changes_passes(title: str) -> None:
    assert check_title(title) == ()


@pytest.mark.parametrize(
    "body",
    [
        "", "Fixes #12", "Update file", "<!-- the template's words stay in a comment -->", 
        "```\nonly a quotation of the log\n```",
        GOOD + "\n## Why\n<describe the change>", GOOD + "\n{{ summary }}", GOOD + "\nTODO", GOOD + "\n[description]",
        GOOD + "\nYour text goes here", GOOD + "\n<...>", "fix the bug and update the files please",
    ],
)  # fmt: skip
def test_a_text_that_says_nothing_or_was_not_filled_in_is_refused(body: str) -> None:
    assert check_body(body)


def test_quotations_markup_links_and_hidden_marks_are_no_placeholders() -> None:
    assert check_body(GOOD) == ()


@given(st.text(max_size=400))
def test_any_text_is_answered_in_printable_lines(text: str) -> None:
    assert all(reason.isprintable() for reason in (*check_title(text), *check_body(text)))


@pytest.mark.parametrize(
    "text", ["fix " * 20_000, "<" * 50_000, "`" * 50_001, "{a" * 30_000, "$(" * 30_000, "[title " * 9_000]
)
def test_long_texts_made_to_be_slow_are_answered(text: str) -> None:
    assert check_title(text)
    check_body(text)
