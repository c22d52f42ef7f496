"""What counts as a person's command: visible words at the start of a line, as they were first posted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.incident.commands import COMMANDS, RANK, TABLE, mistyped, nearest, parse
from shared.incident.thread import Comment
from shared.testing.samples import START


def said(body: str, *, edited: bool = False) -> list[str]:
    """The commands in `body`, each as typed without its slash."""
    later = START + timedelta(seconds=1 if edited else 0)
    comment = Comment(11, "octocat", body, START, later)
    return [" ".join((c.name, *c.arguments)) for c in parse(comment)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/approve", ["approve"]),
        ("/approve\n", ["approve"]),
        ("/approve\r\n/hold\r\n", ["approve", "hold"]),
        ("I have looked.\n/approve", ["approve"]),
        ("I have looked.\r\n\r\n/approve thanks", ["approve thanks"]),
        ("  /approve", ["approve"]),
        ("/escalate   jules", ["escalate jules"]),
        ("/approve please *do*", ["approve please do"]),
        ("# Title\n/deny", ["deny"]),
        ("> they said\n\n/deny", ["deny"]),
        ("/hold\n\n```\n/approve\n```\n\n/unhold", ["hold", "unhold"]),
        ("/unknown\n/help", ["help"]),
    ],
)
def test_commands_at_the_start_of_a_line_count(body: str, expected: list[str]) -> None:
    assert said(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "please /approve",
        "> /approve",
        ">/approve",
        "> quote\n/approve",  # a lazy continuation is shown inside the quote
        "> > deep\n> /approve",
        "    /approve",
        "\t/approve",
        "```\n/approve\n```",
        "```\n/approve",
        "~~~\n/approve\n~~~",
        "`/approve`",
        "`\n/approve\n`",
        "see `code\n/approve\nmore`",
        "- /approve",
        "- item\n/approve",
        "1. /approve",
        "* a\n\n  /approve",
        "<!--\n/approve\n-->",
        "text <!--\n/approve\n-->",
        "text <!-- a\n/approve\nb --> text",
        "<div>\n/approve\n</div>",
        "<details>\n/approve",
        '<a title="\n/approve\n">x</a>',
        'text <a title="\n/approve\n">x</a>',
        '[x](http://example.com "\n/approve\n")',
        "![\n/approve\n](http://example.com/x.png)",
        "[ref]: http://example.com '\n/approve\n'",
        "| a |\n|---|\n/approve",
        "| a |\n|---|\n| /approve |",
        "/approve\n===",
        "\\/approve",
        "&#47;approve",
        "&sol;approve",
        "／approve",
        "⁄approve",
        "∕approve",
        "/аpprove",  # Cyrillic
        "/approve\u200b",
        "\u200b/approve",
        "\u2060/approve",
        "\ufeff/approve",
        "\u202e/approve",
        "/\u200bapprove",
        "/Approve",
        "/APPROVE",
        "/approved",
        "/approve-all",
        "/approve,",
        "//approve",
        "/ approve",
        "/",
        "**/approve**",
        "\r\rtext\n```\n/approve\n```",
        "a\r> b\n/approve",
        "",
    ],
)
def test_everything_else_is_talk(body: str) -> None:
    assert said(body) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_an_edited_comment_has_no_commands(name: str) -> None:
    assert said(f"/{name}") == [name]
    assert said(f"/{name}", edited=True) == []


@given(st.text(alphabet=st.sampled_from("/>`~-*_<!&#1.|\\[]()\"' \t\r\n\0") | st.characters(), max_size=80))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    said(text)


@given(st.text(max_size=60).filter(lambda t: "`" not in t))
def test_nothing_inside_a_fence_counts(text: str) -> None:
    assert said(f"```\n{text}\n/approve\n```") == []


@pytest.mark.parametrize("permission", [*RANK, "owner", "", "Write"])
@pytest.mark.parametrize("name", COMMANDS)
def test_permission_decides_and_unknown_ones_are_none(name: str, permission: str) -> None:
    (command,) = parse(Comment(11, "octocat", f"/{name}", START, START))
    assert command.permitted(permission) == (RANK.get(permission, 0) >= RANK[COMMANDS[name]])
    assert not command.permitted("none")
    assert command.comment_id == 11


@pytest.mark.parametrize(
    ("word", "meant"),
    [("aprove", "approve"), ("appprove", "approve"), ("Aproev", "approve"), ("hodl", "hold"), ("hlep", "help")]
    + [("silense", "silence"), ("post", None), ("explian", "explain"), ("simillar", "similar"), ("undoo", "undo")]
    + [
        (word, None) for word in ("etc", "home", "api", "usr", "tmp", "var", "dev", "bin", "close", "react", "lgtm", "")
    ],
)
def test_a_slip_is_near_one_command_and_a_word_of_its_own_near_none(word: str, meant: str | None) -> None:
    assert nearest(word) == meant


@given(st.sampled_from(sorted(COMMANDS)))
def test_a_command_is_nearest_to_itself(name: str) -> None:
    assert nearest(name) == name


@pytest.mark.parametrize(
    "body", ["/etc/passwd", "/aprove.", "`/aprove`", "> /aprove", "say /aprove", "/approve\n/aprove"]
)
def test_a_path_a_quote_or_a_comment_with_a_command_is_no_slip(body: str) -> None:
    assert mistyped(Comment(11, "octocat", body, START, START)) is None


def test_an_edited_comment_is_no_slip() -> None:
    assert mistyped(Comment(11, "octocat", "/aprove", START, START + timedelta(seconds=1))) is None


def test_unsilence_is_silence_off() -> None:
    assert said("/unsilence") == ["silence off"]


def test_each_command_is_written_as_it_begins_and_says_what_it_does_in_one_line() -> None:
    for row in TABLE:
        assert row.syntax.split()[0] == f"/{row.name}"
        assert row.does
        assert "\n" not in row.does
