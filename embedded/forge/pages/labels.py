"""Label colours as a stylesheet whose text is readable on them, in light and in dark."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from embedded.forge.rows import Label

Rgb = tuple[int, int, int]
INK: Final[Rgb] = (0x1B, 0x1F, 0x24)
WHITE: Final[Rgb] = (0xFF, 0xFF, 0xFF)
BLACK: Final[Rgb] = (0, 0, 0)
NIGHT: Final[Rgb] = (0x12, 0x15, 0x1B)
"""The page's background in dark, as in forge.css."""
ENOUGH: Final = 4.5
"""Contrast of text against its background, WCAG 2.1 success criterion 1.4.3 (AA)."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{6}")


def contrast(a: Rgb, b: Rgb) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.1, relative luminance in sRGB)."""
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Rgb) -> float:
    parts = [v / 255 for v in color]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def text_on(background: Rgb) -> Rgb:
    """Ink or white, whichever reads better; black where ink would fall short."""
    best = max((INK, WHITE), key=lambda color: contrast(color, background))
    return best if contrast(best, background) >= ENOUGH else max((BLACK, WHITE), key=lambda c: contrast(c, background))


def at_night(color: Rgb) -> tuple[Rgb, Rgb, Rgb]:
    """Background, text and border for the dark page: a tint of the colour, and the colour lightened until it reads."""
    background = _mix(color, NIGHT, 0.22)
    text = color
    for step in range(21):
        text = _mix(WHITE, color, step / 20)
        if contrast(text, background) >= ENOUGH + 1:
            break
    return background, text, _mix(text, background, 0.35)


def stylesheet(labels: Iterable[Label]) -> str:
    """One class per colour: `.label.c-d73a4a`."""
    colors = sorted({label.color.lower() for label in labels if _HEX.fullmatch(label.color)})
    light = [_rule(color, rgb, text_on(rgb), _mix(BLACK, rgb, 0.14)) for color in colors for rgb in [_rgb(color)]]
    dark = [_rule(color, *at_night(_rgb(color))) for color in colors]
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", *dark, "}"]) + "\n"


def colour_class(label: Label | None) -> str:
    """The class that paints a label; "" for a colour that is none, which leaves it grey."""
    return f"c-{label.color.lower()}" if label and _HEX.fullmatch(label.color) else ""


def version(labels: Iterable[Label]) -> str:
    """Changes when the stylesheet does."""
    return hashlib.blake2b(",".join(sorted({label.color.lower() for label in labels})).encode()).hexdigest()[:12]


def _rule(color: str, background: Rgb, text: Rgb, border: Rgb) -> str:
    return f".c-{color} {{ background: {_css(background)}; color: {_css(text)}; border-color: {_css(border)}; }}"


def _rgb(color: str) -> Rgb:
    return int(color[:2], 16), int(color[2:4], 16), int(color[4:], 16)


def _css(color: Rgb) -> str:
    return f"#{color[0]:02x}{color[1]:02x}{color[2]:02x}"


def _mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    red, green, blue = (round(x * share + y * (1 - share)) for x, y in zip(a, b, strict=True))
    return red, green, blue
