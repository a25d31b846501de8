"""What a sandbox says of itself, and where it keeps it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from deployer.sandbox.control import state
from deployer.sandbox.control.state import Places, SandboxState
from reconciler.errors import ConfigError


def _own_state(directory: Path) -> SandboxState:
    born = psutil.Process().create_time()
    return SandboxState(pid=os.getpid(), born=born, run="r", token="t", directory=str(directory))


def test_a_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """What a client reads is what the daemon wrote, tuples included."""
    saved = _own_state(tmp_path).with_(phase="ready", services=("shop", "blog"), network=77)
    saved.save(Places(tmp_path))
    assert state.load(Places(tmp_path)) == saved


def test_only_its_owner_can_read_the_state(tmp_path: Path) -> None:
    """The state file holds the door's token."""
    _own_state(tmp_path).save(Places(tmp_path))
    assert Places(tmp_path).state.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"services": [], "later": 1}'])
def test_a_state_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    """Half a file, or another version's, is no sandbox."""
    Places(tmp_path).state.write_text(text)
    assert state.load(Places(tmp_path)) is None


def test_a_recycled_pid_is_not_a_living_sandbox(tmp_path: Path) -> None:
    """Alive means the same pid and the same birth."""
    mine = _own_state(tmp_path)
    assert mine.is_alive()
    assert not mine.with_(born=mine.born - 60).is_alive()


def test_the_directory_is_the_option_then_the_variable_then_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--dir wins over SANDBOX_DIR, which wins over the temporary directory."""
    monkeypatch.setenv("SANDBOX_DIR", "/from/variable")
    assert state.resolve(tmp_path).root == tmp_path
    assert state.resolve().root == Path("/from/variable")
    monkeypatch.delenv("SANDBOX_DIR")
    assert state.resolve().root.name == "default"
    assert str(os.getuid()) in state.resolve().root.parent.name


def test_a_directory_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    """A mistyped --dir must not cost anybody a file."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"thesis\.tex"):
        Places(tmp_path).prepare()


def test_remove_leaves_what_is_not_a_sandboxs(tmp_path: Path) -> None:
    """Only the known names go; the directory goes when that empties it."""
    places = Places(tmp_path / "box")
    places.prepare()
    places.log.touch()
    places.machines.mkdir()
    (places.root / "mine").touch()
    places.remove()
    assert [path.name for path in places.root.iterdir()] == ["mine"]
    (places.root / "mine").unlink()
    places.remove()
    assert not places.root.exists()
