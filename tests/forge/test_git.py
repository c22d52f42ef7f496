"""git itself clones from and pushes to the forge."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.forge.conftest import FLEET, OPERATOR, OUTSIDER, REPO, Running
from tests.waiting import wait_for

ENV = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "alice",
    "GIT_AUTHOR_EMAIL": "alice@users.noreply.localhost",
    "GIT_COMMITTER_NAME": "alice",
    "GIT_COMMITTER_EMAIL": "alice@users.noreply.localhost",
    "no_proxy": "127.0.0.1",
}


def git(*args: str, cwd: Path, fails: bool = False) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, env=ENV, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stdout + done.stderr


def address(forge: Running, token: str | None = None) -> str:
    user = f"x-access-token:{token}@" if token else ""
    return forge.url.replace("http://", f"http://{user}") + f"/{REPO}.git"


def test_a_pushed_commit_is_seen_over_rest_and_a_rest_commit_is_pulled(forge: Running, tmp_path: Path) -> None:
    git("clone", "--quiet", address(forge, OPERATOR), "work", cwd=tmp_path)
    work = tmp_path / "work"
    (work / "a.txt").write_text("one\n")
    git("add", ".", cwd=work)
    git("commit", "--quiet", "-m", "Add a", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    commits = forge.session().get(f"{forge.repo}/commits").json()
    newest = commits[0]
    assert (newest["commit"]["message"], newest["author"]["login"]) == ("Add a", "alice")
    body = {"message": "Add b", "content": "Yg=="}
    assert forge.session().put(f"{forge.repo}/contents/b.txt", json=body).status_code == 201
    git("pull", "--quiet", "--ff-only", cwd=work)
    assert (work / "b.txt").read_text() == "b"


def test_everyone_clones_but_pushing_needs_write(forge: Running, tmp_path: Path) -> None:
    git("clone", "--quiet", address(forge), "work", cwd=tmp_path)
    work = tmp_path / "work"
    git("commit", "--quiet", "--allow-empty", "-m", "x", cwd=work)
    assert "could not read" in git("push", address(forge), "main", cwd=work, fails=True)
    assert "403" in git("push", address(forge, OUTSIDER), "main", cwd=work, fails=True)
    assert "Authentication failed" in git("push", address(forge, "wrong"), "main", cwd=work, fails=True)
    git("push", "--quiet", address(forge, OPERATOR), "main", cwd=work)


def test_a_push_moves_the_head_of_the_pull_request_and_counts_as_a_change(forge: Running, tmp_path: Path) -> None:
    fleet = forge.session()
    git("clone", "--quiet", address(forge, OPERATOR), "work", cwd=tmp_path)
    work = tmp_path / "work"
    git("checkout", "--quiet", "-b", "side", cwd=work)
    git("commit", "--quiet", "--allow-empty", "-m", "One", cwd=work)
    git("push", "--quiet", "origin", "side", cwd=work)
    made = fleet.post(f"{forge.repo}/pulls", json={"title": "Side", "head": "side", "base": "main"})
    assert made.status_code == 201
    etag = fleet.get(f"{forge.repo}/pulls/1").headers["ETag"]
    seq = forge.world.store.seq
    git("commit", "--quiet", "--allow-empty", "-m", "Two", cwd=work)
    git("push", "--quiet", "origin", "side", cwd=work)
    assert forge.world.store.seq > seq
    head = git("rev-parse", "HEAD", cwd=work).strip()
    now = fleet.get(f"{forge.repo}/pulls/1", headers={"If-None-Match": etag})
    assert (now.status_code, now.json()["head"]["sha"], now.json()["commits"]) == (200, head, 2)
    assert head in git("ls-remote", "origin", "refs/pull/1/head", cwd=work)


def test_a_large_push_and_clone_go_through(forge: Running, tmp_path: Path) -> None:
    git("clone", "--quiet", address(forge, FLEET), "work", cwd=tmp_path)
    work = tmp_path / "work"
    (work / "big.bin").write_bytes(os.urandom(3_000_000))
    git("add", ".", cwd=work)
    git("commit", "--quiet", "-m", "Big", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    git("clone", "--quiet", address(forge), "again", cwd=tmp_path)
    assert (tmp_path / "again" / "big.bin").read_bytes() == (work / "big.bin").read_bytes()


def test_a_lease_commit_is_taken_over_by_compare_and_swap_only(forge: Running, tmp_path: Path) -> None:
    git("clone", "--quiet", address(forge, FLEET), "work", cwd=tmp_path)
    work = tmp_path / "work"
    git("commit", "--quiet", "--allow-empty", "-m", "lease of A", cwd=work)
    git("push", "--quiet", "origin", "HEAD:refs/heads/claim/1", cwd=work)
    old = git("rev-parse", "HEAD", cwd=work).strip()
    git("commit", "--quiet", "--allow-empty", "-m", "lease of B", cwd=work)
    git(
        "push", "--quiet", f"--force-with-lease=refs/heads/claim/1:{old}", "origin", "HEAD:refs/heads/claim/1", cwd=work
    )
    git("commit", "--quiet", "--amend", "--allow-empty", "-m", "lease of C", cwd=work)
    lease = f"--force-with-lease=refs/heads/claim/1:{old}"
    git("push", lease, "origin", "HEAD:refs/heads/claim/1", cwd=work, fails=True)


def test_seed_files_become_the_first_commit(tmp_path: Path) -> None:
    from embedded.forge.git.repository import Repository
    from embedded.forge.git.seed import seed

    (tmp_path / "files" / "deploy").mkdir(parents=True)
    (tmp_path / "files" / "deploy" / "policy.yaml").write_text("freeze: no\n")
    repository = Repository(tmp_path / "x.git")
    seed(repository, tmp_path / "files")
    first = repository.ref("refs/heads/main")
    seed(repository, tmp_path / "files")
    assert first is not None
    assert repository.ref("refs/heads/main") == first
    assert repository.text("show", "main:deploy/policy.yaml") == "freeze: no"


@pytest.mark.parametrize(
    "name", ["../x", "refs/heads/../x", "refs/heads/a..b", "refs/heads/.lock", "refs/heads/a b", "-x"]
)
def test_malformed_reference_names_are_refused(name: str) -> None:
    from embedded.forge.git.repository import Repository

    assert not Repository.sound(name)


def test_pushes_are_told_to_webhooks_without_any_rest_call(forge: Running, tmp_path: Path) -> None:
    forge.world.store.hooks.create("http://127.0.0.1:9/nobody", None, "json", ["push"], active=True)
    git("clone", "--quiet", address(forge, OPERATOR), "work", cwd=tmp_path)
    git("commit", "--quiet", "--allow-empty", "-m", "x", cwd=tmp_path / "work")
    git("push", "--quiet", "origin", "main", cwd=tmp_path / "work")
    tried = wait_for(lambda: forge.world.store.hooks.deliveries(1))
    assert (tried[0].event, tried[0].status_code) == ("push", 0)
    assert tried[0].request["payload"]["pusher"]["name"] == "alice"
