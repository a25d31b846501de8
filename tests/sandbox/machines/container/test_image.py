"""The tree that container machines boot from: built once, and never half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.sandbox.machines.container import image
from deployer.sandbox.machines.container.image import Recipe
from reconciler.errors import Refused, ToolError

RECIPE = Recipe("bookworm", ("sudo", "cron"))
MAKES = 'for last in "$@"; do case $last in /*.partial) mkdir "$last";; esac; done'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own, root, and a PATH where a test puts its own mmdebstrap first."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return directory


def mmdebstrap(tools: Path, script: str) -> None:
    """A program of that name."""
    path = tools / "mmdebstrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_it_is_built_once_with_progress(tools: Path, tmp_path: Path) -> None:
    """Each stage is said; the second time nothing is built, and nothing said."""
    mmdebstrap(tools, f"echo 'I: downloading packages' >&2; echo noise; {MAKES}")
    said: list[str] = []
    tree = image.build(RECIPE, said.append)
    assert tree == tmp_path / "cache/deployer/machines" / RECIPE.name
    assert tree.is_dir()
    assert "downloading packages" in said
    assert "noise" not in said
    mmdebstrap(tools, "exit 1")
    assert image.build(RECIPE, said.append) == tree
    assert image.find(RECIPE) == tree


def test_a_failure_leaves_no_tree(tools: Path) -> None:
    """The last lines are shown, and the next attempt begins anew."""
    mmdebstrap(tools, f"{MAKES}; echo 'E: cannot resolve the mirror' >&2; exit 25")
    with pytest.raises(ToolError, match="is the package mirror reachable") as caught:
        image.build(RECIPE, lambda _: None)
    assert "cannot resolve the mirror" in caught.value.detail
    assert image.find(RECIPE) is None
    assert [path.suffix for path in image.cache().iterdir()] == [".lock"]


def test_without_the_tool(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that has it is named."""
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(Refused, match="mmdebstrap is not installed") as caught:
        image.build(RECIPE, lambda _: None)
    assert caught.value.cure == "apt-get install mmdebstrap"


def test_an_ordinary_user(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told that it takes root."""
    mmdebstrap(tools, MAKES)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Refused, match="only root"):
        image.build(RECIPE, lambda _: None)


def test_the_name_follows_what_it_is_made_of() -> None:
    """Another package or suite is another tree; the order of packages is none."""
    names = {
        RECIPE.name,
        Recipe("trixie", RECIPE.packages).name,
        Recipe("bookworm", ("sudo",)).name,
    }
    assert len(names) == 3
    assert Recipe("bookworm", ("cron", "sudo")).name == RECIPE.name
