"""Write docs/doctor.md from the table of findings: `python docs/doctor.py [--check]`.

Without `--check` the file is written; with it, exit status 1 says that the file is not what would be written.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mission_control.doctor.table import TABLE

PAGE = Path(__file__).with_name("doctor.md")
HEAD = """\
# What doctor finds

`./mission-control.sh doctor` looks at everything that the fleet needs here. Each finding has an id, why it matters and
one line that mends it; `--quiet` leaves out what is well, `--json` prints all of them (docs/cli.md, FindingShape), and
`--fix` first mends what is safe to mend by itself: modes of the fleet's own files, the labels of the catalogue, Kafka's
topics. A `bad` finding makes the exit code 3; a `note` does not: it is for a person to weigh.

It reads, with three exceptions that change nothing: with a token that does not say what it may it asks for a label, a
branch, a pull request and a status without content, which is refused either way; it asks the engine to restart a
container that cannot exist; and it lets the sandbox run a one-line program. No secret is in any finding.

This page is written by `python docs/doctor.py` from mission_control/doctor/table.py.
"""


def page() -> str:
    """The page: a heading for each area, a section for each finding."""
    lines = [HEAD]
    for area, rows in groupby(TABLE.items(), key=lambda row: row[1].area):
        lines += [f"## {area}", ""]
        for id, entry in rows:
            mends = " `--fix` does it." if entry.mends else ""
            lines += [
                f"### {id}",
                "",
                f"*{entry.severity}.* {_plain(entry.why)}",
                "",
                f"To mend: {_plain(entry.fix)}.{mends}",
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    """Placeholders as what they stand for."""
    text = {"{how}": "as the finding says"}.get(text, text)
    return re.sub(r"\{(\w+)\}", lambda found: f"*{found[1]}*", text)


def main() -> int:
    """Write or check; the exit status."""
    new = page()
    if "--check" in sys.argv[1:]:
        old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if new != old:
            sys.stderr.write("docs/doctor.md is out of date: run `python docs/doctor.py`\n")
        return int(new != old)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
