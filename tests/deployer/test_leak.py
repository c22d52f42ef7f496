"""trigger_chaos.py leak: a patch in one commit as a developer makes it, and the commit that takes it back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mission_control.world.as_developer import CannotCommit, Developer, Overtaken
from mission_control.world.as_patcher import DoesNotApply, applied, commit_patch, touched
from tests.deployer.world import Shop
from tests.engine.hosts import ROOT
from tests.forge.conftest import OPERATOR, OUTSIDER, REPO

PATCHES = ROOT / "embedded" / "jules" / "patches"
LEAK = PATCHES / "leak.patch"
FILES = ("protected_services/quote_service/app.py", "protected_services/quote_service/pricing.py")
SOURCE = {path: (ROOT / path).read_text(encoding="utf-8") for path in FILES}


def run(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments, "--state", str(shop.state)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


def chaos(shop: Shop, *arguments: str) -> dict[str, Any]:
    done = run(shop, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def now(shop: Shop) -> dict[str, str]:
    raw = {"Accept": "application/vnd.github.raw"}
    return {path: shop.forge.session().get(f"{shop.forge.repo}/contents/{path}", headers=raw).text for path in FILES}


@pytest.fixture
def real(shop: Shop) -> Shop:
    """The repository holds quote-service as it is."""
    shop.commit({**SOURCE, "deploy/stack.yaml": (ROOT / "deploy" / "stack.yaml").read_text(encoding="utf-8")})
    shop.write_run()
    return shop


def test_it_is_one_commit_by_a_developer_who_says_nothing_of_chaos(real: Shop) -> None:
    told = chaos(real, "leak")
    assert (told["service"], told["files"]) == ("quote-service", list(FILES))
    session = real.forge.session()
    assert session.get(f"{real.forge.repo}/branches/main").json()["commit"]["sha"] == told["commit"]
    commit = session.get(f"{real.forge.repo}/commits/{told['commit']}").json()
    assert commit["author"]["login"] == "alice"
    assert tuple(file["filename"] for file in commit["files"]) == FILES
    assert len(commit["parents"]) == 1
    assert not {"chaos", "fault", "leak", "test"} & set(commit["commit"]["message"].lower().split())
    assert "renewal_cents" in now(real)[FILES[1]]


def test_it_is_taken_back_by_one_commit_while_it_stands_and_only_then(real: Shop) -> None:
    assert chaos(real, "--undo")["undone"] == []
    chaos(real, "leak")
    (undone,) = chaos(real, "leak", "--undo")["undone"]
    assert (undone["fault"], undone["service"]) == ("leak", "quote-service")
    assert now(real) == SOURCE
    assert "Nothing to undo" in run(real, "--undo").stdout
    chaos(real, "leak")
    commit_patch(Developer(real.forge.api, REPO, OPERATOR), PATCHES / "leak.fix.patch", "Keep fewer")
    mended = now(real)
    assert chaos(real, "leak", "--undo")["undone"] == [], "somebody has mended it"
    assert now(real) == mended


def test_everything_is_taken_back_at_once_and_the_lines_say_what(real: Shop) -> None:
    chaos(real, "leak", "--herring")
    chaos(real, "conversion")
    lines = run(real, "--undo").stdout.splitlines()
    assert [line.partition(" by commit")[0] for line in lines] == [
        "Undone: severe conversion on policy-service",
        "Undone: leak on quote-service",
    ]


def test_where_it_does_not_apply_the_one_line_says_why_and_nothing_is_committed(real: Shop) -> None:
    chaos(real, "leak")
    before = real.head.now()
    again = run(real, "leak")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "leak.patch does not apply: patch failed: protected_services/quote_service/" in again.stderr
    assert real.head.now() == before


def test_a_repository_without_the_source_is_told_so(shop: Shop) -> None:
    shop.write_run()
    told = run(shop, "leak")
    assert told.returncode == 2
    assert "protected_services/quote_service/pricing.py: No such file or directory" in told.stderr
    assert chaos(shop, "leak", "--undo")["undone"] == []


def test_a_patch_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(CannotCommit, match=r"there is no patch .*gone\.patch"):
        touched(tmp_path / "gone.patch")


def test_who_may_not_write_is_told_so(real: Shop) -> None:
    with pytest.raises(CannotCommit, match=f"{REPO} answers 403 to POST"):
        commit_patch(Developer(real.forge.api, REPO, OUTSIDER), LEAK, "x")


def test_a_commit_on_a_branch_that_has_moved_on_is_not_made(real: Shop) -> None:
    developer = Developer(real.forge.api, REPO, OPERATOR)
    branch, head = developer.head()
    other = real.commit({"README.md": "# another\n"})
    with pytest.raises(Overtaken, match=head[:10]):
        developer.commit(branch, head, {"README.md": b"# mine\n"}, "Mine")
    assert developer.head() == (branch, other)


def test_it_and_another_commit_at_the_same_time_are_both_made(real: Shop) -> None:
    real.forge.misbehave(latency_ms=100)
    developers = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "trigger_chaos.py"), fault, "--state", str(real.state)],
            stdout=subprocess.DEVNULL,
        )
        for fault in ("conversion", "leak")
    ]
    assert [one.wait(40) for one in developers] == [0, 0]
    assert "renewal_cents" in now(real)[FILES[1]]
    assert len(chaos(real, "--undo")["undone"]) == 2


def test_a_patch_that_makes_and_removes_a_file_says_so(tmp_path: Path) -> None:
    patch = tmp_path / "both.patch"
    patch.write_text(
        "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+here\n"
        "diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
    )
    assert applied(patch, {"old": b"gone\n"}, reverse=False) == {"new": b"here\n", "old": None}
    assert applied(patch, {"new": b"here\n"}, reverse=True) == {"new": None, "old": b"gone\n"}
    with pytest.raises(DoesNotApply, match=r"both\.patch does not apply"):
        applied(patch, {"old": b"other\n"}, reverse=False)
