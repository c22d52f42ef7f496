#!/bin/sh
# SRE-Space's one command: makes .venv from the lock once, then hands over to `python -m mission_control`.
set -eu
unset CDPATH

fail() {
    echo "mission-control: $*" >&2
    exit 1
}

# The repository: where this file is, also when it was called through symbolic links.
me=$0
while [ -h "$me" ]; do
    link=$(readlink "$me")
    case $link in
    /*) me=$link ;;
    *) me=$(dirname "$me")/$link ;;
    esac
done
repo=$(cd -P "$(dirname "$me")" && pwd)
venv=$repo/.venv
python=$venv/bin/python

# What this command needs: tests and checks want the development tools too (the dev lock holds both).
case ${1:-} in
test | check | bench) set_name=dev lock=$repo/requirements-dev.lock ;;
*) set_name=runtime lock=$repo/requirements.lock ;;
esac
[ -r "$lock" ] || fail "$lock is missing: this is not a whole copy of the repository"

installed() { # is .venv whole and made from this very lock?
    [ ! -e "$venv/unfinished" ] && [ -x "$python" ] && [ -r "$venv/made-from.$set_name" ] &&
        read -r made_from <"$venv/made-from.$set_name" && [ "$made_from" = "$(cksum <"$lock")" ]
}

find_python() { # the newest Python that really runs (a pyenv shim may be there and not work)
    for candidate in python3.13 python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    seen=$(python3 --version 2>/dev/null) || seen="no python3 at all"
    fail "Python 3.11 or newer is missing (found: $seen)"
}

take_turn() { # one installer at a time; the lock of a dead one is taken over
    until mkdir "$venv/installing" 2>/dev/null; do
        owner=$(cat "$venv/installing/pid" 2>/dev/null) || owner=
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -rf "$venv/installing"
        elif [ ! -w "$venv" ]; then
            fail "$venv cannot be written to"
        else
            sleep 1
        fi
    done
    echo $$ >"$venv/installing/pid"
    trap 'rm -rf "$venv/installing"' EXIT
    trap 'exit 130' INT TERM HUP
}

install() {
    base=$(find_python)
    mkdir -p "$venv" || fail "$venv cannot be made"
    take_turn
    if installed; then return; fi # another start made it while this one waited
    started=$(date +%s)
    echo "mission-control: making .venv from ${lock##*/} (once)" >&2
    if [ -e "$venv/unfinished" ] || ! "$python" -c '' >/dev/null 2>&1; then
        rm -rf "$venv/bin" "$venv/lib" "$venv/lib64" "$venv/include" "$venv/pyvenv.cfg" "$venv"/made-from.*
    fi
    : >"$venv/unfinished"
    rm -f "$venv"/made-from.*
    if [ ! -x "$python" ]; then
        "$base" -m venv --without-pip "$venv" || fail "$base cannot make a virtual environment"
    fi
    if ! { uv --version >/dev/null 2>&1 && uv pip install --quiet --python "$python" --require-hashes -r "$lock"; }; then
        "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null 2>&1 ||
            fail "pip is missing: install your system's python3-venv package (or uv) and start again"
        # --no-deps: the lock is the whole closure, and pip's resolver stumbles over pins without extras (hishel).
        "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r "$lock" ||
            fail "the packages of ${lock##*/} could not be installed (see above); start again to retry"
    fi
    cksum <"$repo/requirements.lock" >"$venv/made-from.runtime"
    if [ "$set_name" = dev ]; then cksum <"$lock" >"$venv/made-from.dev"; fi
    rm -f "$venv/unfinished"
    echo "mission-control: .venv is ready after $(($(date +%s) - started)) s" >&2
}

command -v git >/dev/null 2>&1 || fail "git is missing: install it and start again"
if ! installed; then
    (install) # in a subshell: its trap gives the lock back before python takes this process over
fi
PYTHONPATH=$repo
export PYTHONPATH
unset PYTHONDONTWRITEBYTECODE # a command may be many processes: what one has compiled the others need not
exec "$python" -P -m mission_control "$@"
