"""A machine's `ssh-keygen` on a host that has no OpenSSH."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asyncssh
import pytest

from deployer.sandbox.machines.disk import host_tools
from reconciler.machine.host_key import PublicHostKey

SHIM = Path(host_tools.__file__).parent / "shims" / "ssh_keygen.py"
PAIR = ("-q", "-t", "ed25519", "-N", "", "-C", "")


def keygen(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it as a machine would."""
    return subprocess.run(
        [sys.executable, str(SHIM), *words], capture_output=True, text=True, check=False
    )


def test_it_makes_a_pair_that_openssh_reads(tmp_path: Path) -> None:
    """The private half for its owner alone, the public half beside it."""
    file = tmp_path / "key"
    assert keygen(*PAIR, "-f", str(file)).returncode == 0
    public = PublicHostKey.parse(Path(f"{file}.pub").read_text())
    assert asyncssh.read_private_key(str(file)).public_data == public.blob
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [("-t", "rsa"), ("-N", "secret")])
def test_what_it_cannot_make_is_refused(tmp_path: Path, words: tuple[str, str]) -> None:
    """No key of another kind than asked for, and none without its passphrase."""
    assert keygen(*PAIR, *words, "-f", str(tmp_path / "key")).returncode != 0
    assert not list(tmp_path.iterdir())


def test_an_existing_key_is_not_overwritten(tmp_path: Path) -> None:
    """A host key that is lost shuts everybody out."""
    file = tmp_path / "key"
    file.write_text("a key")
    assert keygen(*PAIR, "-f", str(file)).returncode != 0
    assert file.read_text() == "a key"


def test_machines_get_it_only_where_the_host_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSH's own does more."""
    for there in (True, False):
        monkeypatch.setattr("shutil.which", lambda _, is_=there: "/x" if is_ else None)
        links = host_tools.write_shims(tmp_path / "shims")
        assert ("usr/local/bin/ssh-keygen" in links) is not there
