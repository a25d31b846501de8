"""plan and doctor say what a ref would ship, and how it differs from live."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployer.provisioning.repository import examine_code, since_live
from reconciler.errors import ConfigError


def git(root: Path, *words: str) -> None:
    """Run git as somebody."""
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


def commit(root: Path, name: str, text: str) -> None:
    """A commit that writes one file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(root, "add", ".")
    git(root, "commit", "-qm", name)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """v1.4.2, then three commits, two of them migrations, then v1.5.0."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q")
    commit(root, "app.py", "one")
    git(root, "tag", "v1.4.2")
    commit(root, "migrations/0007_colour.sql", "ALTER")
    commit(root, "migrations/0008_size.sql", "ALTER")
    commit(root, "app.py", "two")
    git(root, "tag", "v1.5.0")
    return root


def test_commits_and_migrations_since_live(checkout: Path) -> None:
    """By live's release name; of none, it says that nothing would change."""
    said = since_live(checkout, "v1.4.2", "v1.5.0")
    assert said == (
        "v1.4.2 → v1.5.0, 3 commits, "
        "2 migrations (migrations/0007_colour.sql, migrations/0008_size.sql)"
    )
    assert since_live(checkout, "v1.5.0", "HEAD") == "v1.5.0 → v1.5.0, 0 commits"


def test_a_step_back_is_said(checkout: Path) -> None:
    """An older ref lacks what live has."""
    assert "without 3 commits of live" in since_live(checkout, "v1.5.0", "v1.4.2")


def test_a_release_that_is_no_commit_here_is_not_compared(checkout: Path, tmp_path: Path) -> None:
    """Another repository's name, an archive's digest, a directory without git."""
    assert since_live(checkout, "sha256-0123456789ab", "HEAD") == ""
    (tmp_path / "plain").mkdir()
    assert since_live(tmp_path / "plain", "v1.4.2", "HEAD") == ""


def test_a_ref_that_is_not_there_is_refused(checkout: Path) -> None:
    """As `up` refuses it."""
    with pytest.raises(ConfigError, match=r"has no commit 'v9\.9\.9'"):
        examine_code(checkout, "v9.9.9")


def test_what_is_not_shipped_is_said(checkout: Path) -> None:
    """Uncommitted changes, and what export-ignore keeps out."""
    assert examine_code(checkout, "HEAD").notes() == ()
    (checkout / "docs").mkdir()
    commit(checkout, "docs/guide.md", "guide")
    commit(checkout, ".gitattributes", "docs export-ignore\n")
    (checkout / "app.py").write_text("three")
    assert examine_code(checkout, "HEAD").notes() == (
        "the tree is dirty: the changes of 1 file are not released",
        "export-ignore keeps out of the release: docs/guide.md",
    )
