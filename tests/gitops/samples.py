"""A desired state as a person would write it, and others in every style, drawn at random."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

STATE: Final = """\
# What the services run with. Comments are kept.
services:
  # who is insured
  policy-service:
    image: sre-space/policy-service:0.1.0   # optional
    mem_limit: 192m
    memswap_limit: 192m
    environment:
      MAX_RISK_FACTOR: "1.8"   # risks above it are not insured

      FEATURE_INSTANT_QUOTES: "on"
    deploy: {replicas: 1}     # optional

  quote-service: {mem_limit: 256m, environment: {PRICE_FACTOR: '1.0'}}
  frontend:
    mem_limit: 1g
"""

COMMENTS: Final = st.sampled_from(("", "  # kept", '   # a: "b" {c}'))
VALUES: Final = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


def _value(value: str, style: str) -> str:
    value = value.replace("$", "$$")
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def states(draw: st.DrawFn) -> str:
    """Valid texts: block or flow, comments and blank lines anywhere, either quotes, a last line with or without end."""
    lines: list[str] = draw(st.sampled_from(([], ["# top"], ["---"])))
    lines = [*lines, "services:" + draw(COMMENTS)]
    step = draw(st.sampled_from((2, 4)))
    for name in draw(st.lists(st.sampled_from(("alpha", "beta-service", "c.d", "e_f")), min_size=1, unique=True)):
        keys = st.sampled_from(("RATE", "MODE", "A1", "FEATURE_X", "FEATURE_NEW_PATH"))
        names = draw(st.lists(keys, max_size=4, unique=True))
        environment = {
            key: _value(
                draw(st.sampled_from(("on", "off"))) if key.startswith("FEATURE_") else draw(VALUES),
                draw(st.sampled_from(("'", '"'))),
            )
            for key in names
        }
        memory = draw(st.sampled_from(("64m", "192m", "1g")))
        replicas = draw(st.sampled_from((None, 0, 1, 3)))
        one_line = draw(st.sampled_from((False, False, True)))
        pad = " " * step
        if one_line:
            inner = ", ".join(f"{key}: {value}" for key, value in environment.items())
            parts = [f"mem_limit: {memory}"]
            parts += [f"environment: {{{inner}}}"] if environment else []
            parts += [f"deploy: {{replicas: {replicas}}}"] if replicas is not None else []
            lines.append(f"{pad}{name}: {{{', '.join(parts)}}}{draw(COMMENTS)}")
            continue
        blocks = [[f"mem_limit: {memory}{draw(COMMENTS)}"]]
        if draw(st.booleans()):
            blocks.append([f"memswap_limit: {memory}{draw(COMMENTS)}"])
        flow = draw(st.sampled_from((True, False)))
        if environment and flow:
            inner = ", ".join(f"{key}: {value}" for key, value in environment.items())
            blocks.append([f"environment: {{{inner}}}{draw(COMMENTS)}"])
        elif environment:
            block = ["environment:" + draw(COMMENTS)]
            for key, value in environment.items():
                block += [""] if draw(st.booleans()) and draw(st.booleans()) else []
                block += [f"{pad}# {key}"] if draw(st.booleans()) and draw(st.booleans()) else []
                block.append(f"{pad}{key}: {value}{draw(COMMENTS)}")
            blocks.append(block)
        if replicas is not None:
            blocks.append([f"deploy: {{replicas: {replicas}}}"] if flow else ["deploy:", f"{pad}replicas: {replicas}"])
        lines.append(f"{pad}{name}:{draw(COMMENTS)}")
        for block in draw(st.permutations(blocks)):
            lines += [f"{pad * 2}{line}" if line else "" for line in block]
        lines += draw(st.sampled_from(([], [""], ["", pad + "# between"])))
    return "\n".join(lines) + draw(st.sampled_from(("\n", "", "\n# end\n", "\n\n")))
