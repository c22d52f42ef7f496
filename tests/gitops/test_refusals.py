"""One fixture for each way in which a proposed change can be wrong: each is refused, in one line for a person."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.gitops.diff import File, FileChange, tree, with_files
from shared.gitops.edit import apply
from shared.gitops.paths import PROTECTED, protects
from shared.gitops.refusals import Limits, check, check_foreign
from shared.gitops.stack import STACK
from shared.incident.change import Change, RevertCommit, SetConfig, SetMemory
from tests.gitops.samples import STATE

ROOT = Path(__file__).parents[2]
SOURCE = "protected_services/policy_service/underwriting.py"
FAULTS = "protected_services/faults.json"
RULES = "observed/rules.yml"
SETTINGS = "protected_services/settings.toml"
FILES: dict[str, bytes] = {
    STACK: STATE.encode(),
    SOURCE: (ROOT / SOURCE).read_bytes(),
    FAULTS: (ROOT / FAULTS).read_bytes(),
    RULES: (ROOT / "deploy/prometheus/rules/slo.yml").read_bytes(),
    SETTINGS: b'[service]\nname = "policy"\nport = 8003\n\n[limits]\nrisk = 1.8\n',
    "README.md": b"# The marketplace\n\nWhat it sells.\n",
    "docker-compose.yml": (ROOT / "docker-compose.yml").read_bytes(),
    "run.sh": b"#!/bin/sh\n# starts\nexec python -m protected_services.load\n",
}


def foreign(path: str, after: bytes | None, mode: str = "100644", was: str | None = None) -> tuple[str, ...]:
    """What is wrong with a pull request that makes `path` be `after`."""
    file = FileChange(path, mode, FILES.get(path), after, was)
    return check_foreign((file,), existing=FILES)


def text(path: str) -> str:
    return FILES[path].decode()


def of_github(path: str) -> dict[str, Any]:
    """The contents API's answer for a file, as GitHub sends it."""
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(FILES[path]),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": base64.encodebytes(FILES[path]).decode(),
        "sha": "3d21ec53a331a6f037a91c368710b99387d012c1",
        "url": f"https://api.github.com/repos/o/r/contents/{path}",
        "git_url": "https://api.github.com/repos/o/r/git/blobs/3d21ec",
        "download_url": f"https://raw.githubusercontent.com/o/r/master/{path}",
    }


def packed(path: str) -> str:
    return base64.b64encode(FILES[path]).decode()


def as_yaml(value: dict[str, Any]) -> str:
    return "".join(f"{key}: {json.dumps(inner)}\n" for key, inner in value.items())


ENVELOPES: dict[str, Callable[[str], str]] = {
    "the contents API's answer": lambda path: json.dumps(of_github(path)),
    "the same, indented": lambda path: json.dumps(of_github(path), indent=2) + "\n",
    "the same, in a list": lambda path: json.dumps([of_github(path)]),
    "the same, under content": lambda path: json.dumps({"content": of_github(path)}),
    "the same as YAML": lambda path: as_yaml(of_github(path)),
    "content and encoding": lambda path: json.dumps({"content": packed(path), "encoding": "base64"}),
    "content and encoding, twice wrapped": lambda path: json.dumps(
        {"data": {"file": {"content": text(path), "encoding": "utf-8"}}}
    ),
    "an error of the API": lambda path: json.dumps({"message": "Not Found", "documentation_url": "https://x"}),
    "a chat's answer": lambda path: json.dumps({"choices": [{"message": {"content": text(path)}}]}),
    "a chat's message": lambda path: json.dumps({"role": "assistant", "content": text(path)}),
    "a JSON string": lambda path: json.dumps(text(path)),
    "a JSON string with a last newline": lambda path: json.dumps(text(path)) + "\n",
    "escaped line ends": lambda path: text(path).replace("\n", "\\n"),
    "base64": packed,
    "base64 in lines": lambda path: base64.encodebytes(FILES[path]).decode(),
    "a code fence": lambda path: f"```\n{text(path)}```\n",
    "a code fence with a language": lambda path: f"\n```yaml\n{text(path)}```\n",
    "a patch": lambda path: f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n",
    "a codex patch": lambda path: f"*** Begin Patch\n*** Update File: {path}\n@@ -1,2 +1,2 @@\n*** End Patch\n",
    "a web page": lambda path: "<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n",
    "conflict markers": lambda path: f"<<<<<<< HEAD\n{text(path)}=======\n>>>>>>> main\n",
}  # fmt: skip


