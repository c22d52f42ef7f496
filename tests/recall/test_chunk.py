"""Files as documents: where they are cut, what they are called, and whose they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.recall.chunk import MAX_CHUNK, MAX_FILE, MAX_TITLE, chunks, service_of
from shared.recall.document import Document

AT = datetime(2026, 11, 21, tzinfo=UTC)
SERVICES = ("quote-service", "policy-service", "frontend")


def of(path: str, text: str) -> tuple[Document, ...]:
    return chunks(path, text, "c0ffee", "b10b", AT, SERVICES)


def test_markdown_is_cut_at_headings_and_called_by_their_path() -> None:
    found = of("docs/a.md", "Before.\n\n# One\nfirst\n## Two ##\nsecond\n\n# Three\n## Four\nfourth\n")
    assert [(d.id, d.title, d.text) for d in found] == [
        ("docs/a.md#1", "docs/a.md: Before.", "Before."),
        ("docs/a.md#2", "docs/a.md: One", "first"),
        ("docs/a.md#3", "docs/a.md: One > Two", "second"),
        ("docs/a.md#4", "docs/a.md: Three > Four", "fourth"),
    ]


def test_a_document_says_where_it_is_from_exactly() -> None:
    (found,) = of("docs/a.md", "text")
    assert (found.source, found.proof, found.at, found.issue) == ("docs/a.md@c0ffee", "b10b", AT, 0)


def test_a_comment_sign_in_a_fence_is_no_heading() -> None:
    (found,) = of("docs/a.md", "# Run\n```sh\n# not a heading\n~~~\n# nor this\n```\nend")
    assert "# nor this" in found.text
    assert [d.title for d in of("docs/a.md", "````\n```\n# no\n````\n# yes\nx")] == [
        "docs/a.md: ````",
        "docs/a.md: yes",
    ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("docs/runbooks/oom.md", "runbook"),
        ("docs/deploy.md", "doc"),
        ("README.MD", "doc"),
        ("deploy/stack.yaml", "code"),
        ("docs/runbooks/run.sh", "code"),
        ("other/docs/runbooks/oom.md", "doc"),
    ],
)
def test_the_path_says_what_kind_it_is(path: str, kind: str) -> None:
    assert {d.kind for d in of(path, "x")} == {kind}


def test_definitions_stay_whole_and_what_decorates_them_stays_with_them() -> None:
    def function(name: str) -> str:
        return f"@cached\ndef {name}():\n" + "    y = 1\n" * 40 + "\n    return y\n"

    found = of("a.py", f'"""What it is."""\n\nimport os\n{function("one")}{function("two")}')
    assert [d.title for d in found] == ['a.py: """What it is."""', "a.py: @cached", "a.py: @cached"]
    assert [d.text.count("return y") for d in found] == [0, 1, 1]


def test_small_blocks_of_configuration_are_put_together() -> None:
    (found,) = of("deploy/stack.yaml", "services:\n  a:\n    mem_limit: 1m\n\nvolumes: {}\n\nnetworks: {}\n")
    assert found.text == "services:\n  a:\n    mem_limit: 1m\n\nvolumes: {}\n\nnetworks: {}"


@pytest.mark.parametrize("path", ["a.md", "a.py", "a.yaml"])
@pytest.mark.parametrize(
    "text",
    ["word " * 5_000, "x" * 9_000, "line\n" * 3_000, "# h\n" + "para\n\n" * 2_000, "def f():\n" + "    a\n" * 2_000],
)
def test_no_document_is_longer_than_is_read_at_once_and_nothing_is_lost(path: str, text: str) -> None:
    found = of(path, text)
    assert all(0 < len(d.text) <= MAX_CHUNK for d in found)
    together = "".join("".join(d.text.split()) for d in found)
    assert together == "".join(text.removeprefix("# h").split() if path == "a.md" else text.split())


def test_the_same_file_gives_the_same_documents_and_an_empty_one_none() -> None:
    assert of("a.py", "x = 1\n") == of("a.py", "x = 1\r\n")
    assert of("a.py", " \n\n") == of("a.md", "# only\n## headings\n") == ()
    assert of("a.bin", "text\0") == ()


def test_a_title_is_one_bounded_line() -> None:
    (found,) = of("a.md", f"# {'long ' * 90}\nx")
    assert len(found.title) <= MAX_TITLE
    assert "\n" not in found.title


@pytest.mark.parametrize(
    "text", ["#" * 900_000, "# a" + " \t" * 300_000 + "x", "```\n" * 200_000, "\n" * 900_000, "# h\n" * 200_000]
)
@pytest.mark.parametrize("path", ["a.md", "a.py"])
def test_a_hostile_file_is_read_as_far_as_can_be_paid_for(path: str, text: str) -> None:
    assert sum(len(d.text) for d in of(path, text)) <= MAX_FILE


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("protected_services/quote_service/pricing.py", "quote-service"),
        ("services/quote-service/README.md", "quote-service"),
        ("docs/runbooks/quote-service-oom.md", "quote-service"),
        ("docs/runbooks/frontend.md", "frontend"),
        ("deploy/Quote-Service.yaml", "quote-service"),
        ("docs/quotes.md", ""),
        ("docs/runbooks/quote-servicex.md", ""),
        ("frontend/quote_service.py", ""),
        ("deploy/stack.yaml", ""),
    ],
)
def test_a_service_is_named_only_where_the_path_names_exactly_one(path: str, service: str) -> None:
    assert service_of(path, SERVICES) == service


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("docs/runbooks/quote-service-oom.md", "oom"),
        ("docs/runbooks/quote-service-slow-dependency.md", "slow-dependency"),
        ("docs/runbooks/oom.md", "oom"),
        ("docs/runbooks/quote-service-birthday.md", ""),
        ("docs/runbooks/quote-service.md", ""),
        ("docs/quote-service-oom.md", ""),
    ],
)
def test_a_runbook_is_of_the_cause_it_is_called_after(path: str, cause: str) -> None:
    assert {d.cause for d in of(path, "x")} == {cause}


def test_the_same_blob_in_a_later_commit_is_the_same_document() -> None:
    (first,) = of("docs/a.md", "text")
    (later,) = chunks("docs/a.md", "text", "0ther", "b10b", AT + timedelta(days=1), SERVICES)
    (changed,) = chunks("docs/a.md", "text", "0ther", "b0b", AT, SERVICES)
    assert first.digest == later.digest != changed.digest
