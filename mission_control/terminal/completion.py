"""`completion SHELL`: the lines that teach bash, zsh or fish to complete this command, wherever it is called from.

    eval "$(./mission-control.sh completion bash)"

They call the command itself with typer's protocol; what it offers beyond names of commands is in complete.py.
"""

from __future__ import annotations

from typing import Final, Literal

Shell = Literal["bash", "zsh", "fish"]
VARIABLE: Final = "_MISSION_CONTROL_COMPLETE"
"""What typer looks at for a program named mission-control."""
NAMES: Final = ("mission-control.sh", "mission-control")
SCRIPTS: Final[dict[Shell, str]] = {
    "bash": """\
_mission_control() {
    local IFS=$'\\n'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD VARIABLE=complete_bash "$1" 2>/dev/null ) )
}
complete -o default -F _mission_control NAMES
""",
    "zsh": """\
#compdef NAMES
_mission_control() {
    eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" VARIABLE=complete_zsh "${words[1]}" 2>/dev/null)"
}
compdef _mission_control NAMES
""",
    "fish": """\
function _mission_control
    set -l words (commandline -opc)
    env _TYPER_COMPLETE_FISH_ACTION=$argv[1] _TYPER_COMPLETE_ARGS=(commandline -cp | string collect) \\
        VARIABLE=complete_fish $words[1] 2>/dev/null
end
for name in NAMES
    complete --command $name --no-files --arguments "(_mission_control get-args)" --condition "_mission_control is-args"
end
""",
}


def script(shell: Shell) -> str:
    """The lines for `shell`."""
    return SCRIPTS[shell].replace("VARIABLE", VARIABLE).replace("NAMES", " ".join(NAMES))


def ready() -> None:
    """Let typer answer shells that ask. Costs nothing when none does."""
    from typer._completion_classes import completion_init

    completion_init()