@pytest.mark.parametrize("path", [STACK, SOURCE, FAULTS, RULES, SETTINGS, "run.sh"])
@pytest.mark.parametrize("kind", ENVELOPES)
def test_something_wrapped_around_the_file_is_refused(kind: str, path: str) -> None:
    assert foreign(path, ENVELOPES[kind](path).encode())


@pytest.mark.parametrize("kind", ENVELOPES)
def test_something_wrapped_around_a_new_file_is_refused(kind: str) -> None:
    after = ENVELOPES[kind](STACK).encode()
    for path in ("protected_services/new.yaml", "protected_services/new.json", "protected_services/new.sh"):
        assert check_foreign((FileChange(path, "100644", None, after),))


@pytest.mark.parametrize(
    ("path", "after", "told"),
    [
        (STACK, "", "empty"),
        (STACK, "services: [", "not YAML"),
        (STACK, STATE.replace("    deploy:", "    mem_limit: 64m\n    deploy:"), "twice"),
        (STACK, STATE.replace("    deploy:", "    privileged: true\n    deploy:"), "unknown key"),
        (STACK, STATE.replace('"1.8"', "1.8"), "quotes"),
        (STACK, STATE + "  load: {mem_limit: 64m}\n", "unknown service load"),
        (STACK, STATE.replace("  frontend:\n    mem_limit: 1g\n", ""), "frontend is taken out"),
        (STACK, STATE.replace("  frontend:", "  front:"), "unknown service front"),
        (STACK, STATE.replace("# who is insured", "# who is not insured"), "nothing changes in meaning"),
        (STACK, STATE + "\n# fixed by the fleet at 12:00\n", "nothing changes in meaning"),
        (STACK, STATE.replace("1g", "1024m"), "nothing changes in meaning"),
        (SOURCE, "def f(:\n", "line 1: it is not Python"),
        (SOURCE, "x = (" * 300, "Python"),
        (SOURCE, "", "emptied"),
        (SOURCE, "\n\n", "emptied"),
        (SOURCE, "# TODO\n", "lines go"),
        (SOURCE, "def refusal(*a: object) -> None:\n    return None\n", "lines go"),
        (SOURCE, "# reviewed\n" + text(SOURCE), "nothing changes in meaning"),
        (SOURCE, text(SOURCE).replace('"""', '"""Better. ', 1), "nothing changes in meaning"),
        (SOURCE, text(SOURCE) + "\n\n\n", "nothing changes in meaning"),
        (SOURCE, text(SOURCE) + "X = 'a\u202eb'\n", "U+202E"),
        (SOURCE, text(SOURCE) + "X = 'a\u200bb'\n", "U+200B"),
        (SOURCE, text(SOURCE) + "X = 1\0\n", "NUL"),
        (FAULTS, "{", "line 1: it is not JSON"),
        (FAULTS, '{"a": 1, "a": 2}', "'a' is written twice"),
        (FAULTS, '{"a": NaN}', "NaN"),
        (FAULTS, "[" * 100_000, "deep"),
        (FAULTS, "{}", "none of what stood at its top"),
        (FAULTS, '{"files": ' + text(FAULTS) + "}", "none of what stood at its top"),
        (FAULTS, json.dumps(json.loads(text(FAULTS)), indent=7), "lines go"),
        (RULES, text(RULES) + "groups: []\n", "twice"),
        (RULES, "a: &a [*a]\n", "holds itself"),
        (RULES, "a: *b\n", "not YAML"),
        (RULES, "a:\n\t- b\n", "not YAML"),
        (RULES, "rules: {}\n", "none of what stood at its top"),
        (RULES, "{" * 70 + "}" * 70, "deep"),
        (RULES, "# more\n" + text(RULES), "nothing changes in meaning"),
        (SETTINGS, "[service]\nname = 1\nname = 2\n", "not TOML"),
        (SETTINGS, "[a]\nb = 1\n", "none of what stood at its top"),
        (SETTINGS, "# more\n" + text(SETTINGS), "nothing changes in meaning"),
        ("README.md", "# The marketplace\n\nWhat it sells, and more.\n", "nothing changes in meaning"),
        ("README.md", "", "emptied"),
        ("run.sh", text("run.sh").replace("# starts", "# starts it"), "nothing changes in meaning"),
        ("run.sh", "  " + text("run.sh").replace("\n", "\n  "), "nothing changes in meaning"),
        ("protected_services/new.py", "# nothing yet\n", "nothing changes in meaning"),
        ("protected_services/new.yaml", "# nothing yet\n", "nothing changes in meaning"),
    ],
)
def test_a_file_that_is_broken_wiped_or_says_nothing_new_is_refused(path: str, after: str, told: str) -> None:
    reasons = foreign(path, after.encode())
    assert any(told in reason for reason in reasons), reasons


