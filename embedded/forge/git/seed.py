"""The first commit of an empty repository."""

import tempfile
from pathlib import Path

from embedded.forge.git.repository import Repository

WHO = {
    "GIT_AUTHOR_NAME": "forge",
    "GIT_AUTHOR_EMAIL": "forge@users.noreply.localhost",
    "GIT_COMMITTER_NAME": "forge",
    "GIT_COMMITTER_EMAIL": "forge@users.noreply.localhost",
}


def seed(git: Repository, folder: Path | None) -> None:
    """Commit the files of `folder` (or a README alone) to the default branch, when it has no commit yet."""
    branch = f"refs/heads/{git.default_branch}"
    if git.ref(branch) is not None:
        return
    with tempfile.TemporaryDirectory() as scratch:
        env = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        if folder is not None:
            git.run("--work-tree", str(folder), "add", "--all", "--force", "--", ":!.git", env=env)
        else:
            blob = git.text("hash-object", "-w", "--stdin", stdin=f"# {git.path.stem}\n".encode())
            git.run("update-index", "--add", "--cacheinfo", f"100644,{blob},README.md", env=env)
        tree = git.text("write-tree", env=env)
    git.create_ref(branch, git.text("commit-tree", tree, "-m", "First commit", env=WHO))
