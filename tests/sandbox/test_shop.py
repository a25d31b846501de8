"""The demo service: its versions, the good ones and the broken ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployer.sandbox import shop


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_repository_has_every_version_as_a_tag(tmp_path: Path) -> None:
    """What a tag holds is what `tree` says, clean and the same commits every time."""
    first, second = tmp_path / "a", tmp_path / "b"
    shop.write_repository(first)
    shop.write_repository(second)
    assert _git(first, "tag").split() == list(shop.VERSIONS)
    assert _git(first, "status", "--porcelain") == ""
    assert _git(first, "show-ref") == _git(second, "show-ref")
    for version in shop.VERSIONS:
        listed = _git(first, "ls-tree", "-r", "--name-only", version).split()
        assert listed == sorted(shop.tree(version).files)
        assert _git(first, "show", f"{version}:VERSION") == f"{version}\n"


@pytest.mark.parametrize("how", shop.BROKEN)
def test_a_broken_branch_differs_from_the_newest_in_what_is_broken(
    tmp_path: Path, how: str
) -> None:
    """One fault each, so that a failing release shows which step notices it."""
    shop.write_repository(tmp_path / "shop")
    changed = _git(tmp_path / "shop", "diff", "--name-only", "main", f"broken-{how}").split()
    good = shop.tree(shop.VERSIONS[-1])
    broken = {p for p, text in good.broken(how).files.items() if good.files.get(p) != text}
    assert len(broken) == 1
    assert set(changed) == broken | {"VERSION"}


def test_programs_are_executable(tmp_path: Path) -> None:
    """bin/install and bin/migrate run as they are."""
    shop.write_version(tmp_path, "v1.5.0")
    assert all(path.stat().st_mode & 0o111 for path in (tmp_path / "bin").iterdir())


def test_a_version_of_ones_own_is_like_the_newest_with_more_migrations(tmp_path: Path) -> None:
    """Tests make versions as they need them."""
    shop.write_version(tmp_path, "v9.0.0", migrations={"0005_more.sql": "SELECT 1"})
    assert (tmp_path / "VERSION").read_text() == "v9.0.0\n"
    names = sorted(path.name for path in (tmp_path / "migrations").iterdir())
    assert names[-2:] == ["0004_orders_v2.sql", "0005_more.sql"]