def test_bytes_that_are_no_text_are_refused() -> None:
    assert "not UTF-8" in foreign(SOURCE, b"\xff\xfe\x00")[0]


def test_a_file_that_is_taken_out_is_refused_unless_it_is_named() -> None:
    assert "taken out as a whole" in foreign(SOURCE, None)[0]
    gone = (FileChange(SOURCE, "100644", FILES[SOURCE], None),)
    assert check_foreign(gone, named=(SOURCE,)) == ()
    assert "taken out" in check_foreign((FileChange(STACK, "100644", FILES[STACK], None),), named=(STACK,))[0]


def test_how_much_may_go_is_a_parameter() -> None:
    half = FILES[SOURCE].replace(b"1.8", b"1.7")
    file = (FileChange(SOURCE, "100644", FILES[SOURCE], half),)
    assert check_foreign(file) == ()
    assert "lines go" in check_foreign(file, Limits(gone=0.01))[0]


@pytest.mark.parametrize(
    ("mode", "was", "told"),
    [
        ("120000", "100644", "symbolic link"),
        ("120000", None, "symbolic link"),
        ("100644", "120000", "symbolic link"),
        ("160000", "100644", "submodule"),
        ("100755", "100644", "mode changes from 100644 to 100755"),
        ("100644", "100755", "mode changes"),
        ("100666", None, "unknown file mode"),
        ("040000", None, "unknown file mode"),
    ],
)
def test_links_submodules_and_modes_are_refused(mode: str, was: str | None, told: str) -> None:
    assert told in foreign(SOURCE, FILES[SOURCE] + b"X = 1\n", mode, was)[0]


