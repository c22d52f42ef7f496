"""Options that many commands share, and what is made of them."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, overload

import typer

from mission_control.terminal import complete

if TYPE_CHECKING:
    from mission_control.settings import Settings

State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State folder (SRE_STATE_DIR, else .sre-space).")
]
Plain = Annotated[bool, typer.Option("--plain", "--no-tty", help="Plain lines, no live table.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Number = Annotated[
    int, typer.Argument(metavar="N", min=1, help="The issue's number.", autocompletion=complete.open_numbers)
]


def settings_of(state: Path | None, **overrides: Any) -> "Settings":
    """The settings, with the state folder of the command line where it names one. Raises BadSettings."""
    from mission_control.settings import read_settings

    return read_settings(**({"state_dir": state} if state else {}), **overrides)


@overload
def back(text: str, option: str) -> timedelta: ...
@overload
def back(text: str | None, option: str) -> timedelta | None: ...
def back(text: str | None, option: str) -> timedelta | None:
    """The time span that `option` says. Raises typer.BadParameter."""
    from mission_control.settings import duration

    try:
        return duration(text) if text is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
