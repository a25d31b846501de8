"""Host keys: encodings that OpenSSH, paramiko and the tag agree on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import asyncssh
import pytest

from reconciler.errors import ConfigError
from reconciler.machine.host_key import (
    HostKeyChange,
    PublicHostKey,
    make_host_key,
    parse_pinned,
)


def test_the_tag_value_is_80_characters_and_reads_back() -> None:
    """A tag value holds 256; the key comes back from it."""
    key = make_host_key()
    assert len(key.public.tag_value) == 80
    assert PublicHostKey.parse(key.public.tag_value) == key.public
    assert PublicHostKey.parse(f"{key.public.tag_value} root@shop\n") == key.public


def test_another_implementation_agrees(tmp_path: Path) -> None:
    """asyncssh reads both halves; ssh-keygen, where there is one, names the same fingerprint."""
    key = make_host_key()
    other = asyncssh.import_private_key(key.private)
    assert other.public_data == key.public.blob
    assert other.get_fingerprint() == key.public.fingerprint
    public = tmp_path / "key.pub"
    public.write_text(key.public.tag_value)
    try:
        shown = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, check=True)
    except FileNotFoundError:
        return
    assert key.public.fingerprint in shown.stdout.decode()


def test_the_private_half_is_in_no_repr() -> None:
    """Values end up in logs and tracebacks."""
    key = make_host_key()
    assert "PRIVATE" in key.private
    assert "PRIVATE" not in repr(key)


def test_every_key_is_another() -> None:
    """One key a deploy."""
    assert make_host_key().public != make_host_key().public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 ???",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ0rDgM0Uq8w0d0f0m8w0mGQ0m8w0mGQ0m8w0mGQ0m8w",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0rDgM0",
    ],
)
def test_what_is_no_ed25519_key_is_refused(text: str) -> None:
    """A tag may hold anything; only a whole ed25519 key can be pinned."""
    with pytest.raises(ConfigError, match="not an ed25519 host key"):
        PublicHostKey.parse(text)


def test_a_tag_has_two_keys_while_one_replaces_the_other() -> None:
    """Both are accepted, no third; a comment after one key is none."""
    old, new, third = (make_host_key().public for _ in range(3))
    both = HostKeyChange(old, new)
    assert len(both.tag_value) == 161
    assert parse_pinned(both.tag_value) == both
    assert (both.accepts(old.blob), both.accepts(new.blob)) == (True, True)
    assert not both.accepts(third.blob)
    assert parse_pinned(old.tag_value) == old
    assert parse_pinned(f"{old.tag_value} root@shop-1") == old
    assert old.fingerprint in both.fingerprint
    assert new.fingerprint in both.fingerprint


def test_a_second_key_that_is_none_is_refused() -> None:
    """A tag that was cut off must not shut the new key out without a word."""
    pair = HostKeyChange(make_host_key().public, make_host_key().public)
    with pytest.raises(ConfigError):
        parse_pinned(pair.tag_value[:-9])