@pytest.mark.parametrize(("mode", "told"), [("120000", "link"), ("160000", "submodule"), ("100755", "executable")])
def test_new_files_are_ordinary(mode: str, told: str) -> None:
    assert told in foreign("protected_services/new.py", b"X = 1\n", mode)[0]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("../x.py", ".."),
        ("protected_services/../shared/x.py", ".."),
        ("./x.py", "."),
        ("/etc/cron.d/x", "absolute"),
        ("C:/x.py", "absolute"),
        ("protected_services\\x.py", "backslash"),
        ("protected_services//x.py", "empty folder"),
        ("protected_services/", "empty folder"),
        ("", "1 and 300"),
        ("a" * 301, "1 and 300"),
        (".git/hooks/pre-commit", "git keeps"),
        ("a/.GIT/config", "git keeps"),
        ("a/.git /config", "git keeps"),
        ("a/.git./config", "git keeps"),
        ("a/.g\u200cit/config", "git keeps"),
        ("a/\uff0egit/config", "git keeps"),
        ("a/.git::$INDEX_ALLOCATION/config", "git keeps"),
        ("a/git~1/config", "git keeps"),
        (".gitmodules", "git keeps"),
        ("a/.gitattributes", "git keeps"),
        ("Protected_Services/x.py", "differs only in case"),
        ("deploy/Stack.yaml", "differs only in case"),
        ("protected_services/policy_service/Underwriting.py", "differs only in case"),
        ("pr\u043etected_services/x.py", "look-alikes"),
        ("protected_services/\u202exy.py", "look-alikes"),
        ("protected_services/x\n.py", "look-alikes"),
        ("protected_services/x.py ", "space"),
        ("protected_services/x.py.", "ends in a dot"),
        (" protected_services/x.py", "space"),
        ("protected_services/a b.py", "only ASCII"),
        ("protected_services/$(id).py", "only ASCII"),
        ("protected_services/con.py", "something else"),
        ("protected_services/-rf", "something else"),
    ],
)
def test_path_tricks_are_refused(path: str, told: str) -> None:
    reasons = foreign(path, b"X = 1\n")
    assert any(told in reason for reason in reasons), reasons
    assert all(reason.isascii() and reason.isprintable() for reason in reasons)


@pytest.mark.parametrize(
    "path",
    [
        "deploy/policy.yaml", "deploy/keys.toml", "Deploy/Policy.YAML", "\uff44eploy/policy.yaml", "deploy/Dockerfile",
        ".github/workflows/ci.yml", ".github/CODEOWNERS", ".ci/run", ".env", "protected_services/.env",
        "docker-compose.yml", "docker-compose.override.yml", "compose.yaml", "AGENTS.md", "agents.md",
        "agents/fixer/judge.py", "shared/policy/rules.py", "shared/gitops/refusals.py",
        "mission_control/fleet/wiring.py", "dashboard/app.py", "dashboard/static/main.js",
        "embedded/forge/app.py", "pyproject.toml", "requirements.lock", "mission-control.sh", "tests/conftest.py",
        "conftest.py", "protected_services/sitecustomize.py", "tests/promises.toml",
        "deploy/reproduction.py", "deploy/tests.py", "deploy/marketplace.py",
    ],
)  # fmt: skip
def test_the_fleet_its_rules_and_what_starts_it_are_protected(path: str) -> None:
    assert any("protected" in reason for reason in foreign(path, b"a: 1\n"))


def test_what_is_protected_is_a_parameter() -> None:
    file = (FileChange(SOURCE, "100644", FILES[SOURCE], FILES[SOURCE] + b"X = 1\n"),)
    assert check_foreign(file) == ()
    assert "protected" in check_foreign(file, protected=("protected_services/*",))[0]
    assert check_foreign(file, protected=("protected_services/*", "!*/underwriting.py")) == ()


def test_the_desired_state_and_the_services_are_not_protected() -> None:
    assert not protects(PROTECTED, STACK)
    assert not protects(PROTECTED, SOURCE)
    assert not protects(PROTECTED, "tests/patients/test_pricing.py")


def test_sizes_are_limited() -> None:
    new = FileChange("protected_services/new.py", "100644", None, b"x = 1\n" * 50)
    assert "50 lines" in check_foreign((new,), Limits(lines=49))[0]
    assert "300 bytes" in check_foreign((new,), Limits(bytes_per_file=299))[0]
    many = tuple(FileChange(f"protected_services/n{n}.py", "100644", None, b"x = 1\n") for n in range(21))
    assert "21 files" in check_foreign(many)[0]
    assert check_foreign(()) == ("nothing is changed",)


def test_a_huge_pull_request_is_refused_without_reading_it() -> None:
    lines = FileChange("protected_services/a.py", "100644", b"\n" * 260_000, b"x\n" * 130_000)
    assert "lines are changed" in check_foreign((lines,))[0]
    deep = FileChange("protected_services/a.py", "100644", None, b"(" * 5_000_000)
    assert "bytes" in check_foreign((deep,))[0]


