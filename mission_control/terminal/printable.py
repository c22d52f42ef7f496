"""The one way text from the world reaches a terminal: nothing in it is obeyed."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` in one line, without anything a terminal would obey: control and format characters become `?`."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def printable_lines(text: str) -> str:
    """The same for text of several lines, which stay lines; each ends with a newline."""
    return "".join(f"{printable(line)}\n" for line in text.splitlines())


def shortened(text: str, longest: int) -> str:
    """`text` made printable and cut to `longest` characters, the last of them `…` where something was cut."""
    plain = printable(text)
    return plain if len(plain) <= longest else plain[: max(longest - 1, 0)] + "…"