def test_what_compose_complains_of_is_said() -> None:
    file = (FileChange(SOURCE, "100644", FILES[SOURCE], FILES[SOURCE] + b"X = 1\n"),)
    assert check_foreign(file, compose_says="") == ()
    told = check_foreign(file, compose_says="services.a Additional\n property b is not allowed")
    assert told[0].startswith("docker compose refuses it: services.a Additional")


GOOD_FOREIGN = (
    (SOURCE, text(SOURCE).replace("1.8", "1.7")),
    (SOURCE, text(SOURCE) + "\n\nEXTRA = 1\n"),
    (
        FAULTS,
        text(FAULTS).replace("true", "false", 1) if "true" in text(FAULTS) else text(FAULTS).replace("0.5", "0.6", 1),
    ),
    (RULES, text(RULES).replace("5m", "6m", 1)),
    (SETTINGS, text(SETTINGS).replace("1.8", "1.7")),
    (STACK, STATE.replace('"1.8"', '"1.7"')),
    ("run.sh", text("run.sh").replace("load", "frontend")),
    ("protected_services/new.py", '"""New."""\n\nX = 1\n'),
    ("tests/patients/test_new.py", "def test_one_is_one() -> None:\n    assert 1 == 1\n"),
)


@pytest.mark.parametrize(("path", "after"), GOOD_FOREIGN)
def test_an_honest_small_change_passes(path: str, after: str) -> None:
    assert after.encode() != FILES.get(path)
    assert foreign(path, after.encode()) == ()


def test_prose_and_comments_may_go_along_with_a_change_that_means_something() -> None:
    files = (
        FileChange(SOURCE, "100644", FILES[SOURCE], FILES[SOURCE] + b"X = 1\n"),
        FileChange("README.md", "100644", FILES["README.md"], FILES["README.md"] + b"And X.\n"),
        FileChange("run.sh", "100755", FILES["run.sh"], FILES["run.sh"] + b"# more\n"),
    )
    assert check_foreign(files, existing=FILES) == ()


# ---- the fleet's own edits ----

CHANGE = SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before="1.8", after="1.6")
EDITED = apply(CHANGE, FILES)[STACK] or b""


def own(head: Mapping[str, bytes | None], change: Change = CHANGE) -> tuple[str, ...]:
    base = tree(FILES)
    return check(change, base, with_files(base, head))


def test_the_fleets_own_edit_passes() -> None:
    assert own({STACK: EDITED}) == ()


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({}, "nothing is changed"),
        ({STACK: EDITED, SOURCE: FILES[SOURCE] + b"X = 1\n"}, "not named by the change"),
        ({STACK: EDITED, "deploy/policy.yaml": b"version: 1\n"}, "protected"),
        ({STACK: FILES[STACK] + b"# set\n"}, "nothing changes in meaning"),
        ({STACK: EDITED.replace(b"256m", b"512m")}, "which the change does not name"),
        ({STACK: EDITED.replace(b"1.6", b"1.5")}, "lacks what the change names"),
        ({STACK: FILES[STACK].replace(b"256m", b"512m")}, "lacks what the change names"),
        (
            {STACK: EDITED.replace(b"# who is insured\n", b"\n").replace(b"# optional", b"")},
            "comments and layout are kept",
        ),
        ({STACK: EDITED + b"  load: {mem_limit: 64m}\n"}, "unknown service load"),
        ({STACK: None}, "taken out"),
        ({STACK: b""}, "empty"),
        ({STACK: json.dumps(of_github(STACK)).encode()}, "API's answer"),
    ],
)
def test_an_edit_that_is_not_exactly_the_named_one_is_refused(head: dict[str, bytes | None], told: str) -> None:
    reasons = own(head)
    assert any(told in reason for reason in reasons), reasons


def test_a_mode_that_changes_with_the_edit_is_refused() -> None:
    base = tree(FILES)
    for mode in ("100755", "120000", "160000"):
        assert check(CHANGE, base, {**base, STACK: File(EDITED, mode)})


def test_a_change_of_another_value_than_decided_on_is_refused() -> None:
    other = SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before="1.9", after="1.6")
    assert "lacks what the change names" in own({STACK: EDITED}, other)[1]
    assert "not in" in own({STACK: EDITED}, SetMemory(service="load", before=64, after=128))[0]


def test_a_flag_set_as_a_configuration_is_refused() -> None:
    head = {STACK: FILES[STACK].replace(b'"on"', b'"off"')}
    change = SetConfig(service="policy-service", key="FEATURE_INSTANT_QUOTES", before="on", after="off")
    assert "set-flag" in own(head, change)[0]


BAD = FILES[SOURCE].replace(b"1.8", b"0.8")
DONE = FileChange(SOURCE, "100644", FILES[SOURCE], BAD)
REVERT = RevertCommit(commit="a" * 40, paths=(SOURCE,))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (FILES[SOURCE] + b"X = 1\n", "did not touch"),
        (BAD + b"X = 1\n", "did not touch"),
        (BAD.replace(b"0.8", b"1.7"), "did not touch"),
        (None, "did not touch"),
        (b"", "emptied"),
    ],
)
def test_a_revert_that_does_more_than_take_the_commit_back_is_refused(after: bytes | None, told: str) -> None:
    base = tree({**FILES, SOURCE: BAD})
    reasons = check(REVERT, base, with_files(base, {SOURCE: after}), (DONE,))
    assert any(told in reason for reason in reasons), reasons


def test_the_right_lines_at_another_place_are_refused() -> None:
    bad = FILES[SOURCE] + b"\n\nA = 1\n"
    good = FILES[SOURCE] + b"\n\nA = 2\n"
    base = tree({SOURCE: b"B = 1\n" + bad})
    done = (FileChange(SOURCE, "100644", good, bad),)
    change = RevertCommit(commit="a" * 40, paths=(SOURCE,))
    right = apply(change, {SOURCE: base[SOURCE].data}, done)
    assert check(change, base, with_files(base, right), done) == ()
    moved = b"A = 2\nB = 1\n" + FILES[SOURCE] + b"\n\n"
    assert "not what taking" in check(change, base, with_files(base, {SOURCE: moved}), done)[0]


def test_a_revert_whose_commit_is_not_known_is_refused() -> None:
    base = tree({**FILES, SOURCE: BAD})
    assert "did not change" in check(REVERT, base, with_files(base, {SOURCE: FILES[SOURCE]}))[0]


def test_a_revert_that_wipes_out_later_work_is_refused() -> None:
    later = BAD + b"\n\nLATER = 1\n"
    base = tree({**FILES, SOURCE: later})
    assert "did not touch" in check(REVERT, base, with_files(base, {SOURCE: FILES[SOURCE]}), (DONE,))[0]
    state = FileChange(STACK, "100644", FILES[STACK], FILES[STACK].replace(b"1.8", b"0.8"))
    newer = FILES[STACK].replace(b"1.8", b"0.8").replace(b"256m", b"512m")
    base = tree({**FILES, STACK: newer})
    change = RevertCommit(commit="a" * 40, paths=(STACK,))
    assert "not of that commit" in check(change, base, with_files(base, {STACK: FILES[STACK]}), (state,))[0]


def test_a_protected_file_is_not_reverted_either() -> None:
    path = "docker-compose.yml"
    done = FileChange(path, "100644", FILES[path], FILES[path] + b"x-a: 1\n")
    base = tree({**FILES, path: FILES[path] + b"x-a: 1\n"})
    change = RevertCommit(commit="a" * 40, paths=(path,))
    assert "protected" in check(change, base, with_files(base, {path: FILES[path]}), (done,))[0]


@given(st.text(max_size=40), st.binary(max_size=200), st.sampled_from(("100644", "100755", "120000", "160000", "0")))
def test_whatever_is_proposed_is_answered_in_short_printable_lines(path: str, after: bytes, mode: str) -> None:
    for name in (path, STACK, SOURCE, FAULTS, RULES, SETTINGS):
        for reason in foreign(name, after, mode):
            assert reason.isprintable()
            assert len(reason) <= 300
